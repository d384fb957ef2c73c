//! Charts as SVG: lines, bars and stacks over axes that keep their labels apart.
//!
//! The axes are ours, because a tail needs one on which 90, 99 and 99.9 % are equally far apart; the
//! drawing is plotters'.

mod axis;
mod draw;
mod timeline;

pub(crate) use axis::Axis;
pub(crate) use timeline::{Stretch, Timeline};

/// A chart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chart {
    /// What it shows.
    pub(crate) title: String,
    /// What runs along the bottom.
    pub(crate) x: Axis,
    /// What runs along the side.
    pub(crate) y: Axis,
    /// The lines, in the order of the legend.
    pub(crate) lines: Vec<Line>,
    /// Bars, each a stack from the bottom: its parts in the order of `parts`.
    pub(crate) bars: Vec<Vec<f64>>,
    /// The names of a bar's parts; one part needs none.
    pub(crate) parts: Vec<String>,
    /// Upright marks: where along the bottom, and what they say.
    pub(crate) marks: Vec<(f64, String)>,
}

/// A line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Its name in the legend.
    pub(crate) name: String,
    /// Its points in rising order of x.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Line {
    /// A line of this name.
    pub(crate) fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points }
    }
}

impl Chart {
    /// Whether there is anything to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.bars.is_empty() && self.lines.iter().all(|line| line.points.is_empty())
    }

    /// The chart as an SVG document.
    pub(crate) fn svg(&self) -> String {
        draw::draw(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        Chart {
            title: "Goodput".into(),
            x: Axis::new("time (s)"),
            y: Axis::new("requests/s"),
            lines: vec![Line::new("a & b", vec![(0.0, 0.0), (1.0, 2_000.0)])],
            ..Chart::default()
        }
    }

    #[test]
    fn a_chart_is_an_svg_with_its_names_escaped() {
        let svg = chart().svg();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for text in ["Goodput", "time (s)", "requests/s", "a &amp; b", "2,000"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        // Its line and its piece in the legend.
        let blue = |line: &&str| line.starts_with("<polyline") && line.contains("#0072B2");
        assert_eq!(svg.lines().filter(blue).count(), 2, "{svg}");
    }

    #[test]
    fn what_cannot_be_placed_is_left_out() {
        let points = vec![(0.0, f64::NAN), (f64::INFINITY, 1.0), (0.5, 1.0), (0.6, 2.0)];
        let svg = Chart { lines: vec![Line::new("x", points)], ..chart() }.svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn a_long_line_is_thinned_and_keeps_its_extremes() {
        let points: Vec<_> = (0..50_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        let mut points = points;
        points[31_337].1 = 99.0;
        let thin = draw::thinned(&points);
        assert!(thin.len() <= 4_000, "{}", thin.len());
        assert!(thin.contains(&(31_337.0, 99.0)));
        assert!(thin.is_sorted_by(|a, b| a.0 <= b.0));
    }
}
