// Convolution of each channel by itself. launch/depthwise.rs mirrors the parameters.
//
// Whatever computes an element sums up its taps in the same order: rows, then columns.

struct DepthwiseParameters {
    u64 from;
    u64 weights;
    u64 bias;
    u64 to;
    u64 pitches[2];
    Window window;
    u32 channels;
    u32 wide;
    Divisor pixel;
    Divisor row;
    Divisor image;
    Activation activation;
    u32 items;
    u32 unused;
};

// Any window; a thread computes one pixel.
template <class T, int N> DEVICE void depthwise(const DepthwiseParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Pixel at = pixel_of(item, p.pixel, p.row, p.image);
    const Window &window = p.window;
    const T *from = pointer<const T>(p.from) + at.part * N;
    const T *weights = pointer<const T>(p.weights) + at.part * N;
    u64 image = static_cast<u64>(at.image) * window.input[0];
    int top = window_begin(window, 0, at.y), left = window_begin(window, 1, at.x);
    float sum[N];
    load(pointer<const T>(p.bias) + at.part * N, sum);
    for (u32 tap_y = 0; tap_y < window.kernel[0]; ++tap_y) {
        int y = top + static_cast<int>(tap_y * window.dilation[0]);
        if (!inside(window, 0, y)) continue;
        const T *line = from + (image + y) * window.input[1] * p.pitches[0];
#pragma unroll 4
        for (u32 tap_x = 0; tap_x < window.kernel[1]; ++tap_x) {
            int x = left + static_cast<int>(tap_x * window.dilation[1]);
            if (!inside(window, 1, x)) continue;
            float own[N], weight[N];
            load(line + x * p.pitches[0], own);
            load(weights + static_cast<u64>(tap_y * window.kernel[1] + tap_x) * p.channels, weight);
#pragma unroll
            for (int i = 0; i < N; ++i) sum[i] = fmaf(own[i], weight[i], sum[i]);
        }
    }
    activate(sum, p.activation);
    store(sum, pointer<T>(p.to) + at.index * p.pitches[1] + at.part * N);
}

ENTRIES(depthwise, DepthwiseParameters)

// A window of K x K with a stride of S, without dilation; a thread computes PIXELS in a row, so
// that inputs which their windows share are read once. All of a row is read before any of it is
// needed.
template <class T, int N, int K, int S, int PIXELS>
DEVICE void depthwise_tile(const DepthwiseParameters &p) {
    constexpr int COLUMNS = (PIXELS - 1) * S + K;
    u32 item = thread_index();
    if (item >= p.items) return;
    Pixel at = pixel_of(item, p.pixel, p.row, p.image);
    const Window &window = p.window;
    u64 channel = at.part * N;
    u32 first = at.x * PIXELS;
    u64 image = static_cast<u64>(at.image) * window.input[0];
    int top = window_begin(window, 0, at.y), left = window_begin(window, 1, first);
    const T *from = pointer<const T>(p.from) + channel;
    const T *weights = pointer<const T>(p.weights) + channel;
    float sums[PIXELS][N];
#pragma unroll
    for (int pixel = 0; pixel < PIXELS; ++pixel) {
        load(pointer<const T>(p.bias) + channel, sums[pixel]);
    }
#pragma unroll
    for (int tap_y = 0; tap_y < K; ++tap_y) {
        int y = top + tap_y;
        bool row = inside(window, 0, y);
        u64 line = (image + nearest(window, 0, y)) * window.input[1];
        Raw<T, N> own[COLUMNS], weight[K];
#pragma unroll
        for (int x = 0; x < COLUMNS; ++x) {
            own[x] = raw<N>(from + (line + nearest(window, 1, left + x)) * p.pitches[0]);
        }
#pragma unroll
        for (int tap_x = 0; tap_x < K; ++tap_x) {
            weight[tap_x] = raw<N>(weights + static_cast<u64>(tap_y * K + tap_x) * p.channels);
        }
#pragma unroll
        for (int x = 0; x < COLUMNS; ++x) {
            float input[N];
            unpack(own[x], input);
            bool there = row && inside(window, 1, left + x);
            each(input, [=](float element) { return there ? element : 0.0f; });
#pragma unroll
            for (int pixel = 0; pixel < PIXELS; ++pixel) {
                const int tap_x = x - pixel * S;
                if (tap_x < 0 || tap_x >= K) continue;
                float factor[N];
                unpack(weight[tap_x], factor);
#pragma unroll
                for (int i = 0; i < N; ++i) {
                    sums[pixel][i] = fmaf(input[i], factor[i], sums[pixel][i]);
                }
            }
        }
    }
    u64 line = (static_cast<u64>(at.image) * p.image.by + at.y) * p.wide;
    T *to = pointer<T>(p.to) + channel;
#pragma unroll
    for (int pixel = 0; pixel < PIXELS; ++pixel) {
        if (first + pixel >= p.wide) break;
        activate(sums[pixel], p.activation);
        store(sums[pixel], to + (line + first + pixel) * p.pitches[1]);
    }
}

#define DEPTHWISE_TILE(K, S, PIXELS)                                                               \
    ENTRY(depthwise_##K##_##S##_##PIXELS##_f32, DepthwiseParameters,                               \
          depthwise_tile<float, 4, K, S, PIXELS>)                                                  \
    ENTRY(depthwise_##K##_##S##_##PIXELS##_f16, DepthwiseParameters,                               \
          depthwise_tile<half, 8, K, S, PIXELS>)

DEPTHWISE_TILE(3, 1, 4)
DEPTHWISE_TILE(3, 2, 4)
DEPTHWISE_TILE(5, 1, 4)
DEPTHWISE_TILE(3, 1, 1)
DEPTHWISE_TILE(3, 2, 1)
DEPTHWISE_TILE(5, 1, 1)
DEPTHWISE_TILE(5, 2, 1)
