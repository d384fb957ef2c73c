//! What the controller's console tells of its devices.

use super::Window;
use super::process::Line;

/// What the devices did, over the intervals of the console within a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::bench) struct Devices {
    /// Devices busy with INFERs, on average.
    pub(in crate::bench) busy: f64,
    /// LOADs per second: a window with many is not warm.
    pub(in crate::bench) loads_per_s: f64,
}

/// The mean over all intervals of `length` seconds that lie within the window; `None` if none does.
/// An interval ends with the line of its clients.
pub(super) fn devices(lines: &[Line], window: Window, length: f64) -> Option<Devices> {
    let mut intervals = Vec::new();
    let mut devices = Devices::default();
    for Line { at, text } in lines {
        if text.starts_with("Client ") {
            let whole = window.holds(at - length + SLACK) && window.holds(at - SLACK);
            intervals.extend(whole.then_some(devices));
            devices = Devices::default();
        } else if text.contains(" Infer ") {
            devices.busy += value(text, "utilization=");
        } else if text.contains(" LoadW ") {
            devices.loads_per_s += value(text, "throughput=");
        }
    }
    let count = f64::from(u32::try_from(intervals.len()).ok().filter(|&count| count > 0)?);
    let mean = |of: fn(&Devices) -> f64| intervals.iter().map(of).sum::<f64>() / count;
    Some(Devices { busy: mean(|d| d.busy), loads_per_s: mean(|d| d.loads_per_s) })
}

fn value(line: &str, name: &str) -> f64 {
    let word = line.split(' ').find_map(|word| word.strip_prefix(name));
    word.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// How late a line may come.
const SLACK: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_intervals_within_the_window_count() {
        let lines = [
            (1.0, "W0-GPU0 Infer min=3 throughput=2 utilization=0.99 clock=[1380-1380]"),
            (1.0, "Client throughput=1"),
            (2.0, "W0-GPU0 LoadW min=8 throughput=5.0 utilization=0.90 clock=[0-0]"),
            (2.0, "W0-GPU0 Infer min=3 throughput=2 utilization=0.50 clock=[1380-1380]"),
            (2.0, "W0-GPU1 Infer min=3 throughput=2 utilization=0.75 clock=[1380-1380]"),
            (2.0, "Client throughput=2"),
            (3.0, "W0-GPU1 Infer min=3 throughput=2 utilization=0.75 clock=[1380-1380]"),
            (3.0, "Client throughput=2"),
        ];
        let lines = lines.map(|(at, text)| Line { at, text: text.to_owned() });
        let window = Window { from: 1.0, to: 3.0 };
        let found = devices(&lines, window, 1.0).unwrap();
        assert!((found.busy - 1.0).abs() < 1e-9, "{found:?}");
        assert!((found.loads_per_s - 2.5).abs() < 1e-9, "{found:?}");
        assert_eq!(devices(&lines, Window { from: 5.0, to: 9.0 }, 1.0), None);
    }
}
