//! Activations on elements in place.

use super::math::exp;
use crate::artifact::Activation;

/// Applies an activation in place.
pub(super) fn activate(activation: Activation, elements: &mut [f32]) {
    let each = |of: fn(f32) -> f32, elements: &mut [f32]| {
        for element in elements {
            *element = of(*element);
        }
    };
    match activation {
        Activation::None => {}
        Activation::Relu => clip(0.0, f32::INFINITY, elements),
        Activation::Clip { low, high } => clip(low, high, elements),
        Activation::Sigmoid => each(sigmoid, elements),
        Activation::Silu => each(|x| x * sigmoid(x), elements),
        Activation::HardSigmoid { slope, offset } => {
            for x in elements {
                *x = cut(slope * *x + offset, 0.0, 1.0);
            }
        }
        Activation::HardSwish => each(|x| x * cut(x / 6.0 + 0.5, 0.0, 1.0), elements),
    }
}

fn clip(low: f32, high: f32, elements: &mut [f32]) {
    for element in elements {
        *element = cut(*element, low, high);
    }
}

/// The element, or the end of the range that it is beyond; NaN stays NaN.
fn cut(element: f32, low: f32, high: f32) -> f32 {
    let element = if element < low { low } else { element };
    if element > high { high } else { element }
}

fn sigmoid(element: f32) -> f32 {
    1.0 / (1.0 + exp(-element))
}
