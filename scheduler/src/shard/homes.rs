//! The table of homes: which shard a model's request goes to.

use clockwork_wire::ModelId;
use smallvec::{SmallVec, smallvec};

use super::ShardIndex;

/// Where requests go, by model. A lookup is two loads for a model with one home (about a
/// nanosecond); a hot model has several, and a multiplication spreads its requests by weight.
///
/// A model that nobody has moved is where the *spread* says: shards in proportion to their devices,
/// models in rotation over it, so that a hundred thousand models need no entry and no message.
///
/// Every core holds a copy. The one with the [`Balancer`](super::Balancer) changes the original and
/// sends each [`Move`] to the others, in order; [`Homes::apply`] notices one that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Homes {
    version: u64,
    spread: Box<[ShardIndex]>,
    entries: Vec<Entry>,
    splits: Vec<Split>,
    free: Vec<u32>,
}

/// One home of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// The shard.
    pub shard: ShardIndex,
    /// Its part of the model's requests, in 65,536ths; the parts of a model add up to 65,536.
    pub share: u32,
}

/// The homes of one model; empty means "as the spread says".
pub type Shares = SmallVec<[Home; 4]>;

/// A change of the table, small enough to be sent to every core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The table's version after the change: one more than before.
    pub version: u64,
    /// What changes.
    pub to: Destination,
}

/// What a [`Move`] changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The homes of one model.
    Model {
        /// The model.
        model: ModelId,
        /// Its homes from now on.
        homes: Shares,
    },
    /// Where models go that have no homes of their own: model number modulo the length.
    Spread(Box<[ShardIndex]>),
}

/// A move that does not follow on the table's version: one before it is missing, so the whole table
/// has to be copied anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staleness {
    /// The version of the table.
    pub has: u64,
    /// The version that the move makes of the one before.
    pub offered: u64,
}

impl Homes {
    /// A table of `shards` shards with equal parts of all models.
    pub fn new(shards: usize) -> Self {
        let all = ShardIndex::all(shards);
        Self {
            version: 0,
            spread: all.cycle().take(SPREAD_SLOTS).collect(),
            entries: Vec::new(),
            splits: Vec::new(),
            free: Vec::new(),
        }
    }

    /// How often the table has changed.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The shard of the `n`-th request of `model`. `n` may count the model's requests, or all
    /// requests (so an id will do): any numbers that do not repeat are spread by weight. The same
    /// `n` always gives the same shard while the table's version is the same.
    pub fn home(&self, model: ModelId, n: u64) -> ShardIndex {
        match self.entries.get(model.index()) {
            Some(&Entry::One(shard)) => shard,
            Some(&Entry::Split(at)) => self.splits[index(at)].pick(n),
            Some(Entry::Spread) | None => self.spread_home(model),
        }
    }

    /// Whether all requests of `model` go to one shard, whatever their number.
    pub fn is_single(&self, model: ModelId) -> bool {
        !matches!(self.entries.get(model.index()), Some(Entry::Split(_)))
    }

    /// Whether some requests of `model` go to `shard`.
    pub fn is_home(&self, model: ModelId, shard: ShardIndex) -> bool {
        self.homes(model).iter().any(|home| home.shard == shard)
    }

    /// The homes of a model; never empty.
    pub fn homes(&self, model: ModelId) -> Shares {
        match self.entries.get(model.index()) {
            Some(&Entry::One(shard)) => smallvec![Home { shard, share: WHOLE }],
            Some(&Entry::Split(at)) => self.splits[index(at)].homes(),
            Some(Entry::Spread) | None => {
                smallvec![Home { shard: self.spread_home(model), share: WHOLE }]
            }
        }
    }

    /// Makes a change that follows on this version; one that is known already changes nothing.
    ///
    /// # Errors
    /// If a change before it is missing; the table stays as it was.
    pub fn apply(&mut self, change: &Move) -> Result<(), Staleness> {
        if change.version <= self.version {
            return Ok(());
        }
        if change.version != self.version + 1 {
            return Err(Staleness { has: self.version, offered: change.version });
        }
        self.version = change.version;
        match &change.to {
            Destination::Model { model, homes } => self.set(*model, homes),
            // A spread of nothing cannot be followed; it would come from no balancer.
            Destination::Spread(spread) if spread.is_empty() => {}
            Destination::Spread(spread) => self.spread.clone_from(spread),
        }
        Ok(())
    }

    /// Makes a change of one's own, and returns the move that tells the copies.
    pub(super) fn change(&mut self, to: Destination) -> Move {
        let change = Move { version: self.version + 1, to };
        self.apply(&change).expect("the next version follows on this one");
        change
    }

    /// Where models go that have no homes of their own.
    pub(super) fn spread(&self) -> &[ShardIndex] {
        &self.spread
    }

    /// Where `model` goes by the spread.
    pub(super) fn spread_home(&self, model: ModelId) -> ShardIndex {
        self.spread[model.index() % self.spread.len()]
    }

    /// Whether `model` has homes of its own.
    pub(super) fn is_placed(&self, model: ModelId) -> bool {
        !matches!(self.entries.get(model.index()), Some(Entry::Spread) | None)
    }

