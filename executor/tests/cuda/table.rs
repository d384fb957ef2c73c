//! What a model indexes with, and what it finds.

use clockwork_executor::artifact::{Embedding, Integers, Kernel, Lookup};
use rand::RngExt as _;

use crate::case::{Case, number};
use crate::shapes::{Dice, of, width};

pub(crate) fn integers(dice: &mut Dice) -> Case {
    let shape = tokens(dice);
    asked(Kernel::Integers(shape), 0, shape)
}

pub(crate) fn embedding(dice: &mut Dice) -> Case {
    let (tokens, rows, width) = (tokens(dice), dice.random_range(1..70), width(dice));
    asked(Kernel::Embedding(Embedding { rows, width, tokens }), 1, tokens)
}

pub(crate) fn lookup(dice: &mut Dice) -> Case {
    let (rows, count) = (dice.random_range(1..70), dice.random_range(1..9));
    let kernel = Kernel::Lookup(Lookup { rows, width: width(dice), count });
    Case { elements: whole, ..Case::from(kernel) }
}

fn tokens(dice: &mut Dice) -> Integers {
    let (rows, width) = (dice.random_range(1..5), dice.random_range(1..9));
    let shape = Integers { rows, width, stride: 0, wide: of(dice, &[false, true]) };
    Integers { stride: width * shape.words() + of(dice, &[0, 2, 4]), ..shape }
}

/// Reads integers of io memory.
fn asked(kernel: Kernel, constants: usize, shape: Integers) -> Case {
    let elements = if shape.wide { long_word } else { word };
    Case { constants, from_input: true, elements, ..Case::from(kernel) }
}

/// Whole numbers from -64 to 63, in no order.
fn whole(index: usize) -> f32 {
    number(index) * 32.0
}

/// The same as words of requests.
fn word(index: usize) -> f32 {
    word_of(integer(index))
}

/// Words of integers of 8 bytes.
fn long_word(index: usize) -> f32 {
    let number = integer(index / 2);
    if index.is_multiple_of(2) { word_of(number) } else { word_of(number >> 31) }
}

fn word_of(number: i32) -> f32 {
    f32::from_bits(number.cast_unsigned())
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a small whole number")]
fn integer(index: usize) -> i32 {
    whole(index) as i32
}
