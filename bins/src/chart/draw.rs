//! Draws a chart: title, legend, axes, then what it shows.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Ranged, Scale};
use super::{Chart, Line};

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The chart as an SVG document.
pub(super) fn draw(chart: &Chart) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let frame = Frame::new(chart);
        // A string takes everything.
        let drawn = frame.draw(&area).and_then(|()| area.present().map_err(Undrawn::from));
        debug_assert!(drawn.is_ok(), "an SVG in memory can be drawn");
    }
    svg
}

/// What drawing into a string never gives.
#[derive(Debug)]
pub(super) struct Undrawn;

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for Undrawn {
    fn from(_: DrawingAreaErrorKind<E>) -> Self {
        Self
    }
}

/// Keeps of each stretch of a long line its lowest and its highest point.
pub(super) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let stretch = points.len().div_ceil(POINTS / 2);
    if stretch <= 2 {
        return points.to_vec();
    }
    let ends = |points: &[(f64, f64)]| {
        let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let low = points.iter().min_by(by_y).copied();
        let high = points.iter().max_by(by_y).copied();
        let mut ends: Vec<_> = low.into_iter().chain(high).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends
    };
    points.chunks(stretch).flat_map(ends).collect()
}

/// A chart with its axes, and where they are.
struct Frame<'a> {
    chart: &'a Chart,
    x: Ranged,
    y: Ranged,
    /// Pixels: left, top, right, bottom of the plot.
    plot: (f64, f64, f64, f64),
    slanted: bool,
}

impl<'a> Frame<'a> {
    fn new(chart: &'a Chart) -> Self {
        let lines = || chart.lines.iter().flat_map(|line| &line.points);
        let heights = chart.bars.iter().map(|bar| bar.iter().filter(|v| v.is_finite()).sum());
        let x = chart.x.fitted(lines().map(|point| point.0));
        let y = chart.y.fitted(lines().map(|point| point.1).chain(heights));
        let slanted = slanted(&x);
        let legend_rows = legend(chart).last().map_or(0.0, |(_, (_, row))| row + 1.0);
        let labels = y.ticks.iter().map(|(_, label)| label.len()).max().unwrap_or_default();
        let left = 34.0 + CHARACTER * float(labels);
        let top = 34.0 + LINE * legend_rows + if chart.marks.is_empty() { 0.0 } else { LINE };
        let bottom = HEIGHT - if slanted { 84.0 } else { 46.0 };
        Self { chart, x, y, plot: (left, top, WIDTH - 24.0, bottom), slanted }
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), Undrawn> {
        area.fill(&WHITE)?;
        write(area, &self.chart.title, (WIDTH / 2.0, 16.0), (TITLE, HPos::Center, VPos::Center))?;
        self.draw_legend(area)?;
        self.draw_y(area)?;
        self.draw_x(area)?;
        self.draw_marks(area)?;
        self.draw_bars(area)?;
        let colours = COLOURS.iter().cycle();
        for (line, colour) in self.chart.lines.iter().zip(colours) {
            self.draw_line(area, line, *colour)?;
        }
        Ok(())
    }

    fn draw_legend(&self, area: &Area<'_>) -> Result<(), Undrawn> {
        for ((name, (x, row)), colour) in legend(self.chart).into_iter().zip(COLOURS.iter().cycle())
        {
            let y = 38.0 + LINE * row;
            path(area, [(x, y), (x + 18.0, y)], colour.stroke_width(3))?;
            write(area, &name, (x + 23.0, y), (LABEL, HPos::Left, VPos::Center))?;
        }
        Ok(())
    }

