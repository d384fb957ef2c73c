// Teams of threads that combine numbers: those of a block along x, a warp or all of the block.

struct Sum {
    static DEVICE float begin() { return 0.0f; }
    static DEVICE float join(float a, float b) { return a + b; }
};

struct Largest {
    static DEVICE float begin() { return -INFINITE; }
    static DEVICE float join(float a, float b) { return b > a ? b : a; }
};

struct Smallest {
    static DEVICE float begin() { return INFINITE; }
    static DEVICE float join(float a, float b) { return b < a ? b : a; }
};

// Every thread of the team gets what all of them make together. All of a block must come along if
// it is one team.
template <class F> DEVICE float together(float own) {
#pragma unroll
    for (u32 distance = 16; distance > 0; distance /= 2) {
        own = F::join(own, __shfl_xor_sync(0xffffffffu, own, distance));
    }
    if (blockDim.x == 32) return own;
    __shared__ float warps[8];
    __syncthreads();
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = own;
    __syncthreads();
    own = warps[0];
    for (u32 warp = 1; warp < blockDim.x / 32; ++warp) own = F::join(own, warps[warp]);
    return own;
}
