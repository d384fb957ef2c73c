// Pooling. launch/pool.rs mirrors the parameters.

struct PoolParameters {
    u64 from;
    u64 to;
    u64 pitches[2];
    Window window;
    Divisor pixel;
    Divisor row;
    Divisor image;
    u32 items;
    u32 kind;
    u32 unused;
};

// What the elements of a window are divided by: of those that lie in the image, or of all.
DEVICE float pool_share(const PoolParameters &p, u32 seen) {
    u32 count = p.kind == 1 ? seen : p.window.kernel[0] * p.window.kernel[1];
    return count == 0 ? 0.0f : 1.0f / count;
}

template <class T, int N> DEVICE void pool(const PoolParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Pixel at = pixel_of(item, p.pixel, p.row, p.image);
    const Window &window = p.window;
    const T *from = pointer<const T>(p.from) + at.part * N;
    u64 image = static_cast<u64>(at.image) * window.input[0];
    int top = window_begin(window, 0, at.y), left = window_begin(window, 1, at.x);
    bool max = p.kind == 0;
    u32 seen = 0;
    float result[N];
    fill(result, max ? -INFINITE : 0.0f);
    for (u32 tap_y = 0; tap_y < window.kernel[0]; ++tap_y) {
        int y = top + static_cast<int>(tap_y * window.dilation[0]);
        if (!inside(window, 0, y)) continue;
        const T *line = from + (image + y) * window.input[1] * p.pitches[0];
#pragma unroll 4
        for (u32 tap_x = 0; tap_x < window.kernel[1]; ++tap_x) {
            int x = left + static_cast<int>(tap_x * window.dilation[1]);
            if (!inside(window, 1, x)) continue;
            float own[N];
            load(line + x * p.pitches[0], own);
            ++seen;
#pragma unroll
            for (int i = 0; i < N; ++i) {
                result[i] = max ? (own[i] > result[i] ? own[i] : result[i]) : result[i] + own[i];
            }
        }
    }
    float share = max ? 1.0f : pool_share(p, seen);
#pragma unroll
    for (int i = 0; i < N; ++i) result[i] *= share;
    store(result, pointer<T>(p.to) + at.index * p.pitches[1] + at.part * N);
}

ENTRIES(pool, PoolParameters)

// A window of K x K without dilation: all of it is read before any of it is needed.
template <class T, int N, int K> DEVICE void pool_square(const PoolParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Pixel at = pixel_of(item, p.pixel, p.row, p.image);
    const Window &window = p.window;
    const T *from = pointer<const T>(p.from) + at.part * N;
    u64 image = static_cast<u64>(at.image) * window.input[0];
    int top = window_begin(window, 0, at.y), left = window_begin(window, 1, at.x);
    Raw<T, N> own[K * K];
#pragma unroll
    for (int tap = 0; tap < K * K; ++tap) {
        u64 line = (image + nearest(window, 0, top + tap / K)) * window.input[1];
        own[tap] = raw<N>(from + (line + nearest(window, 1, left + tap % K)) * p.pitches[0]);
    }
    bool max = p.kind == 0;
    float padding = max ? -INFINITE : 0.0f, result[N];
    fill(result, padding);
    u32 seen = 0;
#pragma unroll
    for (int tap = 0; tap < K * K; ++tap) {
        bool there = inside(window, 0, top + tap / K) && inside(window, 1, left + tap % K);
        seen += there;
        float x[N];
        unpack(own[tap], x);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            x[i] = there ? x[i] : padding;
            result[i] = max ? Largest::join(result[i], x[i]) : result[i] + x[i];
        }
    }
    float share = max ? 1.0f : pool_share(p, seen);
    each(result, [=](float x) { return x * share; });
    store(result, pointer<T>(p.to) + at.index * p.pitches[1] + at.part * N);
}

template <class T, int N> DEVICE void pool_2(const PoolParameters &p) { pool_square<T, N, 2>(p); }
template <class T, int N> DEVICE void pool_3(const PoolParameters &p) { pool_square<T, N, 3>(p); }

ENTRIES(pool_2, PoolParameters)
ENTRIES(pool_3, PoolParameters)
