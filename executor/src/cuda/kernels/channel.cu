// Kernels on rows whose columns have numbers of their own. launch/channel.rs mirrors parameters.

struct AffineParameters {
    u64 from;
    u64 to;
    u64 scale;
    u64 shift;
    u64 pitches[2];
    Divisor row;
    Activation activation;
    u32 items;
    u32 unused;
};

template <class T, int N> DEVICE void affine(const AffineParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Cell at = cell<N>(item, p.row);
    float x[N], scale[N], shift[N];
    load(pointer<const T>(p.from) + at.row * p.pitches[0] + at.column, x);
    load(pointer<const T>(p.scale) + at.column, scale);
    load(pointer<const T>(p.shift) + at.column, shift);
#pragma unroll
    for (int i = 0; i < N; ++i) x[i] = x[i] * scale[i] + shift[i];
    activate(x, p.activation);
    store(x, pointer<T>(p.to) + at.row * p.pitches[1] + at.column);
}

ENTRIES(affine, AffineParameters)

// What is left to do on the result of a library, in place.
struct EpilogueParameters {
    u64 image;
    u64 bias;
    u64 residual; // 0 for none
    u64 pitches[2];
    Divisor row;
    Activation activation;
    u32 items;
    u32 unused;
};

template <class T, int N> DEVICE void epilogue(const EpilogueParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Cell at = cell<N>(item, p.row);
    T *image = pointer<T>(p.image) + at.row * p.pitches[0] + at.column;
    float x[N], bias[N], residual[N];
    load(image, x);
    load(pointer<const T>(p.bias) + at.column, bias);
    fill(residual, 0.0f);
    if (p.residual != 0) {
        load(pointer<const T>(p.residual) + at.row * p.pitches[1] + at.column, residual);
    }
#pragma unroll
    for (int i = 0; i < N; ++i) x[i] = x[i] + bias[i] + residual[i];
    activate(x, p.activation);
    store(x, image);
}

ENTRIES(epilogue, EpilogueParameters)
