//! Kernels of random shapes, small but of every kind.

use clockwork_executor::artifact::{
    Activation, Affine, Border, Broadcast, Combination, Depthwise, Elementwise, Function, Gather,
    Grid, Kernel, Map, Matmul, Normalize, Pair, Pool, Ranges, Reduce, Reduction, Resize, Rows,
    Sample, Select, Shares, Sliding, Strided, Summary, Transfer, Walk,
};
use rand::RngExt as _;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::case::Case;
use crate::table::{embedding, integers, lookup};

/// Where shapes come from.
pub(crate) type Dice = Xoshiro256PlusPlus;

/// Makes one of a kind.
pub(crate) type Kind = fn(&mut Dice) -> Case;

/// Every kind that our kernels compute.
pub(crate) const KINDS: [Kind; 26] = [
    map,
    add,
    affine,
    elementwise,
    pool,
    depthwise,
    depthwise_tile,
    softmax,
    shares,
    reduce,
    long_reduce,
    normalize,
    broadcast,
    channel_broadcast,
    select,
    strided,
    border,
    gather,
    resize,
    matmul,
    to_pixels,
    to_padded_pixels,
    to_planes,
    integers,
    embedding,
    lookup,
];

pub(crate) fn of<T: Copy>(dice: &mut Dice, all: &[T]) -> T {
    all[dice.random_range(0..all.len())]
}

/// Channels that are read 16 bytes at once, and some that are not.
pub(crate) fn width(dice: &mut Dice) -> usize {
    of(dice, &[1, 3, 4, 7, 8, 8, 16, 20, 24, 32, 33])
}

/// At least so many elements.
fn pitch(dice: &mut Dice, width: usize) -> usize {
    width + of(dice, &[0, 0, 8, 16, 3])
}

/// A case whose images begin at their alignment, or somewhere else.
fn shifted(dice: &mut Dice, kernel: Kernel) -> Case {
    Case { shift: of(dice, &[0, 0, 8, 1]), ..Case::from(kernel) }
}

fn activation(dice: &mut Dice) -> Activation {
    let clip = Activation::Clip { low: -0.5, high: 1.5 };
    let hard = Activation::HardSigmoid { slope: 0.2, offset: 0.5 };
    let (none, relu) = (Activation::None, Activation::Relu);
    of(
        dice,
        &[none, relu, clip, Activation::Sigmoid, Activation::Silu, hard, Activation::HardSwish],
    )
}

fn map(dice: &mut Dice) -> Case {
    let (rows, width) = (dice.random_range(1..6), width(dice));
    let pitches = [pitch(dice, width), pitch(dice, width)];
    let outside = dice.random_range(0..4);
    let moves = outside > 0;
    let activation = if moves { Activation::None } else { activation(dice) };
    let kernel = Kernel::Map(Map { rows, width, pitches, activation });
    let (from_input, to_output) = (outside % 2 == 1, outside >= 2 && pitches[1] == width);
    Case { from_input, to_output, ..shifted(dice, kernel) }
}

fn add(dice: &mut Dice) -> Case {
    let (rows, width) = (dice.random_range(1..40), width(dice));
    let pitches = [pitch(dice, width), pitch(dice, width), pitch(dice, width)];
    let activation = activation(dice);
    let kernel = Kernel::Add(Pair { rows, width, pitches, activation });
    shifted(dice, kernel)
}

fn affine(dice: &mut Dice) -> Case {
    let (rows, width) = (dice.random_range(1..6), width(dice));
    let pitches = [pitch(dice, width), pitch(dice, width)];
    let activation = activation(dice);
    let kernel = Kernel::Affine(Affine { rows, width, pitches, activation });
    Case { constants: 2, ..shifted(dice, kernel) }
}

