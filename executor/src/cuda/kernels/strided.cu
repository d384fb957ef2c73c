// Kernels that walk over tensors by strides. launch/strided.rs mirrors parameters and numbers.

struct BroadcastParameters {
    u64 reads[2];
    u64 to;
    Walk walk;
    Activation activation;
    u32 combination;
};

DEVICE float truth(bool truth) { return truth ? 1.0f : 0.0f; }

// Its general case is long: one copy is enough.
DEVICE_CALL float power(float a, float b) { return powf(a, b); }

// The first becomes what both make together, element by element.
template <int N, class F> DEVICE void pairs(float (&a)[N], const float (&b)[N], F of) {
#pragma unroll
    for (int i = 0; i < N; ++i) a[i] = of(a[i], b[i]);
}

template <int N> DEVICE void combine(float (&left)[N], const float (&right)[N], u32 combination) {
    switch (combination) {
    case 0: return pairs(left, right, [](float a, float b) { return a + b; });
    case 1: return pairs(left, right, [](float a, float b) { return truth(a != 0 && b != 0); });
    case 2: return pairs(left, right, [](float a, float b) { return a / b; });
    case 3: return pairs(left, right, [](float a, float b) { return truth(a == b); });
    case 4: return pairs(left, right, [](float a, float b) { return truth(a > b); });
    case 5: return pairs(left, right, [](float a, float b) { return truth(a >= b); });
    case 6: return pairs(left, right, [](float a, float b) { return truth(a < b); });
    case 7: return pairs(left, right, [](float a, float b) { return truth(a <= b); });
    case 8: return pairs(left, right, [](float a, float b) { return a > b ? a : b; });
    case 9: return pairs(left, right, [](float a, float b) { return a < b ? a : b; });
    case 10: return pairs(left, right, [](float a, float b) { return a * b; });
    case 11: return pairs(left, right, [](float a, float b) { return truth(a != 0 || b != 0); });
    case 12: return pairs(left, right, [](float a, float b) { return power(a, b); });
    case 13: return pairs(left, right, [](float a, float b) { return a < 0.0f ? a * b : a; });
    default: return pairs(left, right, [](float a, float b) { return a - b; });
    }
}

template <class T, int N> DEVICE void broadcast(const BroadcastParameters &p) {
    u32 item = thread_index();
    if (item >= p.walk.items) return;
    Position<2> at = walk<2, N>(p.walk, item);
    float left[N], right[N];
    read<2>(p.walk, 0, pointer<const T>(p.reads[0]) + at.from[0], left);
    read<2>(p.walk, 1, pointer<const T>(p.reads[1]) + at.from[1], right);
    combine(left, right, p.combination);
    activate(left, p.activation);
    store(left, pointer<T>(p.to) + at.to);
}

ENTRIES(broadcast, BroadcastParameters)

struct SelectParameters {
    u64 reads[3];
    u64 to;
    Walk walk;
};

template <class T, int N> DEVICE void select(const SelectParameters &p) {
    u32 item = thread_index();
    if (item >= p.walk.items) return;
    Position<3> at = walk<3, N>(p.walk, item);
    float condition[N], yes[N], no[N];
    read<3>(p.walk, 0, pointer<const T>(p.reads[0]) + at.from[0], condition);
    read<3>(p.walk, 1, pointer<const T>(p.reads[1]) + at.from[1], yes);
    read<3>(p.walk, 2, pointer<const T>(p.reads[2]) + at.from[2], no);
#pragma unroll
    for (int i = 0; i < N; ++i) yes[i] = condition[i] != 0.0f ? yes[i] : no[i];
    store(yes, pointer<T>(p.to) + at.to);
}

ENTRIES(select, SelectParameters)

struct StridedParameters {
    Place from;
    Place to;
    Walk walk;
};

template <class I, class O, int N> DEVICE void strided(const StridedParameters &p) {
    u32 item = thread_index();
    if (item >= p.walk.items) return;
    Position<1> at = walk<1, N>(p.walk, item);
    float x[N];
    read<1>(p.walk, 0, pointer<const I>(p.from) + at.from[0], x);
    store(x, pointer<O>(p.to) + at.to);
}

MOVING(strided, StridedParameters)

struct BorderParameters {
    u64 from;
    u64 to;
    Divisor outer[8];
    u32 dims[8];
    u32 begin[8];
    u32 rank;
    u32 items;
    float value;
    u32 unused;
};

template <class T, int N> DEVICE void border(const BorderParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Quotient at = {item, 0};
    u64 from = 0, stride = 1;
    bool inside = true;
    for (u32 axis = p.rank; axis > 0; --axis) {
        at = divide(at.whole, p.outer[axis - 1]);
        u32 place = at.rest - p.begin[axis - 1];
        inside = inside && place < p.dims[axis - 1];
        from += place * stride;
        stride *= p.dims[axis - 1];
    }
    float x[N];
    fill(x, p.value);
    if (inside) load(pointer<const T>(p.from) + from * N, x);
    store(x, pointer<T>(p.to) + static_cast<u64>(item) * N);
}

ENTRIES(border, BorderParameters)
