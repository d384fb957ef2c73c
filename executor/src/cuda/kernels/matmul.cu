// Products of two computed matrices. launch/matmul.rs mirrors the parameters.

struct MatmulParameters {
    u64 left;
    u64 right;
    u64 to;
    u64 left_row;
    u64 right_row;
    u64 right_column;
    u64 outer[2][8];
    Divisor dims[8];
    Divisor across;
    Divisor down;
    u32 rank;
    u32 rows;
    u32 inner;
    u32 columns;
};

// A block computes 64 x 64 elements, a thread 4 x 4 of them, from slices of 16 along the sum that
// lie in shared memory.
template <class T> DEVICE void matmul(const MatmulParameters &p) {
    constexpr u32 TILE = 64, DEPTH = 16, EACH = 4;
    __shared__ float left[DEPTH][TILE + EACH];
    __shared__ float right[DEPTH][TILE + EACH];
    Quotient tile_x = divide(blockIdx.x, p.across);
    Quotient tile_y = divide(tile_x.whole, p.down);
    u32 row = tile_y.rest * TILE, column = tile_x.rest * TILE;
    u64 offsets[2] = {0, 0};
    Quotient at = {tile_y.whole, 0};
    for (u32 axis = p.rank; axis > 0; --axis) {
        at = divide(at.whole, p.dims[axis - 1]);
        offsets[0] += at.rest * p.outer[0][axis - 1];
        offsets[1] += at.rest * p.outer[1][axis - 1];
    }
    const T *a = pointer<const T>(p.left) + offsets[0];
    const T *b = pointer<const T>(p.right) + offsets[1];
    u32 thread = threadIdx.x, x = thread % 16 * EACH, y = thread / 16 * EACH;
    bool by_row = p.right_column == 1;
    float sums[EACH][EACH];
#pragma unroll
    for (u32 i = 0; i < EACH; ++i) fill(sums[i], 0.0f);
    for (u32 begin = 0; begin < p.inner; begin += DEPTH) {
#pragma unroll
        for (u32 part = 0; part < TILE * DEPTH / 256; ++part) {
            u32 element = part * 256 + thread;
            u32 k = element % DEPTH, line = element / DEPTH;
            bool there = begin + k < p.inner && row + line < p.rows;
            left[k][line] = there ? widen(a[(row + line) * p.left_row + begin + k]) : 0.0f;
            // Neighbours of a warp read what lies side by side.
            if (by_row) k = element / TILE, line = element % TILE;
            there = begin + k < p.inner && column + line < p.columns;
            u64 from = (begin + k) * p.right_row + (column + line) * p.right_column;
            right[k][line] = there ? widen(b[from]) : 0.0f;
        }
        __syncthreads();
#pragma unroll
        for (u32 k = 0; k < DEPTH; ++k) {
#pragma unroll
            for (u32 i = 0; i < EACH; ++i) {
#pragma unroll
                for (u32 j = 0; j < EACH; ++j) {
                    sums[i][j] = fmaf(left[k][y + i], right[k][x + j], sums[i][j]);
                }
            }
        }
        __syncthreads();
    }
    T *to = pointer<T>(p.to) + static_cast<u64>(tile_y.whole) * p.rows * p.columns;
#pragma unroll
    for (u32 i = 0; i < EACH; ++i) {
#pragma unroll
        for (u32 j = 0; j < EACH; ++j) {
            if (row + y + i >= p.rows || column + x + j >= p.columns) continue;
            put(sums[i][j], to + static_cast<u64>(row + y + i) * p.columns + column + x + j);
        }
    }
}

ENTRY(matmul_f32, MatmulParameters, matmul<float>)
ENTRY(matmul_f16, MatmulParameters, matmul<half>)