fn elementwise(dice: &mut Dice) -> Case {
    let functions = [
        Function::Abs,
        Function::Ceil,
        Function::Cosine,
        Function::Elu { alpha: 0.7 },
        Function::Erf,
        Function::Exp,
        Function::Floor,
        Function::Gelu,
        Function::GeluTanh,
        Function::LeakyRelu { slope: 0.1 },
        Function::Logarithm,
        Function::Negative,
        Function::Not,
        Function::NotZero,
        Function::Reciprocal,
        Function::Round,
        Function::Sign,
        Function::Sine,
        Function::Softplus,
        Function::Sqrt,
        Function::Tanh,
    ];
    let (rows, width) = (dice.random_range(1..6), width(dice));
    let pitches = [pitch(dice, width), pitch(dice, width)];
    let function = of(dice, &functions);
    let kernel = Kernel::Elementwise(Elementwise { function, rows, width, pitches });
    shifted(dice, kernel)
}

fn sliding(dice: &mut Dice, kernel: [usize; 2], dilation: [usize; 2]) -> Sliding {
    let reach = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis] + 1);
    let input = reach.map(|reach| dice.random_range(reach..reach + 8));
    let stride = [dice.random_range(1..3); 2];
    let begin = reach.map(|reach| dice.random_range(0..reach.min(3)));
    let end = reach.map(|reach| dice.random_range(0..reach.min(3)));
    Sliding { input, kernel, stride, dilation, begin, end }
}

fn window(dice: &mut Dice) -> Sliding {
    let kernel = [dice.random_range(1..5), dice.random_range(1..5)];
    let dilation = [dice.random_range(1..3), dice.random_range(1..3)];
    sliding(dice, kernel, dilation)
}

fn pool(dice: &mut Dice) -> Case {
    let channels = width(dice);
    let kernel = Kernel::Pool(Pool {
        images: dice.random_range(1..3),
        channels,
        pitch_in: pitch(dice, channels),
        pitch_out: pitch(dice, channels),
        window: window(dice),
        reduction: of(dice, &[Reduction::Max, Reduction::Average, Reduction::AveragePadded]),
    });
    shifted(dice, kernel)
}

fn depthwise(dice: &mut Dice) -> Case {
    let window = window(dice);
    filtered(dice, 2, window)
}

fn depthwise_tile(dice: &mut Dice) -> Case {
    let kernel = [of(dice, &[3, 5]); 2];
    let mut window = sliding(dice, kernel, [1, 1]);
    // Sometimes enough pixels that a thread computes several.
    let large = dice.random_range(0..4) == 0;
    if large {
        window.input = [70, 75];
    }
    filtered(dice, if large { 16 } else { 2 }, window)
}

fn filtered(dice: &mut Dice, images: usize, window: Sliding) -> Case {
    let channels = if images == 2 { width(dice) } else { 32 };
    let kernel = Kernel::Depthwise(Depthwise {
        images: dice.random_range(1..=images),
        channels,
        pitch_in: pitch(dice, channels),
        pitch_out: pitch(dice, channels),
        window,
        activation: activation(dice),
    });
    Case { constants: 2, ..shifted(dice, kernel) }
}

fn softmax(dice: &mut Dice) -> Case {
    let columns = of(dice, &[1, 7, 8, 40, 512, 1000, 1001]);
    Kernel::Softmax(Rows { rows: dice.random_range(1..6), columns }).into()
}

fn shares(dice: &mut Dice) -> Case {
    let inner = of(dice, &[1, 1, 3, 8, 16]);
    let ranges =
        Ranges { outer: dice.random_range(1..6), len: of(dice, &[1, 9, 64]), inner, pitch: inner };
    Kernel::Shares(Shares { ranges, logarithm: dice.random() }).into()
}

fn summary(dice: &mut Dice) -> Summary {
    of(dice, &[Summary::Max, Summary::Mean, Summary::Min, Summary::Sum])
}

fn reduce(dice: &mut Dice) -> Case {
    let inner = of(dice, &[1, 3, 8, 40, 64, 72]);
    let (outer, len) = (dice.random_range(1..4), of(dice, &[1, 2, 7, 49, 100]));
    let ranges = Ranges { outer, len, inner, pitch: pitch(dice, inner) };
    let kernel = Kernel::Reduce(Reduce { ranges, kind: summary(dice) });
    shifted(dice, kernel)
}

