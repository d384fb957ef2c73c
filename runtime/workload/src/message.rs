//! What goes into an engine and what comes out.

use clockwork_wire::{ModelId, Nanos, RequestId, Status, UserId};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Answers [`Output::Load`]: the copies have these contiguous ids.
    Loaded {
        /// The first id.
        first: ModelId,
        /// How many ids; as many as were asked for.
        copies: u32,
    },
    /// Answers [`Output::List`]: the controller serves. The workload starts now.
    Listed {
        /// How many devices serve, for workloads whose rates depend on that.
        gpus: u32,
    },
    /// The one answer to a submitted request, also for one that could not be sent.
    Answered {
        /// Which request.
        tag: Tag,
        /// What became of it.
        status: Status,
    },
    /// Submit nothing more; [`Output::Done`] follows when everything is answered.
    Stop,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Load copies of a model; come back with [`Input::Loaded`] before the next one is asked for.
    Load(LoadModels),
    /// List the models, again while the controller is initialising; come back with
    /// [`Input::Listed`].
    List,
    /// Send a request; come back with [`Input::Answered`].
    Submit(Submit),
    /// Tell the user.
    Print(String),
    /// Nothing more will come: the workload is over and everything is answered.
    Done,
}

/// Copies of a model that the workload needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadModels {
    /// The model's name.
    pub name: String,
    /// How many; each becomes a model of its own. 1 to 65,536.
    pub copies: u32,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Submit {
    /// Comes back with the answer; unique within the engine.
    pub tag: Tag,
    /// Who asks: the index of the part of the workload.
    pub user: UserId,
    /// The model to run.
    pub model: ModelId,
    /// SLO as a multiple of the model's batch-1 time; 0 means the controller's default.
    pub slo_factor: f32,
    /// When it was meant to be sent; latency counts from here, however late it really is.
    pub intended: Nanos,
}

/// Names a request within its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u64);

impl Tag {
    /// Generators per engine: the tag holds the generator's index in its upper 24 bits.
    pub const GENERATORS_MAX: usize = 1 << 24;

    /// The tag of a generator's request.
    pub(crate) fn new(generator: u32, number: u64) -> Self {
        Self(u64::from(generator) << NUMBER_BITS | (number & NUMBER_MASK))
    }

    /// The tag that was sent as this request id.
    pub const fn from_request(id: RequestId) -> Self {
        Self(id.get())
    }

    /// The tag as a request id for the wire.
    pub const fn request(self) -> RequestId {
        RequestId::new(self.0)
    }

    /// The index of the generator that made it.
    pub(crate) fn generator(self) -> usize {
        usize::try_from(self.0 >> NUMBER_BITS).expect("24 bits fit usize")
    }
}

/// Numbers come again after 2^40 requests of an engine, which is 500 days at 25,000 a second.
const NUMBER_BITS: u32 = 40;
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_remembers_its_generator_and_survives_the_wire() {
        let tag = Tag::new(3_999, NUMBER_MASK + 8);
        assert_eq!(tag.generator(), 3_999);
        assert_eq!(tag, Tag::new(3_999, 7));
        assert_eq!(Tag::from_request(tag.request()), tag);
    }
}
