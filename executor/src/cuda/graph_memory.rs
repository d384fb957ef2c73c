//! What graphs take of a device's memory, and how many more fit.
//!
//! Only the driver knows what a graph takes. So free memory is looked at before and after each instance's
//! graphs are made. The driver takes memory in pieces of some MiB, of which most instances take none: what
//! counts is the mean over all instances of a kind, that is of one model with the same batch sizes, and a
//! piece more or less. The first instance of a kind is counted apart, because libraries load code with it that stays. Memory of
//! graphs that are gone is used again for others of their kind, so that only an instance that is one more
//! than there ever were at a time tells anything new.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The account of one device.
#[derive(Debug)]
pub(super) struct GraphMemory {
    budget: u64,
    kinds: BTreeMap<String, Kind>,
}

/// Instances whose graphs are the same but for addresses.
#[derive(Debug, Default)]
struct Kind {
    /// One more than instances that are alive.
    alive: Arc<()>,
    /// The most that were alive at a time.
    peak: u64,
    /// Bytes that became used with the first, for graphs and code.
    first: u64,
    /// Bytes that became used with the others, up to the peak.
    others: u64,
}

/// Keeps an instance's share for as long as it lives.
#[derive(Debug)]
pub(super) struct Share(#[expect(dead_code, reason = "it is counted")] Arc<()>);

impl GraphMemory {
    /// Graphs and what is loaded with them may take so many bytes.
    pub(super) const fn new(budget: u64) -> Self {
        Self { budget, kinds: BTreeMap::new() }
    }

    /// Whether one more instance of a kind fits, and whether so many in all may.
    ///
    /// # Errors
    /// If not, in words; says how many do.
    pub(super) fn admit(&self, kind: &str, copies: u32) -> Result<(), String> {
        let left = self.budget.saturating_sub(self.used());
        let least = self.kinds.get(kind).and_then(Kind::least).unwrap_or(0);
        if left >= PIECE && least.saturating_mul(u64::from(copies)) <= left {
            return Ok(());
        }
        let more = match self.fits(kind) {
            Some(more) => format!("{more} more of the model's fit"),
            None => "what the model's take is not known".to_owned(),
        };
        Err(format!(
            "no room for the graphs of {copies} more instances: of executor.graphs_size, which is {} MiB, \
             {} MiB are used; {more}",
            self.budget >> 20,
            self.used() >> 20
        ))
    }

    /// How many more instances of a kind fit for certain; `None` if what they take is not known.
    pub(super) fn fits(&self, kind: &str) -> Option<u64> {
        let most = self.kinds.get(kind)?.most()?;
        self.budget.saturating_sub(self.used() + 2 * PIECE).checked_div(most)
    }

    /// An instance was made, with so many bytes free before and after.
    pub(super) fn record(&mut self, kind: &str, before: u64, after: u64) -> Share {
        let kind = self.kinds.entry(kind.to_owned()).or_default();
        let share = Share(Arc::clone(&kind.alive));
        let taken = before.saturating_sub(after);
        let alive = kind.alive();
        if alive > kind.peak {
            kind.peak = alive;
            *(if alive == 1 { &mut kind.first } else { &mut kind.others }) += taken;
        }
        share
    }

    /// Bytes that graphs and code take.
    fn used(&self) -> u64 {
        self.kinds.values().map(Kind::used).sum()
    }
}

impl Kind {
    fn alive(&self) -> u64 {
        u64::try_from(Arc::strong_count(&self.alive) - 1).expect("a count fits 64 bits")
    }

    /// Bytes that an instance takes at least, if enough were made to tell.
    fn least(&self) -> Option<u64> {
        self.mean_of(self.others.saturating_sub(PIECE))
    }

    /// Bytes that an instance takes at most, if enough were made to tell.
    fn most(&self) -> Option<u64> {
        self.mean_of(self.others + PIECE)
    }

    fn mean_of(&self, others: u64) -> Option<u64> {
        (self.peak >= TELLING).then(|| others.div_ceil(self.peak - 1))
    }

    fn used(&self) -> u64 {
        let alive = self.alive().saturating_sub(1);
        let others = u128::from(self.others) * u128::from(alive);
        let others = others.div_ceil(u128::from(self.peak.saturating_sub(1).max(1)));
        self.first + u64::try_from(others).expect("a part of it fits")
    }
}

/// So many instances of a kind must have been made before their mean is believed.
const TELLING: u64 = 64;

/// In pieces of this a driver takes memory.
const PIECE: u64 = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A driver that takes memory in pieces of two MiB, and keeps it.
    struct Driver {
        free: u64,
        spare: u64,
    }

    impl Driver {
        fn take(&mut self, bytes: u64) -> (u64, u64) {
            let before = self.free;
            while self.spare < bytes {
                self.free -= 2 * MIB;
                self.spare += 2 * MIB;
            }
            self.spare -= bytes;
            (before, self.free)
        }
    }

    /// Makes instances of 300 KiB until one is refused.
    fn fill(memory: &mut GraphMemory, driver: &mut Driver, wanted: u32) -> (Vec<Share>, String) {
        let mut shares = Vec::new();
        for made in 0..wanted {
            if let Err(refused) = memory.admit("m", wanted - made) {
                return (shares, refused);
            }
            let (before, after) = driver.take(300 << 10);
            shares.push(memory.record("m", before, after));
        }
        (shares, String::new())
    }

    #[test]
    fn instances_fit_as_long_as_their_mean_does() {
        let mut memory = GraphMemory::new(64 * MIB);
        let mut driver = Driver { free: 1 << 40, spare: 0 };
        let (kept, refused) = fill(&mut memory, &mut driver, 180);
        assert_eq!((kept.len(), refused.as_str()), (180, ""));
        assert!((180..=190).contains(&(memory.used() / (300 << 10))), "{}", memory.used());
        let more = memory.fits("m").unwrap();
        assert!((5..=25).contains(&more), "{more}");
        let (rest, refused) = fill(&mut memory, &mut driver, u32::try_from(more).unwrap());
        assert!(refused.is_empty() && memory.used() <= 64 * MIB, "{} more: {refused}", rest.len());
    }

    #[test]
    fn what_cannot_fit_is_refused_as_soon_as_that_is_known_and_told_how_many_fit() {
        let mut memory = GraphMemory::new(64 * MIB);
        let mut driver = Driver { free: 1 << 40, spare: 0 };
        let (made, refused) = fill(&mut memory, &mut driver, 1_000);
        assert_eq!(made.len(), 64);
        assert!(refused.contains("graphs of 936 more instances"), "{refused}");
        assert!(refused.contains("executor.graphs_size, which is 64 MiB"), "{refused}");
        let (_, more) = refused.rsplit_once("; ").unwrap();
        let more: u32 = more.strip_suffix(" more of the model's fit").unwrap().parse().unwrap();
        assert!((100..=150).contains(&more), "{refused}");
        let (kept, refused) = fill(&mut memory, &mut driver, more);
        assert_eq!((u32::try_from(kept.len()), refused.as_str()), (Ok(more), ""));
    }

    #[test]
    fn memory_of_instances_that_are_gone_is_there_for_others() {
        let mut memory = GraphMemory::new(64 * MIB);
        let mut driver = Driver { free: 1 << 40, spare: 0 };
        let before = {
            let (kept, _) = fill(&mut memory, &mut driver, 150);
            assert_eq!(kept.len(), 150);
            memory.used()
        };
        assert_eq!(memory.used(), memory.kinds["m"].first);
        // The driver uses it again: nothing becomes used.
        let mut kept = Vec::new();
        for left in (1..=150).rev() {
            memory.admit("m", left).unwrap();
            kept.push(memory.record("m", driver.free, driver.free));
        }
        assert_eq!(memory.used(), before);
    }

    #[test]
    fn a_budget_of_nothing_allows_nothing() {
        let memory = GraphMemory::new(0);
        assert!(memory.admit("m", 1).unwrap_err().contains("which is 0 MiB"));
        assert_eq!(memory.fits("m"), None);
    }
}
