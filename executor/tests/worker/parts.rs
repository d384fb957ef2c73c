//! LOADs of some of a model's pages, and EVICTs of its last ones.

use std::collections::{BTreeMap, BTreeSet};

use clockwork_wire::{
    Action, ActionId, ActionKind, Nanos, PageRange, Pages, Span, Status, Window, part_of_load,
};
use proptest::prelude::*;

use crate::rig::{EXEC, INFER, LOAD, Rig, profile};

/// A rig with device pages for `pages` and models 0, 1, 2 of 6 pages each.
fn rig(pages: u32) -> Rig {
    let mut rig = Rig::empty(1, pages);
    rig.load_model(0, 3, profile("m", MODEL_PAGES));
    rig
}

fn send(rig: &mut Rig, kind: ActionKind, model: u32, (first, count): (u16, u16)) -> ActionId {
    let pages = PageRange::new(first, count).unwrap_or(PageRange::WHOLE);
    let action = rig.action(kind, model, Window::ALWAYS);
    let id = action.id;
    rig.send_action(Action { pages, ..action });
    id
}

fn statuses(rig: &mut Rig) -> Vec<u16> {
    rig.finish().iter().map(|result| result.status.get()).collect()
}

#[test]
fn an_infer_starts_when_the_last_page_is_there() {
    let mut rig = rig(6);
    send(&mut rig, ActionKind::Load, 0, (0, 4));
    rig.finish();
    assert_eq!((rig.free_pages(), rig.resident()), (2, vec![]));
    rig.send(INFER, 0, Window::ALWAYS);
    assert_eq!(rig.finish()[0].status, Status::WEIGHTS_MISSING);
    send(&mut rig, ActionKind::Load, 0, (4, 2));
    rig.finish();
    assert_eq!((rig.free_pages(), rig.resident()), (0, vec![0]));
    rig.send(INFER, 0, Window::ALWAYS);
    assert_eq!(rig.finish()[0].status, Status::OK);
}

#[test]
fn a_part_takes_its_part_of_the_time() {
    let mut rig = rig(6);
    send(&mut rig, ActionKind::Load, 0, (0, 2));
    let part = part_of_load(Span::new(LOAD), Pages::new(2), Pages::new(MODEL_PAGES));
    let exec = rig.finish()[0].exec;
    assert_eq!((exec.begin, exec.end), (Nanos::ZERO, Nanos::ZERO + part));
    assert!(part < Span::new(LOAD / 2), "{part}");
}

#[test]
fn a_small_load_goes_between_the_parts_of_a_large_one() {
    let mut rig = rig(12);
    let large = send(&mut rig, ActionKind::Load, 0, (0, 3));
    rig.turn(1);
    let small = send(&mut rig, ActionKind::Load, 1, (0, 1));
    let rest = send(&mut rig, ActionKind::Load, 0, (3, 3));
    let order: Vec<_> = rig.finish().iter().map(|result| result.id).collect();
    assert_eq!(order, [large, small, rest]);
}

#[test]
fn the_last_pages_can_be_evicted_and_brought_back() {
    let mut rig = rig(6).loaded(&[0]);
    send(&mut rig, ActionKind::Evict, 0, (4, 2));
    assert_eq!(statuses(&mut rig), [0]);
    assert_eq!((rig.free_pages(), rig.resident()), (2, vec![]));
    send(&mut rig, ActionKind::Evict, 0, (4, 2));
    assert_eq!(statuses(&mut rig), [Status::EVICT_ABSENT.get()]);
    send(&mut rig, ActionKind::Load, 0, (4, 2));
    assert_eq!(statuses(&mut rig), [0]);
    assert_eq!(rig.resident(), [0]);
}

#[test]
fn pages_are_not_cut_off_under_a_running_infer() {
    let mut rig = rig(6).loaded(&[0]);
    let begin = rig.now;
    rig.send(INFER, 0, Window::ALWAYS);
    rig.turn(begin);
    send(&mut rig, ActionKind::Evict, 0, (5, 1));
    rig.turn(begin + 1);
    assert_eq!((rig.free_pages(), rig.resident()), (0, vec![]), "no INFER may follow");
    let results = rig.finish();
    assert!(results.iter().all(|result| result.status.is_ok()), "{results:?}");
    assert_eq!(results[1].exec.begin, Nanos::new(begin + EXEC));
    assert_eq!(rig.free_pages(), 1);
}

#[test]
fn ranges_that_make_no_sense_are_refused_and_change_nothing() {
    let mut rig = rig(8).loaded(&[0]);
    let refused = [
        (ActionKind::Load, 0, (5, 2), Status::INVALID_ACTION),
        (ActionKind::Load, 1, (6, 1), Status::INVALID_ACTION),
        (ActionKind::Evict, 0, (0, 2), Status::INVALID_ACTION),
        (ActionKind::Evict, 0, (3, 4), Status::INVALID_ACTION),
        (ActionKind::Evict, 1, (3, 3), Status::EVICT_ABSENT),
        (INFER, 0, (0, 1), Status::INVALID_ACTION),
        (ActionKind::Load, 0, (0, 1), Status::CONCURRENT_MODIFICATION),
        (ActionKind::Load, 1, (0, 3), Status::INSUFFICIENT_CACHE),
    ];
    for (kind, model, range, status) in refused {
        send(&mut rig, kind, model, range);
        assert_eq!(statuses(&mut rig), [status.get()], "{kind:?} of {range:?}");
    }
    assert_eq!((rig.free_pages(), rig.resident()), (2, vec![0]));
}

