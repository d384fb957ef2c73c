//! The window that a convolution or a pool slides over an image.

/// Size, steps and borders of a window, and what else a convolution can have. [`k`] makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) size: [usize; 2],
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Rows above, columns left, rows below, columns right.
    pub(crate) pads: [usize; 4],
    pub(crate) groups: usize,
    pub(crate) bias: bool,
    pub(crate) ceil: bool,
}

/// A square window that keeps an image's size: half of it hangs over the border.
pub(crate) fn k(side: usize) -> Window {
    rect(side, side)
}

/// A window of this height and width that keeps an image's size.
pub(crate) fn rect(height: usize, width: usize) -> Window {
    let (y, x) = ((height - 1) / 2, (width - 1) / 2);
    Window {
        size: [height, width],
        stride: 1,
        dilation: 1,
        pads: [y, x, y, x],
        groups: 1,
        bias: false,
        ceil: false,
    }
}

impl Window {
    /// Moves by this many places at a time.
    pub(crate) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Each group of channels is convolved by itself.
    pub(crate) fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// A bias per channel, for a convolution that no normalization follows.
    pub(crate) fn bias(self) -> Self {
        Self { bias: true, ..self }
    }

    /// Stays inside the image.
    pub(crate) fn valid(self) -> Self {
        self.pad(0)
    }

    /// Hangs over every border by this much.
    pub(crate) fn pad(self, pad: usize) -> Self {
        self.pads([pad; 4])
    }

    /// Hangs over by this much above, left, below and right.
    pub(crate) fn pads(self, pads: [usize; 4]) -> Self {
        Self { pads, ..self }
    }

    /// A last place that hangs over the end counts too.
    pub(crate) fn ceil(self) -> Self {
        Self { ceil: true, ..self }
    }

    /// Height and width of what comes out.
    pub(crate) fn output(&self, image: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| self.places(axis, image[axis]))
    }

    /// The share of the window's taps that lie inside an image, on average over all places.
    pub(crate) fn inside(&self, image: [usize; 2]) -> f64 {
        [0, 1].into_iter().map(|axis| self.inside_along(axis, image[axis])).product()
    }

    fn places(&self, axis: usize, len: usize) -> usize {
        let reach = self.dilation * (self.size[axis] - 1) + 1;
        let free = len + self.pads[axis] + self.pads[axis + 2] - reach;
        let steps = if self.ceil { free.div_ceil(self.stride) } else { free / self.stride };
        steps + 1
    }

    fn inside_along(&self, axis: usize, len: usize) -> f64 {
        let (places, size, begin) = (self.places(axis, len), self.size[axis], self.pads[axis]);
        let taps = (0..places)
            .flat_map(|place| (0..size).map(move |tap| place * self.stride + tap * self.dilation));
        let inside = taps.filter(|at| (begin..begin + len).contains(at)).count();
        ratio(inside, places * size)
    }
}

/// `part / whole`.
pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    float(part) / float(whole)
}

/// A count as a number.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("no model has 4 billion of anything"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_the_places_that_their_networks_need() {
        assert_eq!(k(7).stride(2).output([224, 224]), [112, 112]);
        assert_eq!(k(3).stride(2).valid().output([112, 112]), [55, 55]);
        assert_eq!(k(3).stride(2).valid().ceil().output([112, 112]), [56, 56]);
        assert_eq!(rect(1, 7).output([17, 17]), [17, 17]);
        assert_eq!(k(3).stride(2).pads([0, 0, 1, 1]).output([224, 224]), [112, 112]);
    }

    #[test]
    fn taps_outside_the_image_are_counted() {
        // Of 3 x 3 places in one dimension, the first and the last have one of three taps outside.
        let along = 7.0 / 9.0;
        assert!((k(3).inside([3, 3]) - along * along).abs() < 1e-12);
        assert!((k(3).valid().inside([9, 9]) - 1.0).abs() < 1e-12);
    }
}
