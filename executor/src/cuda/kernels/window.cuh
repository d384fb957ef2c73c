// Windows that slide over images; pairs are height, width.

struct Window {
    u32 input[2];
    u32 kernel[2];
    u32 stride[2];
    u32 dilation[2];
    u32 begin[2];
};

// Where a window lies that gives a pixel of the output: before the image where negative.
DEVICE int window_begin(const Window &window, int axis, u32 output) {
    return static_cast<int>(output * window.stride[axis]) - static_cast<int>(window.begin[axis]);
}

// Whether a place along an axis is a pixel of the image.
DEVICE bool inside(const Window &window, int axis, int place) {
    return static_cast<u32>(place) < window.input[axis];
}

// The nearest pixel of the image along an axis: somewhere to read from what nobody will look at, so
// that no read waits for a branch.
DEVICE u32 nearest(const Window &window, int axis, int place) {
    return min(max(place, 0), static_cast<int>(window.input[axis]) - 1);
}

// Image, row, column of a pixel of the output, and where the thread is in it.
struct Pixel {
    u32 image;
    u32 y;
    u32 x;
    u64 part;
    u32 index;
};

DEVICE Pixel pixel_of(u32 item, Divisor pixel, Divisor row, Divisor image) {
    Quotient part = divide(item, pixel);
    Quotient column = divide(part.whole, row);
    Quotient line = divide(column.whole, image);
    return {line.whole, line.rest, column.rest, part.rest, part.whole};
}
