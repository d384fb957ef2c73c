//! What a GPU says of its own state, as far as NVML is there: clocks, temperature, power and what holds
//! them back. It is read by a thread of its own, far from whatever must be on time, and never set.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use super::driver::GpuInfo;

/// A GPU's state when it was last looked at; `None` is what it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Clock of its cores in MHz: now, as it was asked to run when it works, and at most.
    pub clock: Option<u32>,
    /// See [`clock`](Self::clock).
    pub clock_asked: Option<u32>,
    /// See [`clock`](Self::clock).
    pub clock_most: Option<u32>,
    /// Clock of its memory in MHz.
    pub memory_clock: Option<u32>,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
    /// Milliwatts.
    pub power: Option<u32>,
    /// Whether it changes its clock by itself.
    pub auto_boost: Option<bool>,
    /// What holds its clock back, in words; empty if nothing does but that it has nothing to do.
    pub held_back_by: Vec<&'static str>,
}

impl Health {
    /// A GPU's state now.
    ///
    /// # Errors
    /// In words, why it cannot be told: mostly because NVML is not there.
    pub fn of(gpu: &GpuInfo) -> Result<Self, String> {
        let nvml = Nvml::init().map_err(|error| error.to_string())?;
        Ok(Self::read(&find(&nvml, gpu).map_err(|error| error.to_string())?))
    }

    fn read(device: &Device<'_>) -> Self {
        let reasons = device.current_throttle_reasons().unwrap_or(ThrottleReasons::empty());
        Self {
            clock: device.clock_info(Clock::SM).ok(),
            clock_asked: device.applications_clock(Clock::SM).ok(),
            clock_most: device.max_clock_info(Clock::SM).ok(),
            memory_clock: device.clock_info(Clock::Memory).ok(),
            temperature: device.temperature(TemperatureSensor::Gpu).ok(),
            power: device.power_usage().ok(),
            auto_boost: device.auto_boosted_clocks_enabled().ok().map(|boost| boost.is_enabled),
            held_back_by: words(reasons),
        }
    }
}

/// In one line, without what is not known.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |value: Option<u32>, unit: &str| value.map(|value| format!("{value} {unit}"));
        let boost = self.auto_boost.map(|on| if on { "on" } else { "off" });
        let facts = [
            known(self.clock, "MHz"),
            known(self.clock_asked, "MHz when it works"),
            known(self.clock_most, "MHz at most"),
            known(self.memory_clock, "MHz memory"),
            known(self.temperature, "C"),
            known(self.power.map(|power| power / 1_000), "W"),
            boost.map(|boost| format!("auto boost {boost}")),
        ];
        let held = self.held_back_by.iter().map(|reason| format!("held back by {reason}"));
        let facts: Vec<_> = facts.into_iter().flatten().chain(held).collect();
        f.write_str(&facts.join(", "))
    }
}

/// The clock of a GPU's cores, looked at ten times a second for as long as this is there.
#[derive(Debug)]
pub(super) struct ClockWatch {
    clock: Arc<AtomicU32>,
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The clock as it was last seen.
#[derive(Clone, Debug, Default)]
pub(super) struct LastClock(Arc<AtomicU32>);

impl LastClock {
    /// MHz; 0 if it is not known.
    pub(super) fn mhz(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl ClockWatch {
    /// Looks once, and goes on in a thread. Without NVML, or without a thread, the clock is not known.
    pub(super) fn start(gpu: &GpuInfo) -> Self {
        let clock = Arc::new(AtomicU32::new(0));
        let (end, ended) = mpsc::channel();
        let (seen, gpu) = (Arc::clone(&clock), gpu.clone());
        let name = format!("clock {}", gpu.ordinal);
        let watch = move || {
            // What there is not now does not come.
            let Ok(nvml) = Nvml::init() else { return };
            let Ok(device) = find(&nvml, &gpu) else { return };
            loop {
                seen.store(device.clock_info(Clock::SM).unwrap_or(0), Ordering::Relaxed);
                if ended.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name(name).spawn(watch).ok();
        Self { clock, end: Some(end), thread }
    }

    pub(super) fn last(&self) -> LastClock {
        LastClock(Arc::clone(&self.clock))
    }
}

impl Drop for ClockWatch {
    fn drop(&mut self) {
        self.end = None;
        // A panic has been reported by the panic itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn find<'nvml>(nvml: &'nvml Nvml, gpu: &GpuInfo) -> Result<Device<'nvml>, NvmlError> {
    nvml.device_by_pci_bus_id(format!("{}.0", gpu.address))
}

fn words(reasons: ThrottleReasons) -> Vec<&'static str> {
    let known = [
        (ThrottleReasons::SW_POWER_CAP, "its power limit"),
        (ThrottleReasons::HW_SLOWDOWN, "heat or power, in hardware"),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, "heat, in hardware"),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, "its power supply"),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, "heat"),
        (ThrottleReasons::SYNC_BOOST, "another GPU that it keeps in step with"),
        (ThrottleReasons::APPLICATIONS_CLOCKS_SETTING, "the clock that it was asked for"),
        (ThrottleReasons::DISPLAY_CLOCK_SETTING, "its display"),
    ];
    known
        .into_iter()
        .filter(|&(reason, _)| reasons.contains(reason))
        .map(|(_, word)| word)
        .collect()
}

const EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_told_in_one_line_without_what_is_not_known() {
        let health = Health {
            clock: Some(1_980),
            power: Some(312_400),
            auto_boost: Some(true),
            held_back_by: words(ThrottleReasons::GPU_IDLE | ThrottleReasons::SW_POWER_CAP),
            ..Health::default()
        };
        assert_eq!(
            health.to_string(),
            "1980 MHz, 312 W, auto boost on, held back by its power limit"
        );
        assert_eq!(Health::default().to_string(), "");
    }

    #[test]
    fn a_gpu_that_is_not_there_has_no_clock_and_a_reason() {
        let gpu = GpuInfo {
            ordinal: 0,
            name: String::new(),
            capability: (9, 0),
            memory: 0,
            driver: 0,
            address: "ffff:ff:ff".to_owned(),
        };
        assert!(!Health::of(&gpu).unwrap_err().is_empty());
        let watch = ClockWatch::start(&gpu);
        let last = watch.last();
        drop(watch);
        assert_eq!(last.mhz(), 0);
    }
}
