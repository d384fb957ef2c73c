//! How long a scheduler is at work before anything counts: until its weights have spread.
//!
//! A cluster whose memory is still filling orders several times as many LOADs as one that has been
//! up for a while, and a decision is dear where it is to order one. How long memory takes to fill depends
//! on the cell: none at all where every device can hold every model, virtual seconds where there are many
//! of both.

use clockwork_wire::Span;

use super::world::World;

/// Makes turns until LOADs are rare or the most virtual time that this may take is over; returns how
/// much virtual time it took.
pub(super) fn warm_up(world: &mut World) -> Span {
    let begin = world.now();
    loop {
        let before = world.tally;
        let end = world.now() + LOOK;
        while world.now() < end {
            world.step();
        }
        let took = world.now() - begin;
        let settled = world.tally.since(before).loads_per_request() <= RARE;
        if took >= MOST || took >= LEAST && settled {
            return took;
        }
    }
}

/// Over how much virtual time LOADs are counted before they are called rare.
const LOOK: Span = Span::from_millis(125);
/// For so long queues fill and caches settle, whatever is loaded.
const LEAST: Span = Span::from_millis(500);
/// A cluster that always loads is measured as that.
const MOST: Span = Span::from_secs(4);
/// LOADs per request that are rare: one for about ten batches.
const RARE: f64 = 0.02;
