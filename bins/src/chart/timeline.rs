//! Stretches of time on tracks below each other.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::draw::{Area, CHARACTER, Undrawn, path, pixel, write};

/// A timeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    /// What it shows.
    pub(crate) title: String,
    /// How much time is shown, in milliseconds from 0.
    pub(crate) length: f64,
    /// Each track: its name, and what is on it.
    pub(crate) rows: Vec<(String, Vec<Stretch>)>,
}

/// Something that took time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretch {
    /// When it began, in milliseconds.
    pub(crate) from: f64,
    /// When it ended.
    pub(crate) to: f64,
    /// What it is called, where there is room.
    pub(crate) label: String,
    /// A mark of something that was refused.
    pub(crate) refused: bool,
}

impl Timeline {
    /// The timeline as an SVG document.
    pub(crate) fn svg(&self) -> String {
        let rows = u32::try_from(self.rows.len()).unwrap_or(u32::MAX).min(ROWS_MAX);
        let height = 100 + ROW * rows;
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            let drawn = self.draw(&area, f64::from(height));
            let drawn = drawn.and_then(|()| area.present().map_err(Undrawn::from));
            debug_assert!(drawn.is_ok(), "an SVG in memory can be drawn");
        }
        svg
    }

    fn draw(&self, area: &Area<'_>, height: f64) -> Result<(), Undrawn> {
        area.fill(&WHITE)?;
        let middle = f64::from(WIDTH) / 2.0;
        write(area, &self.title, (middle, 16.0), (16, HPos::Center, VPos::Center))?;
        let widest = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let left = 20.0 + CHARACTER * u32::try_from(widest).map_or(0.0, f64::from);
        let scale = (f64::from(WIDTH) - 20.0 - left) / self.length.max(1e-9);
        let x = |ms: f64| left + scale * ms.clamp(0.0, self.length);
        let bottom = height - 46.0;
        for (at, label) in Axis::new("").fitted([self.length].into_iter()).ticks {
            if at <= self.length * 1.001 {
                path(area, [(x(at), 36.0), (x(at), bottom)], GRID.stroke_width(1))?;
                write(area, &label, (x(at), bottom + 12.0), (12, HPos::Center, VPos::Center))?;
            }
        }
        write(area, "time (ms)", (middle, height - 12.0), (12, HPos::Center, VPos::Center))?;
        for (number, (name, track)) in (0..ROWS_MAX).zip(&self.rows) {
            let top = 40.0 + f64::from(ROW * number);
            let y = top + f64::from(ROW) / 2.0 - 2.0;
            write(area, name, (left - 8.0, y), (12, HPos::Right, VPos::Center))?;
            for stretch in track {
                draw_stretch(area, stretch, (x(stretch.from), x(stretch.to)), (top, name))?;
            }
        }
        Ok(())
    }
}

/// Plans are pale, what happened is strong, and what was refused is a red line.
fn draw_stretch(
    area: &Area<'_>,
    stretch: &Stretch,
    (from, to): (f64, f64),
    (top, name): (f64, &str),
) -> Result<(), Undrawn> {
    let bottom = top + f64::from(ROW) - 6.0;
    if stretch.refused {
        return path(area, [(from, top), (from, bottom)], REFUSED.stroke_width(2));
    }
    let base = if name.contains("LOAD") { LOAD } else { INFER };
    let strength = if name.ends_with("planned") { 0.35 } else { 0.8 };
    let corners = [pixel((from, top)), pixel((to.max(from + 1.0), bottom))];
    area.draw(&Rectangle::new(corners, base.mix(strength).filled()))?;
    area.draw(&Rectangle::new(corners, base.stroke_width(1)))?;
    let width = CHARACTER * u32::try_from(stretch.label.len()).map_or(f64::MAX, f64::from);
    if width + 2.0 > to - from {
        return Ok(());
    }
    let at = (f64::midpoint(from, to), f64::midpoint(top, bottom));
    write(area, &stretch.label, at, (12, HPos::Center, VPos::Center))
}

const WIDTH: u32 = 1_200;
const ROW: u32 = 22;

/// Tracks that a picture has.
const ROWS_MAX: u32 = 40;

const GRID: RGBColor = RGBColor(229, 229, 229);
const INFER: RGBColor = RGBColor(86, 180, 233);
const LOAD: RGBColor = RGBColor(230, 159, 0);
const REFUSED: RGBColor = RGBColor(200, 0, 0);
