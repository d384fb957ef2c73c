//! Which CPUs are near a device, and where the threads of a worker's devices run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The CPUs of the memory node that a PCI device is at, named as in `0000:1b:00`; none if the system does
/// not say.
pub(crate) fn near(address: &str) -> Vec<usize> {
    near_in(Path::new("/sys"), address).unwrap_or_default()
}

fn near_in(system: &Path, address: &str) -> Option<Vec<usize>> {
    let device = system.join("bus/pci/devices").join(format!("{}.0", address.to_lowercase()));
    let node = fs::read_to_string(device.join("numa_node")).ok()?;
    // -1: the machine has one node, or does not tell.
    let node: usize = node.trim().parse().ok()?;
    let cpus = system.join(format!("devices/system/node/node{node}/cpulist"));
    listed(fs::read_to_string(cpus).ok()?.trim())
}

/// `0-3,8` is 0, 1, 2, 3 and 8.
fn listed(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last >= MOST {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// Where a device's threads run. Nothing: wherever their maker does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeviceCpus {
    /// The device core's own.
    pub(crate) core: Option<usize>,
    /// For what is beside it: none that a core has, if others are left.
    pub(crate) beside: Vec<usize>,
}

/// Where the threads of devices run, given the CPUs near each of them, of those that are allowed, the first
/// of which is the core's with the sockets. Device cores get CPUs of their own as long as there are some.
pub(crate) fn devices(allowed: &[usize], near: &[Vec<usize>]) -> Vec<DeviceCpus> {
    let mut free: BTreeSet<usize> = allowed.iter().skip(1).copied().collect();
    let mut cores = Vec::new();
    for near in near {
        let core = near.iter().find(|cpu| free.contains(cpu)).or_else(|| free.first()).copied();
        if let Some(core) = core {
            free.remove(&core);
        }
        cores.push(core);
    }
    let beside = |near: &[usize]| -> Vec<usize> {
        let close: Vec<_> = near.iter().filter(|cpu| free.contains(cpu)).copied().collect();
        let choices = [close, free.iter().copied().collect(), allowed.to_vec()];
        choices.into_iter().find(|cpus| !cpus.is_empty()).unwrap_or_default()
    };
    let pairs = cores.into_iter().zip(near);
    pairs.map(|(core, near)| DeviceCpus { core, beside: beside(near) }).collect()
}

/// No machine has more CPUs.
const MOST: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_near_the_cpus_of_its_node() {
        let system = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = system.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("bus/pci/devices/0000:1b:00.0/numa_node", "1\n");
        write("bus/pci/devices/0000:1c:00.0/numa_node", "-1\n");
        write("devices/system/node/node1/cpulist", "2-3,6\n");
        assert_eq!(near_in(system.path(), "0000:1B:00"), Some(vec![2, 3, 6]));
        assert_eq!(near_in(system.path(), "0000:1c:00"), None, "one node");
        assert_eq!(near_in(system.path(), "0000:1d:00"), None, "no such device");
        assert_eq!(listed("0-999999999"), None);
        assert_eq!(listed("1-x"), None);
    }

    #[test]
    fn device_cores_are_near_their_devices_and_have_cpus_of_their_own() {
        let near = [vec![4, 5, 6, 7], vec![0, 1, 2, 3], vec![4, 5, 6, 7]];
        let placed = devices(&[0, 1, 2, 3, 4, 5, 6, 7], &near);
        let cores: Vec<_> = placed.iter().map(|cpus| cpus.core).collect();
        assert_eq!(cores, [Some(4), Some(1), Some(5)], "the first is the sockets'");
        assert_eq!(placed[0].beside, [6, 7]);
        assert_eq!(placed[1].beside, [2, 3]);
    }

    #[test]
    fn what_is_not_near_is_better_than_nothing() {
        let unknown = [Vec::new(), Vec::new(), Vec::new()];
        let placed = devices(&[3, 5, 8], &unknown);
        let cores: Vec<_> = placed.iter().map(|cpus| cpus.core).collect();
        assert_eq!(cores, [Some(5), Some(8), None]);
        assert_eq!(placed[0].beside, [3, 5, 8], "all are taken");
        assert_eq!(devices(&[], &unknown)[0], DeviceCpus::default(), "nothing is pinned");
        assert_eq!(devices(&[0, 1, 2], &[vec![9]])[0].core, Some(1), "not allowed there");
    }
}