fn long_reduce(dice: &mut Dice) -> Case {
    let (outer, len) = (dice.random_range(1..6), of(dice, &[5, 8, 512, 513, 1000, 1024, 4104]));
    let ranges = Ranges { outer, len, inner: 1, pitch: 1 };
    Kernel::Reduce(Reduce { ranges, kind: summary(dice) }).into()
}

fn normalize(dice: &mut Dice) -> Case {
    let scaled = dice.random();
    let (rows, columns) = (dice.random_range(1..6), of(dice, &[2, 9, 64, 768]));
    let kernel = Kernel::Normalize(Normalize { rows, columns, epsilon: 1e-3, scaled });
    Case { constants: if scaled { 2 } else { 0 }, ..kernel.into() }
}

fn combination(dice: &mut Dice) -> Combination {
    of(
        dice,
        &[
            Combination::Add,
            Combination::And,
            Combination::Divide,
            Combination::Equal,
            Combination::Greater,
            Combination::GreaterOrEqual,
            Combination::Less,
            Combination::LessOrEqual,
            Combination::Max,
            Combination::Min,
            Combination::Multiply,
            Combination::Or,
            Combination::Power,
            Combination::Slope,
            Combination::Subtract,
        ],
    )
}

/// An output of a few dimensions.
fn grid(dice: &mut Dice) -> Grid {
    let outer = dice.random_range(0..4);
    let mut dims: Vec<usize> = (0..outer).map(|_| dice.random_range(1..5)).collect();
    dims.push(width(dice));
    let pitch = pitch(dice, dims[outer]);
    Grid { dims, pitch }
}

/// Strides over a tensor that has some of the dimensions.
fn strides(dice: &mut Dice, dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; dims.len()];
    let mut stride = 1;
    for axis in (0..dims.len()).rev() {
        if dice.random_range(0..3) > 0 {
            strides[axis] = stride;
            stride *= dims[axis];
        }
    }
    strides
}

fn broadcast(dice: &mut Dice) -> Case {
    let grid = grid(dice);
    let kernel = Kernel::Broadcast(Broadcast {
        combination: combination(dice),
        strides: [strides(dice, &grid.dims), strides(dice, &grid.dims)],
        grid,
        activation: activation(dice),
    });
    shifted(dice, kernel)
}

/// An image times a factor per channel and image.
fn channel_broadcast(dice: &mut Dice) -> Case {
    let (channels, pixels) = (width(dice), dice.random_range(1..9));
    let grid = Grid { dims: vec![2, pixels, channels], pitch: pitch(dice, channels) };
    Kernel::Broadcast(Broadcast {
        combination: Combination::Multiply,
        grid,
        strides: [vec![pixels * channels, channels, 1], vec![channels, 0, 1]],
        activation: Activation::None,
    })
    .into()
}

fn select(dice: &mut Dice) -> Case {
    let grid = grid(dice);
    let strides = [0; 3].map(|_| strides(dice, &grid.dims));
    let kernel = Kernel::Select(Select { grid, strides });
    shifted(dice, kernel)
}

fn strided(dice: &mut Dice) -> Case {
    let grid = grid(dice);
    let mut order: Vec<usize> = (0..grid.dims.len()).collect();
    if dice.random() {
        order.reverse();
    }
    let mut strides = vec![0; grid.dims.len()];
    let (mut stride, mut begin) = (1, 0);
    for axis in order.into_iter().rev() {
        let reach = stride * (grid.dims[axis] - 1);
        let signed = isize::try_from(stride).expect("small");
        let backwards = dice.random_range(0..4) == 0;
        strides[axis] = if backwards { -signed } else { signed };
        begin += if backwards { reach } else { 0 };
        stride = (stride + reach) * dice.random_range(1..3);
    }
    let to_output = grid.pitch == grid.width() && dice.random();
    let kernel = Kernel::Strided(Strided { grid, begin, strides });
    Case { from_input: dice.random(), to_output, ..shifted(dice, kernel) }
}

