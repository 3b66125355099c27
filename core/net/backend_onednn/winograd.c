#include "core/net/backend_onednn/winograd.h"

#include <string.h>

enum {
  PANEL = PL_WINOGRAD_PANEL,
  PLACES = PL_WINOGRAD_PLACES,
  OUT = PL_WINOGRAD_OUTPUT,
  FILTER = 9,
  PART = 256,                // input channels at a time: their 16 columns of weights stay in the first-level cache
  CHUNK_MIN = 48,            // tiles at a time: each transformed weight that is loaded is used so often
  CHUNK_MULTIPLE = 12,       // of both kernels' rows
  CHUNK_FLOATS = 3 << 19,    // transformed tiles at a time, 6 MB
  GRADIENT_FLOATS = 1 << 20  // transformed gradients at a time, 4 MB
};

static int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

static const pl_winograd_kernels *find_kernels(int64_t block) {
#if defined(__x86_64__)
  if (block == 16 && __builtin_cpu_supports("avx512f")) return &pl_winograd_avx512;
  if (block == 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &pl_winograd_avx2;
#endif
  (void)block;
  return NULL;
}

bool pl_winograd_supports(const pl_dnn_conv *conv) {
  return conv->kernel == 3 && conv->stride == 1 && conv->pad == 1 && conv->groups == 1 && conv->ic % PANEL == 0 &&
         conv->oc % PANEL == 0 && conv->oh == conv->ih && conv->ow == conv->iw && conv->src_block == conv->dst_block &&
         !conv->sum && !(conv->bias && conv->direction == PL_DNN_BACKWARD_WEIGHTS) && find_kernels(conv->src_block);
}

// Rows of panels are spread over the cache's sets by an odd distance between the places.
static int64_t place_step(int64_t channels, int64_t rows) { return round_up(channels * rows, 1024) + PANEL; }

// As many tiles as the cache holds, in chunks of about the same size.
static int64_t chunk_length(int64_t tiles, int64_t channels) {
  int64_t most = CHUNK_FLOATS / (PLACES * channels);
  if (most < CHUNK_MIN) most = CHUNK_MIN;
  int64_t chunks = (tiles + most - 1) / most;
  return round_up((tiles + chunks - 1) / chunks, CHUNK_MULTIPLE);
}

pl_winograd pl_winograd_plan(const pl_dnn_conv *conv) {
  bool turned = conv->direction == PL_DNN_BACKWARD_DATA, weights = conv->direction == PL_DNN_BACKWARD_WEIGHTS;
  pl_winograd p = {.kernels = find_kernels(conv->src_block),
                   .direction = conv->direction,
                   .n = conv->n,
                   .h = conv->ih,
                   .w = conv->iw,
                   .in = turned ? conv->oc : conv->ic,
                   .out = turned ? conv->ic : conv->oc,
                   .across = (conv->iw + OUT - 1) / OUT,
                   .down = (conv->ih + OUT - 1) / OUT,
                   .part = PART};
  if (weights) p.part = GRADIENT_FLOATS / (PLACES * p.out) / PANEL * PANEL;
  if (p.part < PANEL) p.part = PANEL;
  if (p.part > p.in) p.part = p.in;
  p.chunk = chunk_length(p.n * p.down * p.across, p.part + p.out);
  p.u_step = place_step(p.out, weights ? p.part : p.in);
  p.v_step = place_step(p.part, p.chunk);
  p.m_step = place_step(p.out, p.chunk);
  return p;
}

size_t pl_winograd_scratch(const pl_winograd *p) {
  return (size_t)(PLACES * (p->u_step + p->v_step + p->m_step)) * sizeof(float);
}

// The pixel block that tile t covers.
typedef struct tile {
  pl_winograd_image image;
  int64_t y, x;
} tile;

static tile find_tile(const pl_winograd *p, const float *data, int64_t channels, int64_t t) {
  int64_t per_image = p->across * p->down, pixels = p->h * p->w, n = t / per_image, in_image = t % per_image;
  return (tile){.image = {.data = (float *)(uintptr_t)data + n * channels * pixels,
                          .plane = pixels * p->kernels->lanes,
                          .h = p->h,
                          .w = p->w},
                .y = in_image / p->across * OUT,
                .x = in_image % p->across * OUT};
}

// Transformed weights, one block [9][lanes][lanes] after the other.
static void transform_weights(const pl_winograd *p, const float *weights, float *u) {
  bool turned = p->direction == PL_DNN_BACKWARD_DATA;
  int64_t lanes = p->kernels->lanes, halves = PANEL / lanes;
  int64_t ic = turned ? p->out : p->in, oc = turned ? p->in : p->out, blocks = ic / lanes * (oc / lanes);
#pragma omp for schedule(static)
  for (int64_t b = 0; b < blocks; b++) {
    int64_t o = b / (ic / lanes), i = b % (ic / lanes), column = turned ? i : o, row = turned ? o : i;
    float *to = u + (column / halves * p->in + row * lanes) * PANEL + column % halves * lanes;
    p->kernels->weights(weights + b * FILTER * lanes * lanes, to, p->u_step, turned);
  }
}

static void transform_tiles(const pl_winograd *p, const float *a, int64_t first_tile, int64_t count, int64_t first,
                            int64_t channels, int64_t rows, float *v) {
#pragma omp for schedule(static)
  for (int64_t t = 0; t < count; t++) {
    tile at = find_tile(p, a, p->in, first_tile + t);
    p->kernels->input(&at.image, at.y - 1, at.x - 1, first, channels, v + t * PANEL, rows, p->v_step);
  }
}

void pl_winograd_run(const pl_winograd *p, const float *a, const float *weights, const float *bias, bool relu, float *y,
                     float *scratch) {
  const pl_winograd_kernels *k = p->kernels;
  float *u = scratch, *v = u + PLACES * p->u_step, *m = v + PLACES * p->v_step;
  int64_t tiles = p->n * p->down * p->across, panels = p->out / PANEL;
#pragma omp parallel
  {
    transform_weights(p, weights, u);
    for (int64_t t0 = 0; t0 < tiles; t0 += p->chunk) {
      int64_t count = tiles - t0 < p->chunk ? tiles - t0 : p->chunk, rows = round_up(count, k->rows);
      for (int64_t c0 = 0; c0 < p->in; c0 += p->part) {
        int64_t channels = p->in - c0 < p->part ? p->in - c0 : p->part;
        transform_tiles(p, a, t0, count, c0, channels, rows, v);
#pragma omp for schedule(static)
        for (int64_t task = 0; task < PLACES * panels; task++) {
          int64_t place = task / panels, panel = task % panels;
          k->multiply(&(pl_winograd_product){.a = v + place * p->v_step,
                                             .b = u + place * p->u_step + (panel * p->in + c0) * PANEL,
                                             .c = m + place * p->m_step + panel * rows * PANEL,
                                             .rows = rows,
                                             .depth = channels,
                                             .a_panel = rows * PANEL,
                                             .add = c0 > 0});
        }
      }
#pragma omp for schedule(static)
      for (int64_t t = 0; t < count; t++) {
        tile at = find_tile(p, y, p->out, t0 + t);
        k->output(m + t * PANEL, rows, p->m_step, bias, relu, &at.image, at.y, at.x, 0, p->out);
      }
    }
  }
}

// The product over tiles: u[place][i][o] += v[place][tile][i] * m[place][tile][o].
static void multiply_gradients(const pl_winograd *p, const float *v, const float *m, int64_t count, int64_t channels,
                               bool add, float *u) {
  int64_t panels = p->out / PANEL;
#pragma omp for schedule(static)
  for (int64_t task = 0; task < PLACES * panels; task++) {
    int64_t place = task / panels, panel = task % panels;
    for (int64_t i = 0; i < channels; i += PANEL)
      p->kernels->multiply_transposed(
          &(pl_winograd_product){.a = v + place * p->v_step + i * count,
                                 .b = m + place * p->m_step + panel * count * PANEL,
                                 .c = u + place * p->u_step + (panel * channels + i) * PANEL,
                                 .rows = PANEL,
                                 .depth = count,
                                 .add = add});
  }
}

void pl_winograd_run_weights(const pl_winograd *p, const float *x, const float *dy, float *gradient, float *scratch) {
  const pl_winograd_kernels *k = p->kernels;
  float *u = scratch, *v = u + PLACES * p->u_step, *m = v + PLACES * p->v_step;
  int64_t tiles = p->n * p->down * p->across, lanes = k->lanes, halves = PANEL / lanes;
#pragma omp parallel
  for (int64_t c0 = 0; c0 < p->in; c0 += p->part) {
    int64_t channels = p->in - c0 < p->part ? p->in - c0 : p->part;
    for (int64_t t0 = 0; t0 < tiles; t0 += p->chunk) {
      int64_t count = tiles - t0 < p->chunk ? tiles - t0 : p->chunk;
      // A single chunk of output gradients serves all parts.
      if (c0 == 0 || tiles > p->chunk) {
#pragma omp for schedule(static) nowait
        for (int64_t t = 0; t < count; t++) {
          tile at = find_tile(p, dy, p->out, t0 + t);
          k->gradient(&at.image, at.y, at.x, 0, p->out, m + t * PANEL, count, p->m_step);
        }
      }
      transform_tiles(p, x, t0, count, c0, channels, count, v);
      multiply_gradients(p, v, m, count, channels, t0 > 0, u);
    }
    int64_t columns = channels / lanes;
#pragma omp for schedule(static)
    for (int64_t b = 0; b < p->out / lanes * columns; b++) {
      int64_t o = b / columns, i = b % columns;
      const float *from = u + (o / halves * channels + i * lanes) * PANEL + o % halves * lanes;
      k->weights_back(from, p->u_step, gradient + (o * (p->in / lanes) + c0 / lanes + i) * FILTER * lanes * lanes);
    }
  }
}