#[test]
fn a_load_that_overlaps_one_on_its_way_is_refused() {
    let mut rig = rig(12);
    send(&mut rig, ActionKind::Load, 0, (0, 3));
    send(&mut rig, ActionKind::Load, 0, (2, 2));
    send(&mut rig, ActionKind::Load, 0, (3, 3));
    assert_eq!(statuses(&mut rig), [0, Status::CONCURRENT_MODIFICATION.get(), 0]);
    assert_eq!((rig.free_pages(), rig.resident()), (6, vec![0]));
}

#[test]
fn a_whole_load_completes_a_part() {
    let mut rig = rig(6);
    send(&mut rig, ActionKind::Load, 0, (2, 2));
    rig.send(ActionKind::Load, 0, Window::ALWAYS);
    assert_eq!(statuses(&mut rig), [0, 0]);
    assert_eq!((rig.free_pages(), rig.resident()), (0, vec![0]));
}

#[test]
fn a_new_controller_finds_whole_models_only() {
    let mut rig = rig(20).loaded(&[0]);
    send(&mut rig, ActionKind::Load, 1, (0, 4));
    rig.finish();
    send(&mut rig, ActionKind::Load, 2, (0, 4));
    let devices = rig.worker.introduce().devices;
    assert_eq!(devices[0].loaded.len(), 1);
    assert_eq!(rig.free_pages(), 14, "model 1 is dropped; the LOAD of 2 waits");
    assert_eq!(statuses(&mut rig), [0]);
    assert_eq!(rig.free_pages(), 10);
}

/// What a device holds: the pages of each model.
type Held = BTreeMap<u32, BTreeSet<u16>>;

/// What becomes of a LOAD or EVICT on a device with `total` pages.
fn expect(held: &mut Held, total: usize, step: &Step) -> Status {
    let whole = step.count == 0;
    let range = if whole { 0..ALL } else { step.first..step.first + step.count };
    if range.end > ALL || (!step.loads && range.end != ALL) {
        return Status::INVALID_ACTION;
    }
    let used: usize = held.values().map(BTreeSet::len).sum();
    let mine = held.entry(step.model).or_default();
    let there = range.clone().filter(|page| mine.contains(page)).count();
    if !step.loads {
        mine.retain(|page| !range.contains(page));
        return if there == 0 { Status::EVICT_ABSENT } else { Status::OK };
    }
    if !whole && there > 0 {
        return Status::CONCURRENT_MODIFICATION;
    }
    if used - there + range.len() > total {
        return Status::INSUFFICIENT_CACHE;
    }
    mine.extend(range);
    Status::OK
}

/// A LOAD or EVICT, and whether everything comes to rest after it.
#[derive(Clone, Debug)]
struct Step {
    loads: bool,
    model: u32,
    first: u16,
    count: u16,
    rests: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop::bool::weighted(0.65), 0..3_u32, 0..=ALL, 0..=ALL, any::<bool>());
    let step = step.prop_map(|(loads, model, first, count, rests)| {
        // Most EVICTs make sense.
        let tail = !loads && rests && first < ALL;
        let (first, count) = match (count, tail) {
            (0, _) => (0, 0),
            (_, true) => (first, ALL - first),
            _ => (first, count),
        };
        Step { loads, model, first, count, rests }
    });
    prop::collection::vec(step, 0..80)
}

proptest! {
    #[test]
    fn any_ranges_leave_the_pages_that_they_should(total in 0..20_u32, steps in steps()) {
        let mut rig = rig(total);
        let mut held = Held::new();
        let mut expected = Vec::new();
        let size = usize::try_from(total).unwrap();
        for step in &steps {
            let kind = if step.loads { ActionKind::Load } else { ActionKind::Evict };
            let id = send(&mut rig, kind, step.model, (step.first, step.count));
            expected.push((id, expect(&mut held, size, step)));
            if !step.rests {
                continue;
            }
            let done: BTreeMap<_, _> = rig.finish().iter().map(|r| (r.id, r.status)).collect();
            let wanted: BTreeMap<_, _> = expected.drain(..).collect();
            prop_assert_eq!(done, wanted);
            let used: usize = held.values().map(BTreeSet::len).sum();
            prop_assert_eq!(usize::try_from(rig.free_pages()).unwrap(), size - used);
            let whole = held.iter().filter(|(_, pages)| pages.len() == usize::from(ALL));
            let whole: Vec<u32> = whole.map(|(&model, _)| model).collect();
            prop_assert_eq!(rig.resident(), whole.clone());
            rig.send(INFER, step.model, Window::ALWAYS);
            let executes = whole.contains(&step.model);
            prop_assert_eq!(rig.finish()[0].status.is_ok(), executes);
        }
    }
}

const MODEL_PAGES: u32 = 6;
const ALL: u16 = 6;
