//! A few devices over a short time, as a picture.

use std::collections::BTreeMap;

use clockwork_analysis::{ActionRow, ActionType};
use clockwork_wire::{Nanos, Span};

use super::slices::{Device, Kind, device, moment, slices};
use crate::chart::{Stretch, Timeline};

/// The first `length` of these actions as SVG, of the first devices.
pub(crate) fn excerpt(rows: &[ActionRow], length: Span) -> String {
    let begin = rows.iter().flat_map(|row| slices(row).map(|slice| slice.begin)).min();
    let begin = begin.unwrap_or(Nanos::ZERO);
    let mut devices: BTreeMap<Device, [Vec<Stretch>; 4]> = BTreeMap::new();
    let ms = |at: Nanos| (at - begin).as_millis_f64();
    for row in rows {
        let tracks = devices.entry(device(row)).or_default();
        for slice in slices(row).filter(|slice| slice.begin < begin + length) {
            let label = match row.action_type {
                ActionType::Infer => format!("{}x{}", row.model_id, row.batch_size),
                ActionType::Load | ActionType::Evict => row.model_id.to_string(),
            };
            let (from, to) = (ms(slice.begin), ms(slice.end));
            tracks[place(slice.kind)].push(Stretch { from, to, label, refused: false });
        }
        if !row.is_done() && moment(row) < begin + length {
            let (at, planned) = (ms(moment(row)), Kind::InferPlanned);
            let kind =
                if row.action_type == ActionType::Load { Kind::LoadPlanned } else { planned };
            let label = String::new();
            tracks[place(kind)].push(Stretch { from: at, to: at, label, refused: true });
        }
    }
    let rows = devices.into_iter().take(DEVICES).flat_map(|(id, tracks)| {
        let name = move |kind: Kind| format!("W{}-GPU{} {}", id.0, id.1, kind.name());
        Kind::ALL.into_iter().zip(tracks).map(move |(kind, track)| (name(kind), track))
    });
    let rows = rows.filter(|(_, track)| !track.is_empty()).collect();
    let title = "Plan and what happened".to_owned();
    Timeline { title, length: length.as_millis_f64(), rows }.svg()
}

const fn place(kind: Kind) -> usize {
    match kind {
        Kind::InferPlanned => 0,
        Kind::Infer => 1,
        Kind::LoadPlanned => 2,
        Kind::Load => 3,
    }
}

/// Devices that fit a picture.
const DEVICES: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::slices::tests::rows;

    #[test]
    fn a_picture_has_a_row_for_each_track_that_has_something() {
        let svg = excerpt(&rows(), Span::from_millis(10));
        for name in ["W0-GPU1 INFER planned", "W0-GPU1 LOAD", "W2-GPU1 INFER", "3x4"] {
            assert!(svg.contains(name), "{name} in {svg}");
        }
        assert!(!svg.contains("W2-GPU1 LOAD"));
    }
}
