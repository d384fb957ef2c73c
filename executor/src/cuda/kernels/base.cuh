// What every file needs: numbers of a fixed width, the structs that parameters are made of, and how
// an entry point is declared. launch/parts.rs mirrors the structs.

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define INFINITE __int_as_float(0x7f800000)

// Somebody who runs kernels elsewhere brings definitions of their own.
#ifndef ENTRY
#define DEVICE __device__ __forceinline__
#define DEVICE_CALL __device__ __noinline__
#define ENTRY(NAME, P, ...)                                                                        \
    extern "C" __global__ void __launch_bounds__(256) NAME(const __grid_constant__ P p) {          \
        __VA_ARGS__(p);                                                                            \
    }
#endif

// The entry points of a kernel for f32 and f16, each element by element and wide: 16 bytes at once.
#define ENTRIES(NAME, P)                                                                           \
    ENTRY(NAME##_f32, P, NAME<float, 1>)                                                           \
    ENTRY(NAME##_f32_wide, P, NAME<float, 4>)                                                      \
    ENTRY(NAME##_f16, P, NAME<half, 1>)                                                            \
    ENTRY(NAME##_f16_wide, P, NAME<half, 8>)

// The same for every pair of what is read and what is written.
#define MOVING(NAME, P)                                                                            \
    ENTRY(NAME##_f32_f32, P, NAME<float, float, 1>)                                                \
    ENTRY(NAME##_f32_f32_wide, P, NAME<float, float, 4>)                                           \
    ENTRY(NAME##_f32_f16, P, NAME<float, half, 1>)                                                 \
    ENTRY(NAME##_f32_f16_wide, P, NAME<float, half, 8>)                                            \
    ENTRY(NAME##_f16_f32, P, NAME<half, float, 1>)                                                 \
    ENTRY(NAME##_f16_f32_wide, P, NAME<half, float, 8>)                                            \
    ENTRY(NAME##_f16_f16, P, NAME<half, half, 1>)                                                  \
    ENTRY(NAME##_f16_f16_wide, P, NAME<half, half, 8>)

// Where a tensor that may lie in io memory begins: at an address, or so many bytes behind the
// address that lies in a slot of the descriptor.
struct Place {
    u64 address;
    u64 slot;
};

template <class T> DEVICE T *pointer(u64 address) { return reinterpret_cast<T *>(address); }

template <class T> DEVICE T *pointer(Place place) {
    u64 memory = place.slot == 0 ? 0 : *pointer<const u64>(place.slot);
    return pointer<T>(memory + place.address);
}

// A number to divide by; what is divided is less than 2^31.
struct Divisor {
    u32 by;
    u32 multiplier;
    u32 shift;
};

struct Quotient {
    u32 whole;
    u32 rest;
};

DEVICE Quotient divide(u32 number, Divisor divisor) {
    u32 whole = divisor.by == 1 ? number : __umulhi(number, divisor.multiplier) >> divisor.shift;
    return {whole, number - whole * divisor.by};
}

// This thread of a launch in one dimension.
DEVICE u32 thread_index() { return blockIdx.x * blockDim.x + threadIdx.x; }
