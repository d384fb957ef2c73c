//! The models that scenarios use: a choice from the zoo, from small and fast to large and slow.

use std::sync::Arc;

use clockwork_executor::zoo;
use clockwork_wire::ModelProfile;

use super::Catalogue;

/// Every model that scenarios ask for.
pub(crate) fn catalogue() -> Catalogue {
    only(&NAMES)
}

/// The models with these names.
pub(crate) fn only(names: &[&str]) -> Catalogue {
    let profile = |name: &str| zoo::profile(name).expect("scenarios choose from the zoo");
    Arc::new(names.iter().map(|&name| (name.to_owned(), profile(name))).collect())
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

/// The names of all of them.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}

const NAMES: [&str; 10] = [
    "densenet121",
    "googlenet",
    "inceptionv3",
    "mobile_pose_resnet18_v1",
    "resnet152_v1",
    "resnet18_v2",
    "resnet50_v1",
    "resnet50_v2",
    "tsn_resnet18_v1b_kinetics400",
    "winograd_resnet18_v2",
];
