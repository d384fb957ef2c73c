// Images of another size. launch/resize.rs mirrors the parameters.

struct ResizeParameters {
    u64 from;
    u64 to;
    u64 pitches[2];
    u64 rows;
    u64 columns;
    u32 input[2];
    Divisor pixel;
    Divisor row;
    Divisor image;
    u32 items;
};

// Two neighbours and the share of the higher one.
struct Sample {
    u32 low;
    u32 high;
    float share;
    u32 unused;
};

template <class T, int N> DEVICE void resize(const ResizeParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Pixel at = pixel_of(item, p.pixel, p.row, p.image);
    Sample row = pointer<const Sample>(p.rows)[at.y];
    Sample column = pointer<const Sample>(p.columns)[at.x];
    const T *from = pointer<const T>(p.from) + at.part * N;
    u64 image = static_cast<u64>(at.image) * p.input[0];
    const T *top = from + (image + row.low) * p.input[1] * p.pitches[0];
    const T *bottom = from + (image + row.high) * p.input[1] * p.pitches[0];
    u64 left = column.low * p.pitches[0], right = column.high * p.pitches[0];
    float a[N], b[N], c[N], d[N];
    load(top + left, a);
    // A neighbour without a share is not looked at: infinite times 0 is no number.
    if (row.share != 0.0f || column.share != 0.0f) {
        load(top + right, b);
        load(bottom + left, c);
        load(bottom + right, d);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            float above = a[i] + (b[i] - a[i]) * column.share;
            float below = c[i] + (d[i] - c[i]) * column.share;
            a[i] = above + (below - above) * row.share;
        }
    }
    store(a, pointer<T>(p.to) + at.index * p.pitches[1] + at.part * N);
}

ENTRIES(resize, ResizeParameters)
