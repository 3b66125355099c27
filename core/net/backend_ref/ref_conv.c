// Convolutions over "patches": row p of the patch matrix holds the part of the image that output position p sees, in
// the order of a filter's elements, so that every direction is a loop over contiguous rows:
//   forward          y[o][p]     = weight[o] . patch[p]
//   backward weight  dweight[o] += dy[o][p] * patch[p]
//   backward data    dpatch[p]   = sum over o of dy[o][p] * weight[o], then each dpatch is added to where it was taken
// Every output is summed in one fixed order, whatever the number of threads.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/backend_ref/ref.h"

typedef struct geometry {
  int64_t n, c, h, w;  // input
  int64_t filters, out_h, out_w;
  int64_t kernel, stride, pad;
  int64_t groups, group_c, group_filters;
  int64_t length;     // of a patch: group_c * kernel * kernel
  int64_t positions;  // n * out_h * out_w
} geometry;

static geometry geometry_of(const pl_shape *x, const pl_shape *y, const pl_attributes *a) {
  geometry g = {.n = x->d[0], .c = x->d[1], .h = x->d[2], .w = x->d[3]};
  g.filters = y->d[1], g.out_h = y->d[2], g.out_w = y->d[3];
  g.kernel = a->kernel, g.stride = a->stride, g.pad = a->pad, g.groups = a->groups;
  g.group_c = g.c / g.groups, g.group_filters = g.filters / g.groups;
  g.length = g.group_c * g.kernel * g.kernel;
  g.positions = g.n * g.out_h * g.out_w;
  return g;
}

// Some positions at a time, so that their patches stay in the cache.
static int64_t chunk_positions(const geometry *g) {
  int64_t chunk = 65536 / g->length;
  return chunk < 16 ? 16 : chunk;
}

// Where filter o's output at position p lies in y.
static int64_t output_index(const geometry *g, int64_t o, int64_t p) {
  int64_t area = g->out_h * g->out_w;
  return (p / area * g->filters + o) * area + p % area;
}

static void gather_patch(double *patch, const double *x, const geometry *g, int64_t group, int64_t p) {
  int64_t ox = p % g->out_w, oy = p / g->out_w % g->out_h, n = p / (g->out_w * g->out_h);
  const double *planes = x + (n * g->c + group * g->group_c) * g->h * g->w;
  for (int64_t c = 0; c < g->group_c; c++) {
    for (int64_t ky = 0; ky < g->kernel; ky++) {
      int64_t iy = oy * g->stride - g->pad + ky;
      for (int64_t kx = 0; kx < g->kernel; kx++) {
        int64_t ix = ox * g->stride - g->pad + kx;
        bool inside = iy >= 0 && iy < g->h && ix >= 0 && ix < g->w;
        *patch++ = inside ? planes[(c * g->h + iy) * g->w + ix] : 0;
      }
    }
  }
}

static void gather(double *patches, const double *x, const geometry *g, int64_t group, int64_t first, int64_t end,
                   int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t p = first; p < end; p++) gather_patch(patches + (p - first) * g->length, x, g, group, p);
}

// The two inner loops are also compiled for AVX2, where the loader finds it; without contraction to fused multiply-add
// (see CMakeLists.txt) the sums are the same to the last bit.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define PL_REF_INNER_LOOP __attribute__((target_clones("avx2", "default")))
#else
#define PL_REF_INNER_LOOP
#endif

// Eight sums, so that the processor can work on them at the same time.
PL_REF_INNER_LOOP static double dot(const double *a, const double *b, int64_t length) {
  double sum[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= length; i += 8) {
    for (int j = 0; j < 8; j++) sum[j] += a[i + j] * b[i + j];
  }
  for (int j = 0; i < length; i++, j++) sum[j] += a[i] * b[i];
  return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

// y += sum of scale[i] * row i, four rows a pass.
PL_REF_INNER_LOOP static void add_rows(double *y, const double *scale, const double *const *rows, int64_t count,
                                       int64_t length) {
  int64_t r = 0;
  for (; r + 4 <= count; r += 4) {
    const double *a = rows[r], *b = rows[r + 1], *c = rows[r + 2], *d = rows[r + 3];
    double sa = scale[r], sb = scale[r + 1], sc = scale[r + 2], sd = scale[r + 3];
    for (int64_t i = 0; i < length; i++) y[i] += (sa * a[i] + sb * b[i]) + (sc * c[i] + sd * d[i]);
  }
  for (; r < count; r++) {
    for (int64_t i = 0; i < length; i++) y[i] += scale[r] * rows[r][i];
  }
}

pl_status pl_ref_conv(const pl_ref_call *call) {
  const double *x = call->in[0], *weight = call->tensor[0], *bias = call->tensor[1];
  double *y = call->out[0];
  const geometry g = geometry_of(&call->in_shape[0], &call->out_shape[0], &call->node->a);
  int64_t chunk = chunk_positions(&g);
  double *patches = pl_try_alloc((size_t)(chunk * g.length) * sizeof(double));
  if (patches == NULL) return PL_E_NOMEM;
  for (int64_t group = 0; group < g.groups; group++) {
    for (int64_t first = 0; first < g.positions; first += chunk) {
      int64_t end = first + chunk < g.positions ? first + chunk : g.positions;
      gather(patches, x, &g, group, first, end, call->threads);
#pragma omp parallel for num_threads(call->threads) schedule(static)
      for (int64_t o = group * g.group_filters; o < (group + 1) * g.group_filters; o++) {
        for (int64_t p = first; p < end; p++) {
          double sum = dot(weight + o * g.length, patches + (p - first) * g.length, g.length);
          y[output_index(&g, o, p)] = sum + (bias == NULL ? 0 : bias[o]);
        }
      }
    }
  }
  free(patches);
  return PL_OK;
}

// Adds the patches of positions first .. end-1 to where they were taken. One thread per channel.
static void scatter(double *dx, const double *patches, const geometry *g, int64_t group, int64_t first, int64_t end,
                    int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t c = 0; c < g->group_c; c++) {
    for (int64_t p = first; p < end; p++) {
      int64_t ox = p % g->out_w, oy = p / g->out_w % g->out_h, n = p / (g->out_w * g->out_h);
      double *plane = dx + (n * g->c + group * g->group_c + c) * g->h * g->w;
      const double *patch = patches + (p - first) * g->length + c * g->kernel * g->kernel;
      for (int64_t ky = 0; ky < g->kernel; ky++) {
        int64_t iy = oy * g->stride - g->pad + ky;
        for (int64_t kx = 0; kx < g->kernel; kx++) {
          int64_t ix = ox * g->stride - g->pad + kx;
          bool inside = iy >= 0 && iy < g->h && ix >= 0 && ix < g->w;
          if (inside) plane[iy * g->w + ix] += patch[ky * g->kernel + kx];
        }
      }
    }
  }
}

