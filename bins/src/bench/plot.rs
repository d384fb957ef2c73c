//! Figures: lines over one axis, as SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::Failure;

/// A figure with one or several lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plot {
    /// What it shows.
    pub(crate) title: String,
    /// What runs along the bottom.
    pub(crate) x: String,
    /// What runs along the side.
    pub(crate) y: String,
    /// The lines: name and points in rising order of x.
    pub(crate) lines: Vec<(String, Vec<(f64, f64)>)>,
}

#[derive(Debug, thiserror::Error)]
#[error("the figure cannot be drawn: {0}")]
struct Undrawn(String);

impl Plot {
    /// Writes the figure.
    ///
    /// # Errors
    /// If there is nothing to draw or the file cannot be written.
    pub(crate) fn draw(&self, path: &Path) -> Result<(), Failure> {
        if self.lines.iter().all(|(_, points)| points.is_empty()) {
            return Err(Undrawn("this bench has no points for one".into()).into());
        }
        self.try_draw(path).map_err(|error| Undrawn(error.to_string()).into())
    }

    fn try_draw(&self, path: &Path) -> Result<(), Box<dyn std::error::Error + '_>> {
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        let fault = |error: DrawingAreaErrorKind<_>| error.to_string();
        area.fill(&WHITE).map_err(fault)?;
        let (right, top) = self.corner();
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(84)
            .build_cartesian_2d(0.0..right, 0.0..top)
            .map_err(fault)?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(&self.x).y_desc(&self.y).draw().map_err(fault)?;
        for (at, (name, points)) in self.lines.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let line =
                LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3);
            let drawn = chart.draw_series(line).map_err(fault)?;
            drawn.label(name).legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2))
            });
        }
        let mut legend = chart.configure_series_labels();
        let legend = legend.background_style(WHITE.mix(0.8)).border_style(BLACK);
        legend.position(SeriesLabelPosition::LowerRight).draw().map_err(fault)?;
        area.present().map_err(fault)?;
        Ok(())
    }

    /// The largest x and y, with some air above.
    fn corner(&self) -> (f64, f64) {
        let points = self.lines.iter().flat_map(|(_, points)| points);
        let (x, y) = points.fold((0.0_f64, 0.0_f64), |(a, b), &(x, y)| (a.max(x), b.max(y)));
        (x.max(1e-9) * 1.05, y.max(1e-9) * 1.1)
    }
}

const SIZE: (u32, u32) = (820, 500);
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 90, 180), RGBColor(200, 80, 20), RGBColor(30, 140, 70), RGBColor(120, 60, 150)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_an_svg_with_its_lines_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = ("goodput".to_owned(), vec![(0.0, 0.0), (1.0, 2.0)]);
        let plot = Plot { title: "T".into(), x: "a".into(), y: "b".into(), lines: vec![line] };
        plot.draw(file.path()).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.starts_with("<svg") && text.contains("goodput") && text.contains("polyline"));
    }

    #[test]
    fn a_figure_of_nothing_is_refused() {
        assert!(Plot::default().draw(Path::new("unused.svg")).is_err());
    }
}
