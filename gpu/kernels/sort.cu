// A stable radix sort by four bits at a time: count the digits of each tile, add the counts up to where each tile's
// digits begin, move. Threads own eight neighbouring pairs and go through them in order, which makes it stable without
// any exchange within a warp.
#include "gpu/kernels/loss.cuh"

constexpr int BITS = 4, DIGITS = 1 << BITS, RUN = 8, TILE = PL_THREADS * RUN, PARTS = PL_THREADS / DIGITS;

static int64_t tiles_of(int64_t count) { return pl_div_up(count, TILE); }

int64_t pl_sort_counts(int32_t segments, int64_t count) { return segments * DIGITS * tiles_of(count); }

// counts[digit][thread] of the thread's own pairs, in shared memory.
__device__ static void count_digits(uint32_t *counts, const uint32_t *keys, int64_t count, int shift) {
  const int thread = (int)threadIdx.x;
  for (int d = 0; d < DIGITS; d++) counts[d * PL_THREADS + thread] = 0;
  const int64_t first = (int64_t)blockIdx.x * TILE + thread * RUN;
  for (int64_t i = first; i < first + RUN && i < count; i++)
    counts[(keys[i] >> shift & (DIGITS - 1)) * PL_THREADS + thread]++;
}

// Thread (digit, part) adds a part of the digit's counts.
__device__ static uint32_t sum_part(const uint32_t *counts) {
  const uint32_t *own = counts + (int)threadIdx.x * DIGITS;
  uint32_t sum = 0;
  for (int i = 0; i < DIGITS; i++) sum += own[i];
  return sum;
}

// Tile counts: [segment][digit][tile].
__global__ void count_kernel(const uint32_t *keys, int64_t count, int shift, uint32_t *tile_counts) {
  uint32_t *counts = pl_shared<uint32_t>(), *parts = counts + DIGITS * PL_THREADS;
  count_digits(counts, keys + (int64_t)blockIdx.y * count, count, shift);
  __syncthreads();
  parts[threadIdx.x] = sum_part(counts);
  __syncthreads();
  if (threadIdx.x >= DIGITS) return;
  uint32_t sum = 0;
  for (int i = 0; i < PARTS; i++) sum += parts[(int)threadIdx.x * PARTS + i];
  tile_counts[((int64_t)blockIdx.y * DIGITS + threadIdx.x) * gridDim.x + blockIdx.x] = sum;
}

// Counts become the sums of what comes before them in the segment.
__global__ void scan_kernel(uint32_t *tile_counts, int64_t entries) {
  uint32_t *sums = pl_shared<uint32_t>(), *counts = tile_counts + (int64_t)blockIdx.x * entries;
  const int64_t run = (entries + PL_THREADS - 1) / PL_THREADS, first = run * threadIdx.x;
  const int64_t end = first + run < entries ? first + run : entries;
  uint32_t sum = 0;
  for (int64_t i = first; i < end; i++) sum += counts[i];
  sums[threadIdx.x] = sum;
  __syncthreads();
  uint32_t before = 0;
  for (int i = 0; i < (int)threadIdx.x; i++) before += sums[i];
  for (int64_t i = first; i < end; i++) {
    uint32_t own = counts[i];
    counts[i] = before;
    before += own;
  }
}

// counts[digit][thread] become the places, within the tile's run of the digit, of the thread's first pair.
__device__ static void scan_digits(uint32_t *counts, uint32_t *parts) {
  const int thread = (int)threadIdx.x, digit = thread / PARTS;
  parts[thread] = sum_part(counts);
  __syncthreads();
  uint32_t before = 0;
  for (int i = digit * PARTS; i < thread; i++) before += parts[i];
  uint32_t *own = counts + thread * DIGITS;
  for (int i = 0; i < DIGITS; i++) {
    uint32_t here = own[i];
    own[i] = before;
    before += here;
  }
  __syncthreads();
}

__global__ void move_kernel(const uint32_t *keys, const uint32_t *values, int64_t count, int shift,
                            const uint32_t *tile_counts, uint32_t *out_keys, uint32_t *out_values) {
  uint32_t *places = pl_shared<uint32_t>(), *parts = places + DIGITS * PL_THREADS;
  const int64_t segment = (int64_t)blockIdx.y * count;
  count_digits(places, keys + segment, count, shift);
  __syncthreads();
  scan_digits(places, parts);
  const int64_t first = (int64_t)blockIdx.x * TILE + (int64_t)threadIdx.x * RUN;
  for (int64_t i = first; i < first + RUN && i < count; i++) {
    const uint32_t key = keys[segment + i], digit = key >> shift & (DIGITS - 1);
    const int64_t start = tile_counts[((int64_t)blockIdx.y * DIGITS + digit) * gridDim.x + blockIdx.x];
    const int64_t to = segment + start + places[digit * PL_THREADS + threadIdx.x]++;
    out_keys[to] = key;
    out_values[to] = values[segment + i];
  }
}

void pl_sort_run(pl_stream stream, const pl_sort *sort) {
  const int64_t tiles = tiles_of(sort->count);
  const dim3 grid((unsigned)tiles, (unsigned)sort->segments);
  const size_t shared = (DIGITS + 1) * PL_THREADS * sizeof(uint32_t);
  // An even number of passes, so that the result is where the input was.
  for (int shift = 0, from = 0; shift < 32; shift += BITS, from ^= 1) {
    const uint32_t *keys = sort->keys[from], *values = sort->values[from], *counts = sort->counts;
    pl_launch_shared(stream, grid, PL_THREADS, shared, count_kernel, keys, sort->count, shift, sort->counts);
    pl_launch_shared(stream, dim3((unsigned)sort->segments), PL_THREADS, PL_THREADS * sizeof(uint32_t), scan_kernel,
                     sort->counts, DIGITS * tiles);
    pl_launch_shared(stream, grid, PL_THREADS, shared, move_kernel, keys, values, sort->count, shift, counts,
                     sort->keys[from ^ 1], sort->values[from ^ 1]);
  }
}