fn border(dice: &mut Dice) -> Case {
    let rank = dice.random_range(1..5);
    let mut list = |from: usize, to: usize| -> Vec<usize> {
        (0..rank).map(|_| dice.random_range(from..to)).collect()
    };
    let (mut dims, mut begin, mut end) = (list(1, 6), list(0, 3), list(0, 3));
    if dice.random() {
        // Whole groups of channels.
        dims[rank - 1] = of(dice, &[8, 24]);
        (begin[rank - 1], end[rank - 1]) = (of(dice, &[0, 0, 8]), of(dice, &[0, 16]));
    }
    Kernel::Border(Border { dims, begin, end, value: 0.25 }).into()
}

fn gather(dice: &mut Dice) -> Case {
    let (outer, len, inner) = (dice.random_range(1..4), dice.random_range(1..9), width(dice));
    let indices = (0..dice.random_range(1..12)).map(|_| dice.random_range(0..len)).collect();
    Kernel::Gather(Gather { outer, len, inner, indices }).into()
}

fn resize(dice: &mut Dice) -> Case {
    let input = [dice.random_range(1..5), dice.random_range(1..5)];
    let mut samples = |size: usize| -> Vec<Sample> {
        let count = dice.random_range(1..7);
        let share = |dice: &mut Dice| of(dice, &[0.0, 0.0, 0.25, 0.5, 1.0]);
        let one = |dice: &mut Dice| {
            Sample(dice.random_range(0..size), dice.random_range(0..size), share(dice))
        };
        (0..count).map(|_| one(dice)).collect()
    };
    let (rows, columns) = (samples(input[0]), samples(input[1]));
    let channels = width(dice);
    let kernel = Kernel::Resize(Resize {
        images: dice.random_range(1..3),
        channels,
        pitches: [pitch(dice, channels), pitch(dice, channels)],
        input,
        rows,
        columns,
    });
    shifted(dice, kernel)
}

fn matmul(dice: &mut Dice) -> Case {
    let [rows, inner, columns] = [0; 3].map(|_| of(dice, &[1, 5, 16, 17, 64, 70]));
    let batch = dice.random_range(1..4);
    let shared = dice.random_range(0..3) == 0;
    let transposed: bool = dice.random();
    let right = Walk {
        outer: vec![if shared { 0 } else { inner * columns }, 0],
        row: if transposed { 1 } else { columns },
        column: if transposed { inner } else { 1 },
    };
    Kernel::Matmul(Matmul {
        outer: vec![batch, 2],
        rows,
        inner,
        columns,
        left: Walk { outer: vec![2 * rows * inner, rows * inner], row: inner, column: 1 },
        right,
    })
    .into()
}

fn transfer(dice: &mut Dice) -> Transfer {
    let channels = of(dice, &[1, 2, 3, 4, 8, 9, 32, 40]);
    let pixels = of(dice, &[1, 5, 31, 64, 100]);
    let stride = channels * pixels + of(dice, &[0, 0, 7]);
    let pitch = pitch(dice, channels);
    Transfer { images: dice.random_range(1..4), channels, pixels, stride, pitch, zeros: 0 }
}

fn to_pixels(dice: &mut Dice) -> Case {
    let kernel = Kernel::ToPixels(transfer(dice));
    Case { from_input: dice.random(), ..shifted(dice, kernel) }
}

/// Channels with zeros behind them.
fn to_padded_pixels(dice: &mut Dice) -> Case {
    let mut transfer = transfer(dice);
    (transfer.zeros, transfer.pitch) = of(dice, &[(1, 4), (5, 8), (1, 9), (4, 12)]);
    transfer.channels = transfer.pitch - transfer.zeros;
    transfer.stride = transfer.channels * transfer.pixels;
    Case { from_input: dice.random(), ..Kernel::ToPixels(transfer).into() }
}

fn to_planes(dice: &mut Dice) -> Case {
    let transfer = transfer(dice);
    let dense = transfer.images == 1 || transfer.stride == transfer.channels * transfer.pixels;
    let to_output = dense && dice.random();
    Case { to_output, ..shifted(dice, Kernel::ToPlanes(transfer)) }
}
