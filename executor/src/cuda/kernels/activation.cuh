// What happens to elements before they are written. launch/parts.rs gives the numbers.

struct Activation {
    u32 kind;
    float low;
    float high;
};

// The element, or the end of the range that it is beyond; NaN stays NaN.
DEVICE float cut(float x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

DEVICE float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// Every element after a function.
template <int N, class F> DEVICE void each(float (&all)[N], F of) {
#pragma unroll
    for (int i = 0; i < N; ++i) all[i] = of(all[i]);
}

template <int N> DEVICE void activate(float (&all)[N], const Activation &activation) {
    float low = activation.low, high = activation.high;
    switch (activation.kind) {
    case 0: return each(all, [=](float x) { return cut(x, low, high); });
    case 1: return each(all, [](float x) { return sigmoid(x); });
    case 2: return each(all, [](float x) { return x * sigmoid(x); });
    case 3: return each(all, [=](float x) { return cut(low * x + high, 0.0f, 1.0f); });
    default: return each(all, [](float x) { return x * cut(x / 6.0f + 0.5f, 0.0f, 1.0f); });
    }
}
