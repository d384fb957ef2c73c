//! Vector registers of f32, one type per instruction set, so that a kernel is written once.
//!
//! Operations are inlined into a function that has the instructions switched on (see
//! [`Kernels`](super::Kernels)); nothing else may call them.
#![expect(unsafe_code, reason = "intrinsics take raw pointers and need their instructions")]
#![expect(unsafe_op_in_unsafe_fn, reason = "each operation is one intrinsic, under one promise")]
#![expect(clippy::inline_always, reason = "an instruction set is switched on per function")]

/// A vector register of f32.
///
/// # Safety of all operations
/// The processor has the instructions. Pointers point to as many elements as are read or written,
/// at any alignment.
pub(super) trait Lanes: Copy {
    /// Elements.
    const LEN: usize;

    /// The same element in every lane.
    unsafe fn splat(element: f32) -> Self;
    /// The [`Lanes::LEN`] elements from here on.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `len` elements from here on, zeros behind them; `len` is at most [`Lanes::LEN`].
    unsafe fn load_first(from: *const f32, len: usize) -> Self;
    /// Writes all elements.
    unsafe fn store(self, to: *mut f32);
    /// Writes the first `len` elements; `len` is at most [`Lanes::LEN`].
    unsafe fn store_first(self, to: *mut f32, len: usize);
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self * factor + sum`, rounded once where the processor can.
    unsafe fn mul_add(self, factor: Self, sum: Self) -> Self;
    /// The larger of each two elements.
    unsafe fn max(self, other: Self) -> Self;
    /// The smaller of each two elements.
    unsafe fn min(self, other: Self) -> Self;
}

/// Four elements, as any processor has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quad([f32; 4]);

impl Quad {
    #[inline(always)]
    fn zip(self, other: Self, of: impl Fn(f32, f32) -> f32) -> Self {
        Self([0, 1, 2, 3].map(|lane| of(self.0[lane], other.0[lane])))
    }
}

impl Lanes for Quad {
    const LEN: usize = 4;

    #[inline(always)]
    unsafe fn splat(element: f32) -> Self {
        Self([element; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(from.cast::<[f32; 4]>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, len: usize) -> Self {
        let mut elements = [0.0; 4];
        for (lane, element) in elements.iter_mut().enumerate().take(len) {
            *element = *from.add(lane);
        }
        Self(elements)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        to.cast::<[f32; 4]>().write_unaligned(self.0);
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, len: usize) {
        for (lane, &element) in self.0.iter().enumerate().take(len) {
            *to.add(lane) = element;
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, sum: Self) -> Self {
        self.zip(factor, |a, b| a * b).zip(sum, |product, c| product + c)
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Ymm, Zmm};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256i, __m512, __mmask16, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_loadu_si256, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps,
        _mm256_set1_ps, _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_ps, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps,
        _mm512_min_ps, _mm512_set1_ps, _mm512_storeu_ps, _mm512_sub_ps,
    };

    use super::Lanes;

    /// A register of AVX2.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super) struct Ymm(__m256);

    /// A register of AVX-512.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super) struct Zmm(__m512);

    /// Gives each method its one intrinsic.
    macro_rules! operation {
        ($register:ident, $name:ident($($argument:ident: $kind:ty),*) = $intrinsic:expr) => {
            #[inline(always)]
            unsafe fn $name(self, $($argument: $kind),*) -> Self {
                $register($intrinsic(self.0, $($argument.0),*))
            }
        };
    }

    impl Lanes for Ymm {
        const LEN: usize = 8;

        operation!(Ymm, add(other: Self) = _mm256_add_ps);
        operation!(Ymm, sub(other: Self) = _mm256_sub_ps);
        operation!(Ymm, mul_add(factor: Self, sum: Self) = _mm256_fmadd_ps);
        operation!(Ymm, max(other: Self) = _mm256_max_ps);
        operation!(Ymm, min(other: Self) = _mm256_min_ps);

        #[inline(always)]
        unsafe fn splat(element: f32) -> Self {
            Self(_mm256_set1_ps(element))
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(_mm256_loadu_ps(from))
        }

        #[inline(always)]
        unsafe fn load_first(from: *const f32, len: usize) -> Self {
            let mask = mask(len);
            Self(_mm256_maskload_ps(from, mask))
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            _mm256_storeu_ps(to, self.0);
        }

        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, len: usize) {
            let mask = mask(len);
            _mm256_maskstore_ps(to, mask, self.0);
        }
    }

    /// Ones in the first `len` lanes.
    #[inline(always)]
    fn mask(len: usize) -> __m256i {
        const ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
        let window = &ONES[8 - len.min(8)..][..8];
        // SAFETY: the window has eight elements; the caller of the caller promised the instruction.
        unsafe { _mm256_loadu_si256(window.as_ptr().cast()) }
    }

    impl Lanes for Zmm {
        const LEN: usize = 16;

        operation!(Zmm, add(other: Self) = _mm512_add_ps);
        operation!(Zmm, sub(other: Self) = _mm512_sub_ps);
        operation!(Zmm, mul_add(factor: Self, sum: Self) = _mm512_fmadd_ps);
        operation!(Zmm, max(other: Self) = _mm512_max_ps);
        operation!(Zmm, min(other: Self) = _mm512_min_ps);

        #[inline(always)]
        unsafe fn splat(element: f32) -> Self {
            Self(_mm512_set1_ps(element))
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(_mm512_loadu_ps(from))
        }

        #[inline(always)]
        unsafe fn load_first(from: *const f32, len: usize) -> Self {
            Self(_mm512_maskz_loadu_ps(FIRST[len.min(16)], from))
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            _mm512_storeu_ps(to, self.0);
        }

        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, len: usize) {
            _mm512_mask_storeu_ps(to, FIRST[len.min(16)], self.0);
        }
    }

    /// Masks of the first 0, 1, ... lanes.
    const FIRST: [__mmask16; 17] = {
        let mut masks = [0xffff; 17];
        let mut len = 0;
        while len < 16 {
            masks[len] = (1 << len) - 1;
            len += 1;
        }
        masks
    };
}
