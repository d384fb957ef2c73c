//! Which elements of its memory a tensor occupies.

/// Elements that a tensor occupies: `rows` runs of `width` elements, the begins of two runs `pitch`
/// apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Runs.
    pub rows: usize,
    /// Elements of a run.
    pub width: usize,
    /// Elements from the begin of one run to that of the next, at least `width`.
    pub pitch: usize,
}

/// What a kernel reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Each tensor that it reads; `None` past the last.
    pub reads: [Option<Area>; READS],
    /// Elements of its scratch area; zero if it needs none.
    pub scratch: usize,
    /// The tensor that it writes, completely.
    pub write: Area,
}

/// No kernel reads more tensors.
pub const READS: usize = 4;

impl Area {
    /// An area of rows; `None` if rows overlap, there are none, or it is beyond any memory.
    pub fn new(rows: usize, width: usize, pitch: usize) -> Option<Self> {
        product(&[rows, pitch])?;
        (width > 0 && width <= pitch).then_some(Self { rows, width, pitch })
    }

    /// An area of the product of these many elements without gaps.
    pub fn dense(sizes: &[usize]) -> Option<Self> {
        let width = product(sizes)?;
        Some(Self { rows: 1, width, pitch: width })
    }

    /// Elements from its begin to its end.
    pub const fn span(&self) -> usize {
        match self.rows {
            0 => 0,
            rows => (rows - 1) * self.pitch + self.width,
        }
    }

    /// Whether its rows follow each other without gaps.
    pub const fn is_dense(&self) -> bool {
        self.rows <= 1 || self.width == self.pitch
    }
}

impl Lengths {
    /// A kernel without scratch area.
    pub fn of<const N: usize>(reads: [Area; N], write: Area) -> Self {
        let mut all = [None; READS];
        for (place, read) in all.iter_mut().zip(reads) {
            *place = Some(read);
        }
        Self { reads: all, scratch: 0, write }
    }
}

/// The product of sizes that are all positive and, as the product, at most [`ELEMENTS_MAX`].
pub(super) fn product(sizes: &[usize]) -> Option<usize> {
    let within = |size: usize| (1..=ELEMENTS_MAX).contains(&size).then_some(size);
    sizes.iter().try_fold(1_usize, |product, &size| within(product.checked_mul(within(size)?)?))
}

/// No tensor has more elements (64 GiB of f32), so that offsets are computed without overflow.
pub(super) const ELEMENTS_MAX: usize = 1 << 34;
