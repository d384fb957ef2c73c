// Elements in memory are f32 or f16; everything is computed in f32.

struct half {
    u16 bits;
};

#ifndef HALVES
DEVICE float widen(half element) {
    float wide;
    asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(element.bits));
    return wide;
}

DEVICE u16 half_bits(float number) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(number));
    return bits;
}
#endif

DEVICE float widen(float element) { return element; }

DEVICE void put(float number, float *to) { *to = number; }
DEVICE void put(float number, half *to) { to->bits = half_bits(number); }

// Words of 4 bytes that are read and written at once.
template <int COUNT> struct alignas(4 * COUNT) Words {
    u32 word[COUNT];
};

DEVICE void unpack(u32 word, float *to, const float *) { to[0] = __uint_as_float(word); }

DEVICE void unpack(u32 word, float *to, const half *) {
    to[0] = widen(half{static_cast<u16>(word & 0xffff)});
    to[1] = widen(half{static_cast<u16>(word >> 16)});
}

DEVICE u32 pack(const float *from, const float *) { return __float_as_uint(from[0]); }

DEVICE u32 pack(const float *from, const half *) {
    return half_bits(from[0]) | static_cast<u32>(half_bits(from[1])) << 16;
}

// N neighbours as they lie in memory; several begin at a multiple of 16 bytes.
template <class T, int N> struct Raw {
    static constexpr int EACH = 4 / sizeof(T);
    static constexpr int PARTS = N / (4 * EACH);
    Words<4> part[PARTS];
};

template <class T> struct Raw<T, 1> {
    T element;
};

template <int N, class T> DEVICE Raw<T, N> raw(const T *from) {
    return *reinterpret_cast<const Raw<T, N> *>(from);
}

template <int N, class T> DEVICE void unpack(const Raw<T, N> &all, float (&to)[N]) {
    if constexpr (N == 1) {
        to[0] = widen(all.element);
    } else {
#pragma unroll
        for (int word = 0; word < 4 * Raw<T, N>::PARTS; ++word) {
            const u32 own = all.part[word / 4].word[word % 4];
            unpack(own, &to[word * Raw<T, N>::EACH], static_cast<const T *>(nullptr));
        }
    }
}

template <int N, class T> DEVICE void load(const T *from, float (&to)[N]) {
    unpack(raw<N>(from), to);
}

template <int N, class T> DEVICE void store(const float (&from)[N], T *to) {
    if constexpr (N == 1) {
        put(from[0], to);
    } else {
        Raw<T, N> all;
#pragma unroll
        for (int word = 0; word < 4 * Raw<T, N>::PARTS; ++word) {
            all.part[word / 4].word[word % 4] = pack(&from[word * Raw<T, N>::EACH], to);
        }
        *reinterpret_cast<Raw<T, N> *>(to) = all;
    }
}

template <int N> DEVICE void fill(float (&all)[N], float number) {
#pragma unroll
    for (int i = 0; i < N; ++i) all[i] = number;
}

// Row and column of a thread in rows of so many threads, of N neighbours each.
struct Cell {
    u64 row;
    u64 column;
};

template <int N> DEVICE Cell cell(u32 item, Divisor row) {
    Quotient at = divide(item, row);
    return {at.whole, static_cast<u64>(at.rest) * N};
}
