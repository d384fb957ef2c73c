//! Asks the kernel for what cores need before the first one starts, and says in clear words what
//! is missing.

use std::io;
use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the machine refuses.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The container or the administrator forbids `io_uring`.
    #[error(
        "io_uring is blocked (by a container's seccomp profile, or by kernel.io_uring_disabled): \
         in docker use `--security-opt seccomp=unconfined` or a profile that allows io_uring_*, \
         else `sysctl kernel.io_uring_disabled=0`"
    )]
    Blocked,
    /// The kernel has no `io_uring`.
    #[error("this kernel has no io_uring: 5.8 or newer is needed")]
    Missing,
    /// Locked memory is limited too tightly.
    #[error(
        "the limit on locked memory (RLIMIT_MEMLOCK) is {limit} bytes, {needed} are needed for \
         {cores} cores: `ulimit -l unlimited`, systemd `LimitMEMLOCK=infinity`, docker \
         `--ulimit memlock=-1`"
    )]
    Memlock {
        /// Bytes allowed.
        limit: u64,
        /// Bytes needed.
        needed: u64,
        /// Cores asked for.
        cores: u64,
    },
    /// Something else is wrong with `io_uring`.
    #[error("io_uring does not work")]
    Other(#[source] io::Error),
}

/// What the machine gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// CPUs that this process may use.
    pub cpus: usize,
    /// Bytes that may be locked in memory; `u64::MAX` is "unlimited".
    pub memlock: u64,
}

/// Checks `io_uring` and the limits for a process of `cores` cores, raising soft limits to the hard
/// ones where that helps. Call it first in `main`.
///
/// # Errors
/// With what is missing and what to do.
pub fn check(cores: u64) -> Result<Preflight, PreflightError> {
    let memlock = raise_limit(Resource::Memlock);
    // More descriptors are only better; the old limit is no reason to stop.
    let _ = raise_limit(Resource::Nofile);
    judge_memlock(memlock, cores)?;
    io_uring::IoUring::new(4).map_err(|error| explain(error, memlock, cores))?;
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    Ok(Preflight { cpus, memlock })
}

/// The library refuses to start below a minimum even where the kernel would not charge it.
fn judge_memlock(limit: u64, cores: u64) -> Result<(), PreflightError> {
    if limit < MEMLOCK_LEAST {
        return Err(PreflightError::Memlock { limit, needed: MEMLOCK_LEAST, cores });
    }
    Ok(())
}

fn explain(error: io::Error, limit: u64, cores: u64) -> PreflightError {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => PreflightError::Blocked,
        Some(libc::ENOSYS) => PreflightError::Missing,
        Some(libc::ENOMEM) => {
            PreflightError::Memlock { limit, needed: cores.saturating_mul(MEMLOCK_PER_CORE), cores }
        }
        _ => PreflightError::Other(error),
    }
}

/// Raises the soft limit to the hard one; gives the limit that then holds, `u64::MAX` for none.
fn raise_limit(resource: Resource) -> u64 {
    let Rlimit { current, maximum } = getrlimit(resource);
    let raised = setrlimit(resource, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }.unwrap_or(u64::MAX)
}

/// What the library insists on.
const MEMLOCK_LEAST: u64 = 512 << 10;
/// What the rings of one core are charged, rounded up.
const MEMLOCK_PER_CORE: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_memlock_names_the_limit_and_the_remedy() {
        let text = judge_memlock(65_536, 1).unwrap_err().to_string();
        assert!(text.contains("65536") && text.contains("ulimit -l"), "{text}");
        assert!(judge_memlock(MEMLOCK_LEAST, 1).is_ok());
    }

    #[test]
    fn a_blocked_io_uring_is_told_from_a_missing_one() {
        let explain = |errno| explain(io::Error::from_raw_os_error(errno), 1 << 20, 9).to_string();
        assert!(explain(libc::EPERM).contains("seccomp"));
        assert!(explain(libc::ENOSYS).contains("kernel has no io_uring"));
        assert!(explain(libc::ENOMEM).contains("9 cores"));
    }

    #[test]
    fn raising_a_limit_gives_the_one_that_holds() {
        let first = raise_limit(Resource::Nofile);
        assert_eq!(raise_limit(Resource::Nofile), first);
        assert!(first > 0);
    }
}
