// Kernels that combine the elements of ranges. launch/range.rs mirrors the parameters.

// Rows without gaps; a team for each.
struct RowsParameters {
    u64 from;
    u64 to;
    u64 scale; // 0 for none, both
    u64 shift;
    u32 rows;
    u32 len;
    u32 kind;
    float epsilon;
};

// The row of this team; false if there is none.
DEVICE bool row_of(const RowsParameters &p, u64 &row) {
    row = static_cast<u64>(blockIdx.x) * blockDim.y + threadIdx.y;
    return row < p.rows;
}

// What a row's elements make together, each after `of`.
template <class F, int N, class T, class Of>
DEVICE float over_row(const T *from, u32 len, Of of) {
    float own = F::begin();
    for (u32 at = threadIdx.x * N; at < len; at += blockDim.x * N) {
        float x[N];
        load(from + at, x);
#pragma unroll
        for (int i = 0; i < N; ++i) own = F::join(own, of(x[i]));
    }
    return together<F>(own);
}

struct Same {
    DEVICE float operator()(float x) const { return x; }
};

template <class T, int N> DEVICE float summary(const T *from, u32 len, u32 kind) {
    switch (kind) {
    case 0: return over_row<Largest, N>(from, len, Same());
    case 1: return over_row<Sum, N>(from, len, Same()) / len;
    case 2: return over_row<Smallest, N>(from, len, Same());
    default: return over_row<Sum, N>(from, len, Same());
    }
}

template <class T, int N> DEVICE void reduce_rows(const RowsParameters &p) {
    u64 row;
    if (!row_of(p, row)) return;
    float result = summary<T, N>(pointer<const T>(p.from) + row * p.len, p.len, p.kind);
    if (threadIdx.x == 0) put(result, pointer<T>(p.to) + row);
}

ENTRIES(reduce_rows, RowsParameters)

struct Exponential {
    float max;
    DEVICE float operator()(float x) const { return expf(x - max); }
};

// The exponentials of a row as shares of their sum, or the logarithms of the shares.
template <class T, int N> DEVICE void shares_rows(const RowsParameters &p) {
    u64 row;
    if (!row_of(p, row)) return;
    const T *from = pointer<const T>(p.from) + row * p.len;
    T *to = pointer<T>(p.to) + row * p.len;
    float max = over_row<Largest, N>(from, p.len, Same());
    float total = over_row<Sum, N>(from, p.len, Exponential{max});
    bool logarithm = p.kind != 0;
    float shift = max + logf(total), factor = 1.0f / total;
    for (u32 at = threadIdx.x * N; at < p.len; at += blockDim.x * N) {
        float x[N];
        load(from + at, x);
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] = logarithm ? x[i] - shift : expf(x[i] - max) * factor;
        store(x, to + at);
    }
}

ENTRIES(shares_rows, RowsParameters)

struct Deviation {
    float mean;
    DEVICE float operator()(float x) const { return (x - mean) * (x - mean); }
};

// A row to mean 0 and variance 1, then perhaps times and plus the numbers of its columns.
template <class T, int N> DEVICE void normalize(const RowsParameters &p) {
    u64 row;
    if (!row_of(p, row)) return;
    const T *from = pointer<const T>(p.from) + row * p.len;
    T *to = pointer<T>(p.to) + row * p.len;
    float mean = over_row<Sum, N>(from, p.len, Same()) / p.len;
    float variance = over_row<Sum, N>(from, p.len, Deviation{mean}) / p.len;
    float factor = 1.0f / sqrtf(variance + p.epsilon);
    for (u32 at = threadIdx.x * N; at < p.len; at += blockDim.x * N) {
        float x[N], scale[N], shift[N];
        load(from + at, x);
        fill(scale, 1.0f);
        fill(shift, 0.0f);
        if (p.scale != 0) {
            load(pointer<const T>(p.scale) + at, scale);
            load(pointer<const T>(p.shift) + at, shift);
        }
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] = (x[i] - mean) * factor * scale[i] + shift[i];
        store(x, to + at);
    }
}

