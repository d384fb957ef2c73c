//! The models that scenarios use: measured on a V100 and published by the original's authors.

use std::sync::Arc;

use clockwork_wire::{BatchProfile, BatchSize, ModelProfile, Pages, Span};

use super::Catalogue;

/// Every model that scenarios ask for.
pub(crate) fn catalogue() -> Catalogue {
    Arc::new(MODELS.iter().map(|row| (row.name.to_owned(), Arc::new(row.profile()))).collect())
}

/// The models of [`catalogue`] with these names.
pub(crate) fn only(names: &[&str]) -> Catalogue {
    let wanted = MODELS.iter().filter(|row| names.contains(&row.name));
    Arc::new(wanted.map(|row| (row.name.to_owned(), Arc::new(row.profile()))).collect())
}

/// The same models on a device that takes `factor` times as long and has only the batch sizes up
/// to `most`.
pub(crate) fn slower(models: &Catalogue, factor: f64, most: u16) -> Catalogue {
    let slow = |profile: &Arc<ModelProfile>| {
        let mut profile = ModelProfile::clone(profile);
        profile.batches.retain(|entry| entry.batch.get() <= most);
        for entry in &mut profile.batches {
            entry.exec = entry.exec.scale(factor);
        }
        Arc::new(profile)
    };
    Arc::new(models.iter().map(|(name, profile)| (name.clone(), slow(profile))).collect())
}

/// The names of all models.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|row| row.name)
}

/// One model: sizes in bytes, times in microseconds, batch sizes 1, 2, 4, 8 and 16.
struct Row {
    name: &'static str,
    input: u32,
    output: u32,
    weights: u64,
    load: u64,
    exec: [u64; 5],
}

impl Row {
    fn profile(&self) -> ModelProfile {
        let batch = |(size, us): (u16, u64)| BatchProfile {
            batch: BatchSize::new(size).expect("16 is within the limit"),
            exec: Span::from_micros(us),
        };
        ModelProfile {
            name: self.name.to_owned(),
            input_size: self.input,
            output_size: self.output,
            weights_size: self.weights,
            pages: Pages::holding(self.weights),
            load: Span::from_micros(self.load),
            batches: [1, 2, 4, 8, 16].into_iter().zip(self.exec).map(batch).collect(),
        }
    }
}

const MODELS: [Row; 10] = [
    Row {
        name: "densenet121",
        input: 602_112,
        output: 4_000,
        weights: 32_000_000,
        load: 3_000,
        exec: [3_800, 5_000, 7_000, 10_000, 18_000],
    },
    Row {
        name: "googlenet",
        input: 602_112,
        output: 4_000,
        weights: 27_000_000,
        load: 2_000,
        exec: [2_000, 2_000, 3_000, 4_000, 7_000],
    },
    Row {
        name: "inceptionv3",
        input: 1_072_812,
        output: 4_000,
        weights: 95_000_000,
        load: 8_000,
        exec: [4_000, 7_000, 11_000, 16_000, 26_000],
    },
    Row {
        name: "mobile_pose_resnet18_v1",
        input: 589_824,
        output: 208_896,
        weights: 51_000_000,
        load: 4_000,
        exec: [1_000, 2_000, 4_000, 6_000, 11_000],
    },
    Row {
        name: "resnet50_v1",
        input: 602_112,
        output: 4_000,
        weights: 102_000_000,
        load: 8_000,
        exec: [3_000, 4_000, 6_000, 9_000, 16_000],
    },
    Row {
        name: "resnet152_v1",
        input: 602_112,
        output: 4_000,
        weights: 241_000_000,
        load: 20_000,
        exec: [8_000, 11_000, 16_000, 26_000, 44_600],
    },
    Row {
        name: "resnet18_v2",
        input: 602_112,
        output: 4_000,
        weights: 46_700_000,
        load: 3_848,
        exec: [1_632, 2_508, 3_617, 6_628, 11_855],
    },
    Row {
        name: "resnet50_v2",
        input: 602_112,
        output: 4_000,
        weights: 102_200_000,
        load: 8_372,
        exec: [3_322, 5_271, 7_495, 12_439, 21_729],
    },
    Row {
        name: "tsn_resnet18_v1b_kinetics400",
        input: 602_112,
        output: 1_600,
        weights: 45_500_000,
        load: 3_710,
        exec: [1_250, 1_720, 2_380, 3_930, 6_830],
    },
    Row {
        name: "winograd_resnet18_v2",
        input: 602_112,
        output: 4_000,
        weights: 77_400_000,
        load: 6_310,
        exec: [950, 1_170, 1_710, 2_810, 5_090],
    },
];