    fn draw_y(&self, area: &Area<'_>) -> Result<(), Undrawn> {
        let (left, top, right, bottom) = self.plot;
        for (at, label) in &self.y.ticks {
            let y = self.y_of(*at);
            path(area, [(left, y), (right, y)], GRID.stroke_width(1))?;
            write(area, label, (left - 6.0, y), (LABEL, HPos::Right, VPos::Center))?;
        }
        let style = TextStyle::from(("sans-serif", LABEL)).transform(FontTransform::Rotate270);
        let style = style.pos(Pos::new(HPos::Center, VPos::Center)).color(&BLACK);
        let at = pixel((14.0, f64::midpoint(top, bottom)));
        area.draw(&Text::new(self.chart.y.label.clone(), at, style))?;
        Ok(())
    }

    fn draw_x(&self, area: &Area<'_>) -> Result<(), Undrawn> {
        let (left, top, right, bottom) = self.plot;
        for (at, label) in &self.x.ticks {
            let x = self.x_of(*at);
            if !matches!(self.chart.x.scale, Scale::Names(_)) {
                path(area, [(x, top), (x, bottom)], GRID.stroke_width(1))?;
            }
            self.draw_x_label(area, x, label)?;
        }
        path(area, [(left, top), (left, bottom)], AXIS.stroke_width(1))?;
        path(area, [(left, bottom), (right, bottom)], AXIS.stroke_width(1))?;
        let at = (f64::midpoint(left, right), HEIGHT - 12.0);
        write(area, &self.chart.x.label, at, (LABEL, HPos::Center, VPos::Center))
    }

    /// Labels that are too wide for their places go on two levels in turns, or are cut.
    fn draw_x_label(&self, area: &Area<'_>, x: f64, label: &str) -> Result<(), Undrawn> {
        let bottom = self.plot.3;
        if !self.slanted {
            return write(area, label, (x, bottom + 12.0), (LABEL, HPos::Center, VPos::Center));
        }
        let place = (self.plot.2 - self.plot.0) / float(self.x.ticks.len().max(1));
        let fits = (place / CHARACTER).max(4.0);
        let words = wrapped(label, fits);
        for (row, line) in (0_u32..).zip(words.iter().take(4)) {
            let y = bottom + 12.0 + 13.0 * f64::from(row);
            write(area, line, (x, y), (LABEL, HPos::Center, VPos::Center))?;
        }
        Ok(())
    }

    fn draw_marks(&self, area: &Area<'_>) -> Result<(), Undrawn> {
        let (_, top, _, bottom) = self.plot;
        let mut free = f64::NEG_INFINITY;
        for (at, text) in &self.chart.marks {
            let Some(measure) = self.chart.x.measure(*at) else { continue };
            let x = self.x_of(measure);
            path(area, [(x, top), (x, bottom)], MARK.stroke_width(1))?;
            let half = CHARACTER * float(text.len()) / 2.0;
            if x - half > free {
                write(area, text, (x, top - 9.0), (LABEL, HPos::Center, VPos::Center))?;
                free = x + half + 4.0;
            }
        }
        Ok(())
    }

    fn draw_bars(&self, area: &Area<'_>) -> Result<(), Undrawn> {
        for (at, bar) in (0_u32..).zip(&self.chart.bars) {
            let (from, to) = (f64::from(at) - BAR / 2.0, f64::from(at) + BAR / 2.0);
            let mut base = 0.0;
            for (part, colour) in bar.iter().zip(COLOURS.iter().cycle()) {
                let height = if part.is_finite() { part.max(0.0) } else { 0.0 };
                let corners = [(from, base), (to, base + height)];
                let corners = corners.map(|(x, y)| pixel((self.x_of(x), self.y_of(y))));
                area.draw(&Rectangle::new(corners, colour.filled()))?;
                base += height;
            }
        }
        Ok(())
    }

    /// A line has gaps where a value has no place on an axis.
    fn draw_line(&self, area: &Area<'_>, line: &Line, colour: RGBColor) -> Result<(), Undrawn> {
        let place = |point: &(f64, f64)| {
            let (x, y) = (self.chart.x.measure(point.0)?, self.chart.y.measure(point.1)?);
            Some((self.x_of(x), self.y_of(y.max(self.y.low))))
        };
        let points: Vec<_> = thinned(&line.points).iter().map(place).collect();
        let few = points.len() <= FEW;
        for run in points.split(Option::is_none) {
            let run: Vec<(f64, f64)> = run.iter().copied().flatten().collect();
            if few || run.len() == 1 {
                for point in &run {
                    area.draw(&Circle::new(pixel(*point), 3, colour.filled()))?;
                }
            }
            if run.len() > 1 {
                path(area, run, colour.stroke_width(2))?;
            }
        }
        Ok(())
    }