ENTRIES(normalize, RowsParameters)

// Ranges side by side.
struct ColumnsParameters {
    u64 from;
    u64 to;
    u64 pitch;
    Divisor inner;
    u32 width;
    u32 len;
    u32 lanes;
    u32 items;
    u32 kind;
};

// `shared` has a number of every thread for each of its N ranges.
template <class F, class T, int N>
DEVICE void reduce_columns_by(const ColumnsParameters &p, float (*shared)[256], float factor) {
    Quotient at = divide(blockIdx.x, p.inner);
    u32 item = at.rest * blockDim.x + threadIdx.x;
    u64 first = static_cast<u64>(item) * N;
    u32 own = threadIdx.y * blockDim.x + threadIdx.x;
    float result[N];
    fill(result, F::begin());
    if (item < p.items) {
        const T *from = pointer<const T>(p.from) + at.whole * (p.len * p.pitch) + first;
#pragma unroll 2
        for (u32 line = threadIdx.y; line < p.len; line += p.lanes) {
            float x[N];
            load(from + line * p.pitch, x);
#pragma unroll
            for (int i = 0; i < N; ++i) result[i] = F::join(result[i], x[i]);
        }
    }
    for (u32 half_way = p.lanes / 2; half_way > 0; half_way /= 2) {
#pragma unroll
        for (int i = 0; i < N; ++i) shared[i][own] = result[i];
        __syncthreads();
        if (threadIdx.y < half_way) {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                result[i] = F::join(result[i], shared[i][own + half_way * blockDim.x]);
            }
        }
        __syncthreads();
    }
    if (threadIdx.y != 0 || item >= p.items) return;
#pragma unroll
    for (int i = 0; i < N; ++i) result[i] *= factor;
    store(result, pointer<T>(p.to) + static_cast<u64>(at.whole) * p.width + first);
}

template <class T, int N> DEVICE void reduce_columns(const ColumnsParameters &p) {
    __shared__ float shared[N][256];
    switch (p.kind) {
    case 0: return reduce_columns_by<Largest, T, N>(p, shared, 1.0f);
    case 1: return reduce_columns_by<Sum, T, N>(p, shared, 1.0f / p.len);
    case 2: return reduce_columns_by<Smallest, T, N>(p, shared, 1.0f);
    default: return reduce_columns_by<Sum, T, N>(p, shared, 1.0f);
    }
}

ENTRIES(reduce_columns, ColumnsParameters)

// A thread for each range, or for N side by side.
template <class T, int N> DEVICE void shares_columns(const ColumnsParameters &p) {
    u32 thread = thread_index();
    if (thread >= p.items) return;
    Quotient at = divide(thread, p.inner);
    u64 begin = at.whole * (p.len * p.pitch) + static_cast<u64>(at.rest) * N;
    const T *from = pointer<const T>(p.from) + begin;
    T *to = pointer<T>(p.to) + begin;
    float x[N], max[N], sum[N];
    fill(max, -INFINITE);
    fill(sum, 0.0f);
    for (u32 line = 0; line < p.len; ++line) {
        load(from + line * p.pitch, x);
#pragma unroll
        for (int i = 0; i < N; ++i) max[i] = Largest::join(max[i], x[i]);
    }
    for (u32 line = 0; line < p.len; ++line) {
        load(from + line * p.pitch, x);
#pragma unroll
        for (int i = 0; i < N; ++i) sum[i] += expf(x[i] - max[i]);
    }
    bool logarithm = p.kind != 0;
    each(sum, [=](float total) { return logarithm ? logf(total) : 1.0f / total; });
    for (u32 line = 0; line < p.len; ++line) {
        load(from + line * p.pitch, x);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            x[i] = logarithm ? x[i] - max[i] - sum[i] : expf(x[i] - max[i]) * sum[i];
        }
        store(x, to + line * p.pitch);
    }
}

ENTRIES(shares_columns, ColumnsParameters)
