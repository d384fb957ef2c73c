//! How many models on how many devices, and how they are spread.

use std::fmt;

use clockwork_wire::{DeviceState, GpuId, ModelId, Pages};

/// Models and devices of the cells that are measured unless one is asked for.
pub(super) const SIZES: [(u32, u32); 4] = [(10, 10), (100, 100), (1_000, 100), (10_000, 1_000)];

/// The largest batch size.
pub(super) const MAX_BATCH: u16 = 16;

/// Devices of one worker.
pub(super) const DEVICES_PER_WORKER: u32 = 10;

/// Pages of a device's weights cache: the default 22 GB.
const CACHE: Pages = Pages::new(1_376);

/// How requests spread over models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Popularity {
    /// Every model alike.
    Uniform,
    /// The n-th model by 1/n.
    Zipf,
}

impl fmt::Display for Popularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
        })
    }
}

/// One configuration that is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// Models of each scheduler.
    pub(super) models: u32,
    /// Devices of each scheduler.
    pub(super) devices: u32,
    /// How requests spread over models.
    pub(super) popularity: Popularity,
}

impl Cell {
    /// Its name in the report.
    pub(super) fn label(self) -> String {
        format!("{}x{}-{}", self.models, self.devices, self.popularity)
    }

    /// The share of requests that each model gets; they add up to 1.
    pub(super) fn shares(self) -> Vec<f64> {
        let weight = |rank: u32| match self.popularity {
            Popularity::Uniform => 1.0,
            Popularity::Zipf => 1.0 / f64::from(rank),
        };
        let total: f64 = (1..=self.models).map(weight).sum();
        (1..=self.models).map(|rank| weight(rank) / total).collect()
    }

    /// The devices as their workers describe them, with weights where they would be after a while:
    /// each model on twice as many devices as its requests keep busy, and on two at least.
    pub(super) fn devices(self, pages_per_model: Pages) -> Vec<DeviceState> {
        let room = usize::try_from(CACHE.get() / pages_per_model.get()).expect("pages fit usize");
        let device = |index: u32| DeviceState {
            gpu: GpuId::new(index % DEVICES_PER_WORKER),
            class: "v100".to_owned(),
            pages: CACHE,
            ..DeviceState::default()
        };
        let mut devices: Vec<DeviceState> = (0..self.devices).map(device).collect();
        let mut next = (0..devices.len()).cycle();
        for (model, share) in (0..self.models).map(ModelId::new).zip(self.shares()) {
            let busy = (2.0 * share * f64::from(self.devices)).ceil();
            for _ in (0..self.devices).take_while(|&copy| f64::from(copy) < busy.max(2.0)) {
                let device = &mut devices[next.next().expect("there is a device")];
                if device.loaded.len() < room {
                    device.loaded.push(model);
                }
            }
        }
        devices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_on_two_devices_and_the_popular_ones_on_more() {
        let cell = Cell { models: 100, devices: 20, popularity: Popularity::Zipf };
        let devices = cell.devices(Pages::new(7));
        let copies = |model| devices.iter().filter(|d| d.loaded.contains(&model)).count();
        assert_eq!(copies(ModelId::new(99)), 2);
        assert!(copies(ModelId::new(0)) > 2, "{}", copies(ModelId::new(0)));
        assert!((cell.shares().iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_device_holds_each_model_once_and_no_more_than_fit() {
        let cell = Cell { models: 1_000, devices: 3, popularity: Popularity::Uniform };
        for device in cell.devices(Pages::new(7)) {
            assert!(device.loaded.len() <= 196, "{}", device.loaded.len());
            let mut models = device.loaded.clone();
            models.sort_unstable();
            models.dedup();
            assert_eq!(models.len(), device.loaded.len());
        }
    }
}