// dpatch[p] for the positions first .. end-1. `rows` are the group's filters.
static void weigh(double *patches, const double *dy, const double *const *rows, double *scales, const geometry *g,
                  int64_t group, int64_t first, int64_t end, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t p = first; p < end; p++) {
    double *patch = patches + (p - first) * g->length, *scale = scales + (p - first) * g->group_filters;
    for (int64_t o = 0; o < g->group_filters; o++) scale[o] = dy[output_index(g, group * g->group_filters + o, p)];
    memset(patch, 0, (size_t)g->length * sizeof(double));
    add_rows(patch, scale, rows, g->group_filters, g->length);
  }
}

pl_status pl_ref_conv_backward_data(const pl_ref_call *call) {
  const double *dy = call->in[0], *weight = call->tensor[0];
  double *dx = call->out[0];
  const geometry g = geometry_of(&call->out_shape[0], &call->in_shape[0], &call->node->a);
  int64_t chunk = chunk_positions(&g);
  double *patches = pl_try_alloc((size_t)(chunk * g.length) * sizeof(double));
  double *scales = pl_try_alloc((size_t)(chunk * g.group_filters) * sizeof(double));
  const double **rows = pl_try_alloc((size_t)g.group_filters * sizeof *rows);
  bool enough = patches != NULL && scales != NULL && rows != NULL;
  memset(dx, 0, (size_t)pl_shape_elements(&call->out_shape[0]) * sizeof(double));
  for (int64_t group = 0; enough && group < g.groups; group++) {
    for (int64_t o = 0; o < g.group_filters; o++) rows[o] = weight + (group * g.group_filters + o) * g.length;
    for (int64_t first = 0; first < g.positions; first += chunk) {
      int64_t end = first + chunk < g.positions ? first + chunk : g.positions;
      weigh(patches, dy, rows, scales, &g, group, first, end, call->threads);
      scatter(dx, patches, &g, group, first, end, call->threads);
    }
  }
  free(rows);
  free(scales);
  free(patches);
  return enough ? PL_OK : PL_E_NOMEM;
}

static void bias_gradient(double *gradient, const double *dy, const geometry *g, bool add) {
  for (int64_t o = 0; o < g->filters; o++) {
    double sum = 0;
    for (int64_t p = 0; p < g->positions; p++) sum += dy[output_index(g, o, p)];
    gradient[o] = add ? gradient[o] + sum : sum;
  }
}

// Adds what the positions first .. end-1 contribute to the gradient of the group's filters.
static void weight_gradient(double *gradient, const double *dy, const double *const *rows, double *scales,
                            const geometry *g, int64_t group, int64_t first, int64_t end, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t o = 0; o < g->group_filters; o++) {
    int64_t filter = group * g->group_filters + o;
    double *scale = scales + o * (end - first);
    for (int64_t p = first; p < end; p++) scale[p - first] = dy[output_index(g, filter, p)];
    add_rows(gradient + filter * g->length, scale, rows, end - first, g->length);
  }
}

pl_status pl_ref_conv_backward_weight(const pl_ref_call *call) {
  const double *x = call->in[0], *dy = call->in[1];
  double *gradient = call->tensor[0];
  const geometry g = geometry_of(&call->in_shape[0], &call->in_shape[1], &call->node->a);
  int64_t chunk = chunk_positions(&g);
  double *patches = pl_try_alloc((size_t)(chunk * g.length) * sizeof(double));
  double *scales = pl_try_alloc((size_t)(chunk * g.group_filters) * sizeof(double));
  const double **rows = pl_try_alloc((size_t)chunk * sizeof *rows);
  bool enough = patches != NULL && scales != NULL && rows != NULL;
  if (!call->node->a.add) memset(gradient, 0, (size_t)(g.filters * g.length) * sizeof(double));
  for (int64_t i = 0; enough && i < chunk; i++) rows[i] = patches + i * g.length;
  for (int64_t group = 0; enough && group < g.groups; group++) {
    for (int64_t first = 0; first < g.positions; first += chunk) {
      int64_t end = first + chunk < g.positions ? first + chunk : g.positions;
      gather(patches, x, &g, group, first, end, call->threads);
      weight_gradient(gradient, dy, rows, scales, &g, group, first, end, call->threads);
    }
  }
  if (call->tensor[1] != NULL) bias_gradient(call->tensor[1], dy, &g, call->node->a.add);
  free(rows);
  free(scales);
  free(patches);
  return enough ? PL_OK : PL_E_NOMEM;
}
