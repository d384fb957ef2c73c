//! An axis: where values lie on it and where it is labelled.

/// How values are laid out along an axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Scale {
    /// Evenly, from zero unless values are negative.
    #[default]
    Linear,
    /// By their logarithm; values up to zero are left out.
    Log,
    /// Quantiles: 0, 90, 99, 99.9 % are equally far apart.
    Tail,
    /// Names side by side: value 0 is in the middle of the first.
    Names(Vec<String>),
}

/// An axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Axis {
    /// What it shows, with its unit.
    pub(crate) label: String,
    /// How.
    pub(crate) scale: Scale,
    /// Where it must reach at least, in its own values.
    pub(crate) at_least: Option<f64>,
}

impl Axis {
    /// An even axis.
    pub(crate) fn new(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// A logarithmic axis.
    pub(crate) fn log(label: &str) -> Self {
        Self { scale: Scale::Log, ..Self::new(label) }
    }

    /// An axis of quantiles.
    pub(crate) fn tail(label: &str) -> Self {
        Self { scale: Scale::Tail, ..Self::new(label) }
    }

    /// An axis of names.
    pub(crate) fn names(label: &str, names: Vec<String>) -> Self {
        Self { scale: Scale::Names(names), ..Self::new(label) }
    }

    /// Where a value lies in the axis's own measure; `None` if nowhere.
    pub(super) fn measure(&self, value: f64) -> Option<f64> {
        let measure = match self.scale {
            Scale::Linear | Scale::Names(_) => value,
            Scale::Log if value <= 0.0 => return None,
            Scale::Log => value.log10(),
            Scale::Tail => -(1.0 - value).max(1e-12).log10(),
        };
        measure.is_finite().then_some(measure)
    }

    /// The range that holds all these values, as an axis to draw.
    pub(super) fn fitted(&self, values: impl Iterator<Item = f64>) -> Ranged {
        let values = values.chain(self.at_least).filter_map(|value| self.measure(value));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        match &self.scale {
            Scale::Linear => linear(low, high),
            Scale::Log => log(low, high),
            Scale::Tail => tail(high),
            Scale::Names(names) => {
                let ticks = (0_u32..).zip(names).map(|(at, name)| (f64::from(at), name.clone()));
                let ticks: Vec<_> = ticks.collect();
                let count = ticks.last().map_or(1.0, |(at, _)| at + 1.0);
                Ranged { low: -0.5, high: count - 0.5, ticks }
            }
        }
    }
}

/// An axis with its ends and ticks, in the axis's own measure.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ranged {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Ranged {
    /// How far along the axis, 0 to 1.
    pub(super) fn place(&self, measure: f64) -> f64 {
        (measure - self.low) / (self.high - self.low)
    }
}

fn linear(low: f64, high: f64) -> Ranged {
    let low = low.min(0.0);
    let high = if high > low { high } else { low + 1.0 };
    let step = step((high - low) / TICKS);
    let (first, last) = ((low / step).floor(), (high / step).ceil());
    let mut ticks = Vec::new();
    let mut at = first;
    while at <= last {
        ticks.push((at * step, number(at * step, step)));
        at += 1.0;
    }
    Ranged { low: first * step, high: last * step, ticks }
}

/// The nearest 1, 2 or 5 times a power of ten from here on.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * 0.999);
    factor.unwrap_or(10.0) * power
}

fn log(low: f64, high: f64) -> Ranged {
    let low = low.max(high - DECADES).floor();
    let high = high.ceil().max(low + 1.0);
    let factors: &[f64] = if high - low <= 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut ticks = Vec::new();
    let mut decade = low;
    while decade <= high {
        let within = factors.iter().map(|factor| decade + factor.log10());
        let tick = |at: f64| (at, number(10_f64.powf(at), 10_f64.powf(at)));
        ticks.extend(within.filter(|at| *at <= high + 1e-9).map(tick));
        decade += 1.0;
    }
    Ranged { low, high, ticks }
}

fn tail(high: f64) -> Ranged {
    let high = high.ceil().max(2.0);
    let names = ["0", "90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999"];
    let ticks = (0_u32..).map(f64::from).zip(names).map(|(at, name)| (at, name.to_owned()));
    Ranged { low: 0.0, high, ticks: ticks.take_while(|(at, _)| *at <= high).collect() }
}

/// A number with as many decimals as `step` has, and commas between thousands.
pub(super) fn number(value: f64, step: f64) -> String {
    let decimals = [1.0, 0.1, 0.01, 0.001, 1e-4].iter().position(|least| step >= least * 0.999);
    let Some(decimals) = decimals else { return format!("{value:.0e}") };
    if value.abs() >= 1e7 {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let head = digits.len() % 3;
    let groups = digits.as_bytes()[head..].chunks(3).map(String::from_utf8_lossy);
    let groups: Vec<_> =
        (head > 0).then(|| digits[..head].into()).into_iter().chain(groups).collect();
    let text = format!("{sign}{}{rest}", groups.join(","));
    if value == 0.0 { text.trim_start_matches('-').to_owned() } else { text }
}

/// About as many ticks as fit.
const TICKS: f64 = 6.0;

/// Decades that a logarithmic axis shows at most: what is smaller is nothing beside the rest.
const DECADES: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ranged: &Ranged) -> Vec<&str> {
        ranged.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn an_even_axis_goes_from_zero_in_round_steps() {
        let ranged = Axis::new("x").fitted([3.0, 870.0].into_iter());
        assert_eq!(labels(&ranged), ["0", "200", "400", "600", "800", "1,000"]);
        assert_eq!((ranged.place(0.0), ranged.place(500.0)), (0.0, 0.5));
        let small = Axis::new("x").fitted([0.13].into_iter());
        assert_eq!(labels(&small).last(), Some(&"0.15"));
        let negative = Axis::new("x").fitted([-4.0, 4.0].into_iter());
        assert_eq!(labels(&negative), ["-4", "-2", "0", "2", "4"]);
    }

    #[test]
    fn an_axis_without_values_is_still_one() {
        for axis in [Axis::new("x"), Axis::log("x"), Axis::tail("x")] {
            let ranged = axis.fitted([f64::NAN].into_iter());
            assert!(ranged.low < ranged.high && !ranged.ticks.is_empty(), "{ranged:?}");
        }
        let flat = Axis::new("x").fitted([0.0].into_iter());
        assert!(flat.low < flat.high);
    }

    #[test]
    fn a_logarithmic_axis_has_whole_decades() {
        let ranged = Axis::log("x").fitted([0.3, 40.0].into_iter());
        assert_eq!(labels(&ranged), ["0.1", "1", "10", "100"]);
        let narrow = Axis::log("x").fitted([2.0, 9.0].into_iter());
        assert_eq!(labels(&narrow), ["1", "2", "5", "10"]);
        assert_eq!(Axis::log("x").measure(0.0), None);
    }

    #[test]
    fn nines_are_equally_far_apart() {
        let axis = Axis::tail("x");
        let ranged = axis.fitted([0.0, 0.9995].into_iter());
        assert_eq!(labels(&ranged), ["0", "90", "99", "99.9", "99.99"]);
        assert!((ranged.place(axis.measure(0.99).unwrap()) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(number(1_234_567.0, 1.0), "1,234,567");
        assert_eq!(number(-1_000.5, 0.1), "-1,000.5");
        assert_eq!(number(999.0, 1.0), "999");
        assert_eq!(number(-0.0, 0.5), "0.0");
    }
}
