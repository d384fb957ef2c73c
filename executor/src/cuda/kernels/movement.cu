// Between planes and pixels. launch/movement.rs mirrors the parameters.

struct TransferParameters {
    Place planes;
    Place pixels;
    u64 stride;
    u64 pitch;
    u32 channels;
    u32 count;
    Divisor along;
    Divisor across;
    u32 written;
    u32 whole;
    u32 items;
    u32 unused;
};

// A few channels: a thread brings a pixel, neighbours of a warp have neighbours of every plane.
template <class I, class O> DEVICE void to_pixels_few(const TransferParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Quotient at = divide(item, p.along);
    const I *from = pointer<const I>(p.planes) + at.whole * p.stride + at.rest;
    O *to = pointer<O>(p.pixels) + item * p.pitch;
    // Behind the channels come zeros.
    float all[8];
#pragma unroll
    for (u32 channel = 0; channel < 8; ++channel) {
        bool there = channel < p.channels;
        all[channel] = there ? widen(from[static_cast<u64>(channel) * p.count]) : 0.0f;
    }
    constexpr int N = 16 / sizeof(O);
    if (p.whole) {
        float some[N];
#pragma unroll
        for (int i = 0; i < N; ++i) some[i] = all[i];
        return store(some, to);
    }
#pragma unroll
    for (u32 channel = 0; channel < 8; ++channel) {
        if (channel < p.written) put(all[channel], to + channel);
    }
}

template <class I, class O> DEVICE void to_planes_few(const TransferParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Quotient at = divide(item, p.along);
    const I *from = pointer<const I>(p.pixels) + item * p.pitch;
    O *to = pointer<O>(p.planes) + at.whole * p.stride + at.rest;
#pragma unroll 4
    for (u32 channel = 0; channel < p.channels; ++channel) {
        put(widen(from[channel]), to + static_cast<u64>(channel) * p.count);
    }
}

// The tile of 32 channels and 32 pixels that a block brings.
struct Tile {
    u64 image;
    u32 channel;
    u32 pixel;
};

DEVICE Tile tile_of(const TransferParameters &p) {
    Quotient across = divide(blockIdx.x, p.across);
    Quotient along = divide(across.whole, p.along);
    return {along.whole, across.rest * 32, along.rest * 32};
}

// Many channels: through shared memory, so that both sides are touched in runs.
template <class I, class O> DEVICE void to_pixels_tiled(const TransferParameters &p) {
    __shared__ float tile[32][33];
    Tile at = tile_of(p);
    const I *from = pointer<const I>(p.planes) + at.image * p.stride;
    O *to = pointer<O>(p.pixels) + at.image * p.count * p.pitch;
    u32 x = threadIdx.x;
    for (u32 y = threadIdx.y; y < 32; y += 8) {
        u32 channel = at.channel + y, pixel = at.pixel + x;
        bool there = channel < p.channels && pixel < p.count;
        if (there) tile[y][x] = widen(from[static_cast<u64>(channel) * p.count + pixel]);
    }
    __syncthreads();
    for (u32 y = threadIdx.y; y < 32; y += 8) {
        u32 channel = at.channel + x, pixel = at.pixel + y;
        bool there = channel < p.written && pixel < p.count;
        float own = channel < p.channels ? tile[x][y] : 0.0f;
        if (there) put(own, to + pixel * p.pitch + channel);
    }
}

template <class I, class O> DEVICE void to_planes_tiled(const TransferParameters &p) {
    __shared__ float tile[32][33];
    Tile at = tile_of(p);
    const I *from = pointer<const I>(p.pixels) + at.image * p.count * p.pitch;
    O *to = pointer<O>(p.planes) + at.image * p.stride;
    u32 x = threadIdx.x;
    for (u32 y = threadIdx.y; y < 32; y += 8) {
        u32 channel = at.channel + x, pixel = at.pixel + y;
        bool there = channel < p.channels && pixel < p.count;
        if (there) tile[y][x] = widen(from[pixel * p.pitch + channel]);
    }
    __syncthreads();
    for (u32 y = threadIdx.y; y < 32; y += 8) {
        u32 channel = at.channel + y, pixel = at.pixel + x;
        bool there = channel < p.channels && pixel < p.count;
        if (there) put(tile[x][y], to + static_cast<u64>(channel) * p.count + pixel);
    }
}

template <class I, class O, int N> DEVICE void to_pixels(const TransferParameters &p) {
    if constexpr (N == 1) to_pixels_few<I, O>(p);
    else to_pixels_tiled<I, O>(p);
}

template <class I, class O, int N> DEVICE void to_planes(const TransferParameters &p) {
    if constexpr (N == 1) to_planes_few<I, O>(p);
    else to_planes_tiled<I, O>(p);
}

MOVING(to_pixels, TransferParameters)
MOVING(to_planes, TransferParameters)