    fn x_of(&self, measure: f64) -> f64 {
        let (left, _, right, _) = self.plot;
        left + (right - left) * self.x.place(measure)
    }

    fn y_of(&self, measure: f64) -> f64 {
        let (_, top, _, bottom) = self.plot;
        bottom - (bottom - top) * self.y.place(measure)
    }
}

/// The legend's entries, each with its place: pixels from the left, and row.
fn legend(chart: &Chart) -> Vec<(String, (f64, f64))> {
    let names = chart.lines.iter().map(|line| &line.name).chain(&chart.parts);
    let names: Vec<&String> = names.collect();
    if names.len() < 2 && chart.parts.is_empty() && names.iter().all(|name| name.is_empty()) {
        return Vec::new();
    }
    let (mut x, mut row) = (LEGEND, 0.0);
    let entry = |name: &String| {
        let width = 36.0 + CHARACTER * float(name.chars().count());
        if x > LEGEND && x + width > WIDTH {
            (x, row) = (LEGEND, row + 1.0);
        }
        let place = (x, row);
        x += width;
        (name.clone(), place)
    };
    names.into_iter().map(entry).collect()
}

/// Whether labels along the bottom are too wide to stand side by side in one line.
fn slanted(x: &Ranged) -> bool {
    let widest = x.ticks.iter().map(|(_, label)| label.chars().count()).max().unwrap_or_default();
    CHARACTER * float(widest) * float(x.ticks.len()) > WIDTH - 120.0
}

/// A text in lines of at most so many characters.
fn wrapped(text: &str, characters: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for letter in text.chars() {
        match lines.last_mut() {
            Some(line) if float(line.chars().count()) < characters => line.push(letter),
            _ => lines.push(letter.into()),
        }
    }
    lines
}

pub(super) fn write(
    area: &Area<'_>,
    text: &str,
    at: (f64, f64),
    (size, h, v): (i32, HPos, VPos),
) -> Result<(), Undrawn> {
    let style = TextStyle::from(("sans-serif", size)).pos(Pos::new(h, v)).color(&BLACK);
    area.draw(&Text::new(text.to_owned(), pixel(at), style))?;
    Ok(())
}

pub(super) fn path(
    area: &Area<'_>,
    points: impl IntoIterator<Item = (f64, f64)>,
    style: ShapeStyle,
) -> Result<(), Undrawn> {
    let points: Vec<_> = points.into_iter().map(pixel).collect();
    area.draw(&PathElement::new(points, style))?;
    Ok(())
}

/// The nearest pixel; a chart has few.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "float to integer casts saturate, and charts are small"
)]
pub(super) fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

fn float(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

const SIZE: (u32, u32) = (760, 400);
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const TITLE: i32 = 16;
const LABEL: i32 = 12;

/// The width of a letter and the height of a line, roughly.
pub(super) const CHARACTER: f64 = 7.0;
const LINE: f64 = 18.0;

/// Where a legend begins.
const LEGEND: f64 = 60.0;

/// Part of its place that a bar takes.
const BAR: f64 = 0.6;

/// Points of a line that are drawn, two pixels' worth and some.
const POINTS: usize = 4_000;

/// A line with up to so many points shows each.
const FEW: usize = 40;

/// Told apart by people who see colours differently as well.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(110, 70, 40),
    RGBColor(90, 90, 90),
];
const GRID: RGBColor = RGBColor(229, 229, 229);
const AXIS: RGBColor = RGBColor(80, 80, 80);
const MARK: RGBColor = RGBColor(190, 190, 190);
