// What CUDA C++ has and C++ has not, for kernels that run on a processor: every thread of a block is a
// fiber, and one of them runs at a time until it waits for the others.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

#define DEVICE inline
#define DEVICE_CALL inline
#define HALVES
// One block runs at a time.
#define __shared__ static
#define ENTRY(NAME, P, ...)                                                                        \
    static void NAME(const void *p) { __VA_ARGS__(*static_cast<const P *>(p)); }                   \
    static const size_t NAME##_bytes = sizeof(P);

struct Index {
    uint32_t x, y, z;
};

static Index threadIdx, blockIdx, blockDim;

using std::max;
using std::min;

struct half;
static float widen(half element);
static uint16_t half_bits(float number);

static uint32_t __umulhi(uint32_t a, uint32_t b) {
    return static_cast<uint32_t>(static_cast<uint64_t>(a) * b >> 32);
}

template <class To, class From> static To same_bits(From from) {
    To to;
    static_assert(sizeof to == sizeof from, "as many bits");
    memcpy(&to, &from, sizeof to);
    return to;
}

static float __uint_as_float(uint32_t bits) { return same_bits<float>(bits); }
static float __int_as_float(int32_t bits) { return same_bits<float>(bits); }
static uint32_t __float_as_uint(float number) { return same_bits<uint32_t>(number); }

// What a fiber waits for.
enum Wait { RUNNING, WARP, BLOCK, DONE };

struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    Index thread;
    Wait wait;
};

static ucontext_t scheduler;
static std::vector<Fiber> fibers(1024);
static uint32_t current;
static float exchanged[1024];
static void (*function)(const void *);
static const void *parameters;

static void wait_for(Wait wait) {
    fibers[current].wait = wait;
    swapcontext(&fibers[current].context, &scheduler);
}

static void __syncthreads() { wait_for(BLOCK); }

static float __shfl_xor_sync(uint32_t, float own, uint32_t distance) {
    uint32_t thread = current;
    exchanged[thread] = own;
    wait_for(WARP);
    float other = exchanged[thread ^ distance];
    wait_for(WARP);
    return other;
}
