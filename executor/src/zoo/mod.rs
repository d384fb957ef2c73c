//! Models that a worker can serve: the built-in zoo of profiles, original model folders, and the
//! catalogue that finds a model by its name.

pub mod catalogue;
pub mod original;
pub mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use clockwork_wire::ModelProfile;

pub use self::catalogue::{Catalogue, model_name};

/// The names of the built-in models, in alphabetical order: the 61 of the published zoo.
pub fn names() -> impl Iterator<Item = &'static str> {
    profiles().keys().map(String::as_str).filter(|name| !UNLISTED.contains(name))
}

/// The profile of a built-in model; those that [`names`] leaves out are found too.
pub fn profile(name: &str) -> Option<Arc<ModelProfile>> {
    profiles().get(name).map(Arc::clone)
}

fn profiles() -> &'static BTreeMap<String, Arc<ModelProfile>> {
    static PROFILES: OnceLock<BTreeMap<String, Arc<ModelProfile>>> = OnceLock::new();
    PROFILES.get_or_init(|| {
        let profiles = table::parse(VOLTA_V100).expect("the built-in table is well formed");
        profiles.into_iter().map(|p| (p.name.clone(), Arc::new(p))).collect()
    })
}

const VOLTA_V100: &str = include_str!("../../../zoo/profiles/volta_v100.tsv");

/// In the table, but not among the published zoo's 61: variants that were tuned by hand, and
/// `resnet50_v2` as if its inputs had 4 kB, for measurements of requests rather than of bytes.
const UNLISTED: [&str; 4] =
    ["resnet101_tuned_1_9x", "resnet101_tuned_2_2x", "resnet50_tuned_1_8x", "resnet50_v2_4kb"];

#[cfg(test)]
mod tests {
    use clockwork_wire::{BatchSize, Pages, Span};

    use super::*;

    #[test]
    fn the_zoo_lists_61_models_and_knows_four_more() {
        assert_eq!(names().count(), 61);
        assert_eq!(profiles().len(), 65);
        for name in UNLISTED {
            assert!(profile(name).is_some() && !names().any(|listed| listed == name), "{name}");
        }
        assert_eq!(profile("resnet50"), None);
    }

    #[test]
    fn resnet50_v2_is_what_the_originals_documentation_prints() {
        let profile = profile("resnet50_v2").unwrap();
        assert_eq!((profile.input_size, profile.output_size), (602_112, 4_000));
        assert_eq!((profile.weights_size, profile.pages), (102_160_300, Pages::new(7)));
        assert_eq!(profile.load, Span::new(8_372_000));
        assert_eq!(profile.exec(BatchSize::ONE), Some(Span::new(3_322_000)));
        assert_eq!(profile.batches.last().unwrap().exec, Span::new(21_728_879));
        let small = super::profile("resnet50_v2_4kb").unwrap();
        assert_eq!((small.input_size, &small.batches), (4_096, &profile.batches));
    }
}
