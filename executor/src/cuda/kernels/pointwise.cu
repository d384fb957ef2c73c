// Kernels on elements. launch/pointwise.rs mirrors the parameters.

struct MapParameters {
    Place from;
    Place to;
    u64 pitches[2];
    Divisor row;
    Activation activation;
    u32 items;
    u32 unused;
};

template <class I, class O, int N> DEVICE void map(const MapParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Cell at = cell<N>(item, p.row);
    float x[N];
    load(pointer<const I>(p.from) + at.row * p.pitches[0] + at.column, x);
    activate(x, p.activation);
    store(x, pointer<O>(p.to) + at.row * p.pitches[1] + at.column);
}

MOVING(map, MapParameters)

struct AddParameters {
    u64 left;
    u64 right;
    u64 to;
    u64 pitches[3];
    Divisor row;
    Activation activation;
    u32 items;
    u32 unused;
};

template <class T, int N> DEVICE void add(const AddParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Cell at = cell<N>(item, p.row);
    float left[N], right[N];
    load(pointer<const T>(p.left) + at.row * p.pitches[0] + at.column, left);
    load(pointer<const T>(p.right) + at.row * p.pitches[1] + at.column, right);
#pragma unroll
    for (int i = 0; i < N; ++i) left[i] += right[i];
    activate(left, p.activation);
    store(left, pointer<T>(p.to) + at.row * p.pitches[2] + at.column);
}

ENTRIES(add, AddParameters)