    fn set(&mut self, model: ModelId, homes: &[Home]) {
        if self.entries.len() <= model.index() {
            if homes.is_empty() {
                return;
            }
            self.entries.resize(model.index() + 1, Entry::Spread);
        }
        if let Entry::Split(at) = self.entries[model.index()] {
            self.splits[index(at)] = Split::default();
            self.free.push(at);
        }
        self.entries[model.index()] = match *homes {
            [] => Entry::Spread,
            [one] => Entry::One(one.shard),
            _ => Entry::Split(self.add_split(Split::new(homes))),
        };
    }

    fn add_split(&mut self, split: Split) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.splits.push(Split::default());
            u32::try_from(self.splits.len() - 1).expect("fewer splits than models")
        });
        self.splits[index(at)] = split;
        at
    }
}

/// Where a model goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// As the spread says.
    Spread,
    /// To one shard.
    One(ShardIndex),
    /// To several; an index into the splits.
    Split(u32),
}

/// The homes of a hot model: each shard with the upper end of its part of 0 to 65,535.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Split {
    ends: SmallVec<[(ShardIndex, u32); 4]>,
}

impl Split {
    fn new(homes: &[Home]) -> Self {
        let mut end = 0;
        let mut upto = |home: &Home| {
            end += home.share;
            (home.shard, end)
        };
        Self { ends: homes.iter().map(&mut upto).collect() }
    }

    /// Steps of the golden ratio fall evenly into every interval, so that parts are met closely
    /// even over few requests.
    fn pick(&self, n: u64) -> ShardIndex {
        let place = u32::try_from(n.wrapping_mul(GOLDEN) >> 48).expect("16 bits fit");
        let found = self.ends.iter().find(|&&(_, end)| place < end).or_else(|| self.ends.last());
        found.map_or(ShardIndex::FIRST, |&(shard, _)| shard)
    }

    fn homes(&self) -> Shares {
        let mut before = 0;
        let part = |&(shard, end): &(ShardIndex, u32)| {
            let share = end - before;
            before = end;
            Home { shard, share }
        };
        self.ends.iter().map(part).collect()
    }
}

fn index(at: u32) -> usize {
    usize::try_from(at).expect("an index fits usize")
}

/// All requests of a model.
pub(super) const WHOLE: u32 = 1 << 16;

/// Entries of the spread: fine enough for 64 shards with unequal devices, small enough for a message.
pub(super) const SPREAD_SLOTS: usize = 1_024;

/// 2^64 divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(number: usize) -> ShardIndex {
        ShardIndex::new(number).unwrap()
    }

    fn to_model(model: u32, homes: &[(usize, u32)]) -> Destination {
        let home = |&(number, share)| Home { shard: shard(number), share };
        Destination::Model { model: ModelId::new(model), homes: homes.iter().map(home).collect() }
    }

    #[test]
    fn models_without_a_home_are_spread_evenly() {
        let homes = Homes::new(4);
        let mut counts = [0; 4];
        for model in 0..400 {
            counts[homes.home(ModelId::new(model), 7).index()] += 1;
        }
        assert_eq!(counts, [100; 4]);
    }

    #[test]
    fn a_hot_models_requests_are_split_by_weight_also_over_few_of_them() {
        let mut homes = Homes::new(3);
        homes.change(to_model(5, &[(0, WHOLE / 2), (1, WHOLE / 8), (2, 3 * WHOLE / 8)]));
        for from in [0, 1_000_003, u64::MAX - 900] {
            let mut counts = [0_i32; 3];
            for n in 0..800 {
                counts[homes.home(ModelId::new(5), from + n).index()] += 1;
            }
            let near = |count: i32, part: i32| (count - part).abs() <= 5;
            assert!(near(counts[0], 400) && near(counts[1], 100), "{counts:?}");
        }
    }

    #[test]
    fn copies_that_apply_the_moves_agree_and_a_gap_is_noticed() {
        let mut original = Homes::new(2);
        let (mut copy, mut late) = (original.clone(), original.clone());
        let first = original.change(to_model(3, &[(1, WHOLE)]));
        let second = original.change(to_model(3, &[(0, 6_000), (1, WHOLE - 6_000)]));
        let third = original.change(to_model(3, &[]));
        for change in [&first, &second, &first, &third] {
            copy.apply(change).unwrap();
        }
        assert_eq!(copy, original);
        assert_eq!(late.apply(&second), Err(Staleness { has: 0, offered: 2 }));
        assert_eq!(late.version(), 0);
    }

    #[test]
    fn a_split_that_ends_leaves_its_place_to_the_next() {
        let mut homes = Homes::new(2);
        for model in 0..100 {
            homes.change(to_model(model, &[(0, 1), (1, WHOLE - 1)]));
            homes.change(to_model(model, &[(0, WHOLE)]));
        }
        assert_eq!(homes.splits.len(), 1);
        assert_eq!(homes.homes(ModelId::new(9))[..], [Home { shard: shard(0), share: WHOLE }]);
    }
}
