// Functions of single elements. launch/function.rs mirrors parameters and numbers.

struct ElementwiseParameters {
    u64 from;
    u64 to;
    u64 pitches[2];
    Divisor row;
    u32 items;
    u32 function;
    float number;
};

// Their general cases are long: one copy of each is enough.
DEVICE_CALL float cosine(float x) { return cosf(x); }
DEVICE_CALL float sine(float x) { return sinf(x); }

DEVICE float gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678f)); }

DEVICE float gelu_tanh(float x) {
    return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
}

DEVICE float softplus(float x) { return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x))); }

DEVICE float sign(float x) { return (x > 0.0f ? 1.0f : 0.0f) - (x < 0.0f ? 1.0f : 0.0f); }

template <int N> DEVICE void apply(float (&all)[N], u32 function, float number) {
    switch (function) {
    case 0: return each(all, [](float x) { return fabsf(x); });
    case 1: return each(all, [](float x) { return ceilf(x); });
    case 2: return each(all, [](float x) { return cosine(x); });
    case 3: return each(all, [=](float x) { return x < 0.0f ? number * expm1f(x) : x; });
    case 4: return each(all, [](float x) { return erff(x); });
    case 5: return each(all, [](float x) { return expf(x); });
    case 6: return each(all, [](float x) { return floorf(x); });
    case 7: return each(all, [](float x) { return gelu(x); });
    case 8: return each(all, [](float x) { return gelu_tanh(x); });
    case 9: return each(all, [=](float x) { return x < 0.0f ? number * x : x; });
    case 10: return each(all, [](float x) { return logf(x); });
    case 11: return each(all, [](float x) { return -x; });
    case 12: return each(all, [](float x) { return x == 0.0f ? 1.0f : 0.0f; });
    case 13: return each(all, [](float x) { return x != 0.0f ? 1.0f : 0.0f; });
    case 14: return each(all, [](float x) { return 1.0f / x; });
    case 15: return each(all, [](float x) { return rintf(x); });
    case 16: return each(all, [](float x) { return sign(x); });
    case 17: return each(all, [](float x) { return sine(x); });
    case 18: return each(all, [](float x) { return softplus(x); });
    case 19: return each(all, [](float x) { return sqrtf(x); });
    default: return each(all, [](float x) { return tanhf(x); });
    }
}

template <class T, int N> DEVICE void elementwise(const ElementwiseParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Cell at = cell<N>(item, p.row);
    float x[N];
    load(pointer<const T>(p.from) + at.row * p.pitches[0] + at.column, x);
    apply(x, p.function, p.number);
    store(x, pointer<T>(p.to) + at.row * p.pitches[1] + at.column);
}

ENTRIES(elementwise, ElementwiseParameters)
