// Walking over tensors of up to eight dimensions.

// How up to three inputs are walked over.
struct Walk {
    u64 pitch;
    i64 steps[3][8];
    Divisor dims[8];
    u32 rank;
    u32 items;
};

// Where a thread is in the output and in each input, in elements.
template <int INPUTS> struct Position {
    u64 to;
    i64 from[INPUTS];
};

template <int INPUTS, int N> DEVICE Position<INPUTS> walk(const Walk &walk, u32 item) {
    u32 last = walk.rank - 1;
    Quotient at = divide(item, walk.dims[last]);
    i64 column = static_cast<i64>(at.rest) * N;
    Position<INPUTS> position;
    position.to = at.whole * walk.pitch + column;
#pragma unroll
    for (int i = 0; i < INPUTS; ++i) position.from[i] = walk.steps[i][last] * column;
    for (u32 axis = last; axis > 0; --axis) {
        at = divide(at.whole, walk.dims[axis - 1]);
#pragma unroll
        for (int i = 0; i < INPUTS; ++i) position.from[i] += walk.steps[i][axis - 1] * at.rest;
    }
    return position;
}

// N elements of an input, or one of them N times where it is broadcast along the last dimension.
template <int INPUTS, int N, class T>
DEVICE void read(const Walk &walk, int input, const T *from, float (&to)[N]) {
    if (N > 1 && walk.steps[input][walk.rank - 1] == 0) {
        fill(to, widen(*from));
    } else {
        load(from, to);
    }
}
