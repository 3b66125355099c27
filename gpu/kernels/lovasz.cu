// Lovasz extension of the Jaccard loss (Berman, Triki, Blaschko 2018, algorithm 1): the pixels of a segment (an image,
// or the batch) in the order of falling margin x * (1 - 2t), and the steps that the Jaccard loss makes as they are
// passed. A prefix sum of the targets gives every pixel its step at once.
#include "gpu/kernels/loss.cuh"

constexpr int RUN = 8, TILE = PL_THREADS * RUN;

typedef struct layout {
  pl_sort sort;
  double *tiles, *partial;  // sums of targets by tile [segments, tiles]; by-block sums of the value
  float *slopes;
  size_t bytes;
} layout;

// A part of scratch, 16-byte aligned. A NULL scratch only counts.
static void *take(void *scratch, size_t *used, size_t bytes) {
  void *part = scratch != nullptr ? static_cast<unsigned char *>(scratch) + *used : nullptr;
  *used += (bytes + 15) / 16 * 16;
  return part;
}

static layout lay_out(const pl_gpu_loss *loss, int32_t segments, void *scratch) {
  const int64_t all = loss->n * loss->pixels, count = all / segments;
  const size_t words = (size_t)all * sizeof(uint32_t);
  layout l = {};
  l.sort.segments = segments;
  l.sort.count = count;
  for (int i = 0; i < 2; i++) {
    l.sort.keys[i] = static_cast<uint32_t *>(take(scratch, &l.bytes, words));
    l.sort.values[i] = static_cast<uint32_t *>(take(scratch, &l.bytes, words));
  }
  l.slopes = static_cast<float *>(take(scratch, &l.bytes, words));
  const int64_t tiles = segments * pl_div_up(count, TILE);
  l.sort.counts =
      static_cast<uint32_t *>(take(scratch, &l.bytes, (size_t)pl_sort_counts(segments, count) * sizeof(uint32_t)));
  l.tiles = static_cast<double *>(take(scratch, &l.bytes, (size_t)tiles * sizeof(double)));
  l.partial = static_cast<double *>(take(scratch, &l.bytes, (size_t)tiles * sizeof(double)));
  return l;
}

size_t pl_lovasz_scratch(const pl_gpu_loss *loss) {
  size_t bytes = 0;
  const int32_t segments[2] = {loss->n, 1};
  for (int i = 0; i < 2; i++) {
    if (loss->weights[PL_LOSS_LOVASZ + i] == 0) continue;
    layout l = lay_out(loss, segments[i], nullptr);
    if (l.bytes > bytes) bytes = l.bytes;
  }
  return bytes;
}

__device__ static float margin_of(float x, float t) { return x * (1 - 2 * t); }

__global__ void keys_kernel(const float *logits, const float *target, int64_t all, int64_t count, uint32_t *keys,
                            uint32_t *values) {
  const int64_t i = (int64_t)blockIdx.x * PL_THREADS + threadIdx.x;
  if (i >= all) return;
  keys[i] = pl_sort_key(margin_of(logits[i], target[i]));
  values[i] = (uint32_t)(i % count);
}

// Sums of the targets of each tile, in sorted order.
__global__ void tile_sums_kernel(const float *target, const uint32_t *order, int64_t count, double *tiles) {
  const int64_t segment = (int64_t)blockIdx.y * count;
  const int64_t first = (int64_t)blockIdx.x * TILE + (int64_t)threadIdx.x * RUN;
  double sums[1] = {0};
  for (int64_t i = first; i < first + RUN && i < count; i++) sums[0] += (double)target[segment + order[segment + i]];
  pl_block_sum(sums);
  if (threadIdx.x == 0) tiles[(int64_t)blockIdx.y * gridDim.x + blockIdx.x] = sums[0];
}

// The Jaccard loss when `passed` pixels were passed, `hit` of them of the `all` that are object.
__device__ static double height(double passed, double hit, double all) {
  return passed == 0 ? 0 : 1 - (all - hit) / (all + passed - hit);
}

typedef struct staircase {
  const float *logits, *target;
  const uint32_t *order;
  const double *tiles;
  int64_t count;
  bool hinge;     // both classes by 1 + margin; else the object by sigmoid(margin)
  double *value;  // by tile, or NULL
  float *slopes;  // of the logits, or NULL
  float weight;   // of the slopes
  bool add;
} staircase;

// What the pixel, passed as the `passed`th, adds to the value; its slope goes to its place.
__device__ static double take_step(const staircase &s, int64_t pixel, double passed, double before, double all) {
  const double t = (double)s.target[pixel], after = before + t;
  const float margin = margin_of(s.logits[pixel], s.target[pixel]);
  double steps = height(passed, after, all) - height(passed - 1, before, all), error = 0;
  float slope = 0;
  if (s.hinge) {
    const double others = (double)s.count - all;
    steps += height(passed, passed - after, others) - height(passed - 1, passed - 1 - before, others);
    error = 1 + margin <= 0 ? 0 : 1 + (double)margin;
    slope = error == 0 ? 0 : (float)steps;
  } else {
    const pl_probability e = pl_probability_of(margin);
    error = (double)e.p;
    slope = (float)steps * e.p * e.q;
  }
  if (s.slopes != nullptr) {
    slope *= s.weight * (1 - 2 * (float)t);
    s.slopes[pixel] = s.add ? s.slopes[pixel] + slope : slope;
  }
  return error * steps;
}

__global__ void staircase_kernel(staircase s) {
  double *shared = pl_shared<double>();
  const int64_t segment = (int64_t)blockIdx.y * s.count, tile = blockIdx.x, tiles = gridDim.x;
  const int64_t first = tile * TILE + (int64_t)threadIdx.x * RUN;
  // All tiles of the segment, those before this one, and the threads before this one.
  double own = 0, before = 0, all = 0;
  for (int64_t i = 0; i < tiles; i++) {
    double sum = s.tiles[blockIdx.y * tiles + i];
    before += i < tile ? sum : 0;
    all += sum;
  }
  for (int64_t i = first; i < first + RUN && i < s.count; i++) own += (double)s.target[segment + s.order[segment + i]];
  shared[threadIdx.x] = own;
  __syncthreads();
  for (int i = 0; i < (int)threadIdx.x; i++) before += shared[i];
  __syncthreads();
  double sums[1] = {0};
  for (int64_t i = first; i < first + RUN && i < s.count; i++) {
    const int64_t pixel = segment + s.order[segment + i];
    sums[0] += take_step(s, pixel, (double)(i + 1), before, all);
    before += (double)s.target[pixel];
  }
  pl_block_sum(sums);
  if (threadIdx.x == 0 && s.value != nullptr) s.value[blockIdx.y * tiles + tile] = sums[0];
}

struct value_op {
  double factor;
  double *out;
  __device__ void finish(int64_t, const double (&sums)[1]) const { *out = sums[0] * factor; }
};

// Sorts, then walks the staircase. The mean over the images, and the half of the two classes, are `factor`.
static void run_term(pl_stream stream, const pl_gpu_loss *loss, bool hinge, const float *logits, const float *target,
                     double *value, bool slopes, bool add, void *scratch) {
  const layout l = lay_out(loss, hinge ? loss->n : 1, scratch);
  const int64_t all = loss->n * loss->pixels, count = l.sort.count;
  const double factor = hinge ? 0.5 / loss->n : 1;
  const double weight = factor * loss->weights[hinge ? PL_LOSS_LOVASZ : PL_LOSS_LOVASZ_SIGMOID];
  const dim3 grid((unsigned)pl_div_up(count, TILE), (unsigned)l.sort.segments);
  const uint32_t *order = l.sort.values[0];
  pl_launch(stream, dim3((unsigned)pl_div_up(all, PL_THREADS)), PL_THREADS, keys_kernel, logits, target, all, count,
            l.sort.keys[0], l.sort.values[0]);
  pl_sort_run(stream, &l.sort);
  const size_t shared = PL_THREADS * sizeof(double);
  pl_launch_shared(stream, grid, PL_THREADS, shared, tile_sums_kernel, target, order, count, l.tiles);
  staircase s = {logits,
                 target,
                 order,
                 l.tiles,
                 count,
                 hinge,
                 value != nullptr ? l.partial : nullptr,
                 slopes ? l.slopes : nullptr,
                 (float)weight,
                 add};
  pl_launch_shared(stream, grid, PL_THREADS, shared, staircase_kernel, s);
  if (value == nullptr) return;
  pl_launch_shared(stream, dim3(1), PL_THREADS, shared, pl_flat_finish_kernel<1, value_op>, value_op{factor, value},
                   (int32_t)(grid.x * grid.y), static_cast<const double *>(l.partial));
}

__global__ void zero_kernel(double *out) { *out = 0; }

void pl_lovasz_values(pl_stream stream, const pl_gpu_loss *loss, const float *logits, const float *target, double *out,
                      void *scratch) {
  for (int term = PL_LOSS_LOVASZ; term <= PL_LOSS_LOVASZ_SIGMOID; term++) {
    if (loss->weights[term] == 0) {
      pl_launch(stream, dim3(1), 1, zero_kernel, out + term);
    } else {
      run_term(stream, loss, term == PL_LOSS_LOVASZ, logits, target, out + term, false, false, scratch);
    }
  }
}

const float *pl_lovasz_slopes(pl_stream stream, const pl_gpu_loss *loss, const float *logits, const float *target,
                              void *scratch) {
  bool any = false;
  for (int term = PL_LOSS_LOVASZ; term <= PL_LOSS_LOVASZ_SIGMOID; term++) {
    if (loss->weights[term] == 0) continue;
    run_term(stream, loss, term == PL_LOSS_LOVASZ, logits, target, nullptr, true, any, scratch);
    any = true;
  }
  return any ? lay_out(loss, 1, scratch).slopes : nullptr;
}
