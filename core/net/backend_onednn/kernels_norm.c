// Batch norm of training, with the relu that follows. oneDNN has it too, but its threads wait for each other by
// spinning inside the generated code, which takes hundreds of milliseconds a call as soon as another process uses a
// core; ours meet only at the end of a loop. The relu's mask is computed again in the backward pass, not kept.
#include <math.h>
#include <string.h>

#include "core/net/backend_onednn/kernels.h"
#include "core/net/backend_onednn/simd.h"

enum { LANES = 16, RUN = 256 };

// A tensor cut into pieces: runs of pixels of one plane. Sums are kept by piece and added in their order.
typedef struct pieces {
  int64_t planes, pixels, b, rows, per_plane, count;
} pieces;

static pieces cut(const pl_step *s) {
  pieces p = {.planes = s->c / s->block, .pixels = s->h * s->w, .b = s->block};
  p.rows = PL_NORM_PIECE / p.b > 0 ? PL_NORM_PIECE / p.b : 1;
  p.per_plane = (p.pixels + p.rows - 1) / p.rows;
  p.count = s->n * p.planes * p.per_plane;
  return p;
}

static int64_t piece_start(const pieces *p, int64_t i) {
  return (i / p->per_plane * p->pixels + i % p->per_plane * p->rows) * p->b;
}

static int64_t piece_rows(const pieces *p, int64_t i) {
  int64_t first = i % p->per_plane * p->rows;
  return p->pixels - first < p->rows ? p->pixels - first : p->rows;
}

static int64_t piece_channel(const pieces *p, int64_t i) { return i / p->per_plane % p->planes * p->b; }

// ---------------------------------------------------------------------------------------------------------------------
// Two sums a channel over some rows. Forward (d NULL): of x-k and its square. Backward: of d and d*(x-k), where d
// counts only where x*a+z is positive when `a` is given.

typedef struct channel_view {
  const float *k, *a, *z;
} channel_view;

PL_INLINE void sum_rows(const float *restrict x, const float *restrict d, int64_t stride, int64_t lanes,
                        const channel_view *v, int64_t rows, double *restrict first, double *restrict second) {
  // Copies, so that they stay in registers.
  const bool masked = d && v->a;
  float k[LANES], a[LANES], z[LANES];
  for (int64_t j = 0; j < lanes; j++) {
    k[j] = v->k[j];
    a[j] = masked ? v->a[j] : 0;
    z[j] = masked ? v->z[j] : 0;
  }
  for (int64_t start = 0; start < rows; start += RUN) {
    int64_t end = rows - start < RUN ? rows : start + RUN;
    float s1[LANES] = {0}, s2[LANES] = {0};
    for (int64_t r = start; r < end; r++)
      for (int64_t j = 0; j < lanes; j++) {
        float centred = x[r * stride + j] - k[j];
        float g = d ? d[r * stride + j] : centred;
        if (masked) g = x[r * stride + j] * a[j] + z[j] > 0 ? g : 0;
        s1[j] += g;
        s2[j] += g * centred;
      }
    for (int64_t j = 0; j < lanes; j++) {
      first[j] += (double)s1[j];
      second[j] += (double)s2[j];
    }
  }
}

// The combinations of lanes and arguments that are worth code of their own.
PL_SIMD static void sum_strip(const float *x, const float *d, int64_t stride, int64_t lanes, const channel_view *v,
                              int64_t rows, double *first, double *second) {
  channel_view plain = {.k = v->k};
  if (!d && lanes == 8)
    sum_rows(x, NULL, stride, 8, &plain, rows, first, second);
  else if (!d && lanes == 16)
    sum_rows(x, NULL, stride, 16, &plain, rows, first, second);
  else if (d && v->a && lanes == 8)
    sum_rows(x, d, stride, 8, v, rows, first, second);
  else if (d && v->a && lanes == 16)
    sum_rows(x, d, stride, 16, v, rows, first, second);
  else if (d && !v->a && lanes == 8)
    sum_rows(x, d, stride, 8, &plain, rows, first, second);
  else if (d && !v->a && lanes == 16)
    sum_rows(x, d, stride, 16, &plain, rows, first, second);
  else
    sum_rows(x, d, stride, lanes, v, rows, first, second);
}

// nchw: eight neighbouring pixels of the one channel take the place of eight channels.
static void sum_single(const float *x, const float *d, const channel_view *v, int64_t rows, double *out) {
  float k[8], a[8], z[8];
  for (int j = 0; j < 8; j++) {
    k[j] = v->k[0];
    a[j] = v->a ? v->a[0] : 0;
    z[j] = v->a ? v->z[0] : 0;
  }
  channel_view wide = {.k = k, .a = v->a ? a : NULL, .z = z};
  double first[8] = {0}, second[8] = {0};
  int64_t whole = rows / 8 * 8;
  sum_strip(x, d, 8, 8, &wide, rows / 8, first, second);
  if (whole < rows) sum_strip(x + whole, d ? d + whole : NULL, 1, 1, v, rows - whole, first, second);
  for (int j = 0; j < 8; j++) {
    out[0] += first[j];
    out[1] += second[j];
  }
}

// out: b first sums, then b second sums.
static void sum_piece(const float *x, const float *d, const channel_view *v, int64_t rows, int64_t b, double *out) {
  memset(out, 0, (size_t)(2 * b) * sizeof *out);
  if (b == 1) {
    sum_single(x, d, v, rows, out);
    return;
  }
  for (int64_t j = 0; j < b; j += LANES) {
    channel_view part = {.k = v->k + j, .a = v->a ? v->a + j : NULL, .z = v->a ? v->z + j : NULL};
    sum_strip(x + j, d ? d + j : NULL, b, b - j < LANES ? b - j : LANES, &part, rows, out + j, out + b + j);
  }
}

static void sum_all(const pl_step *s, const pieces *p, const float *x, const float *d, const channel_view *v,
                    double *partial) {
  (void)s;
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < p->count; i++) {
    int64_t c = piece_channel(p, i), at = piece_start(p, i);
    channel_view part = {.k = v->k + c, .a = v->a ? v->a + c : NULL, .z = v->a ? v->z + c : NULL};
    sum_piece(x + at, d ? d + at : NULL, &part, piece_rows(p, i), p->b, partial + 2 * i * p->b);
  }
}

// Adds up channel c's pieces.
static void total(const pl_step *s, const pieces *p, const double *partial, int64_t c, double *first, double *second) {
  int64_t plane = c / p->b, lane = c % p->b;
  *first = *second = 0;
  for (int64_t n = 0; n < s->n; n++)
    for (int64_t k = 0; k < p->per_plane; k++) {
      const double *sums = partial + 2 * ((n * p->planes + plane) * p->per_plane + k) * p->b;
      *first += sums[lane];
      *second += sums[p->b + lane];
    }
}

// ---------------------------------------------------------------------------------------------------------------------

PL_INLINE void apply_rows(const float *restrict x, const float *restrict a, const float *restrict z, float *restrict y,
                          int64_t rows, int64_t b, bool relu) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < b; j++) {
      float v = x[r * b + j] * a[j] + z[j];
      y[r * b + j] = relu && v < 0 ? 0 : v;
    }
}

PL_SIMD static void apply_piece(const float *x, const float *a, const float *z, float *y, int64_t rows, int64_t b,
                                bool relu) {
  if (b == 8 && relu)
    apply_rows(x, a, z, y, rows, 8, true);
  else if (b == 8)
    apply_rows(x, a, z, y, rows, 8, false);
  else if (b == 16)
    apply_rows(x, a, z, y, rows, 16, relu);
  else
    apply_rows(x, a, z, y, rows, b, relu);
}

void pl_kernel_norm(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *gamma = s->data[1], *beta = s->data[2];
  float *y = s->data[3], *mean = s->data[4], *variance = s->data[5], *scale = s->data[6], *shift = scale + s->c;
  double *partial = s->data[7], count = (double)(s->n * s->h * s->w);
  pieces p = cut(s);
  // Sums are of differences from each channel's first pixel, so that a large mean does not eat the variance's digits.
  for (int64_t c = 0; c < s->c; c++) shift[c] = x[c / p.b * p.pixels * p.b + c % p.b];
  channel_view view = {.k = shift};
  sum_all(s, &p, x, NULL, &view, partial);
  for (int64_t c = 0; c < s->c; c++) {
    double first, second;
    total(s, &p, partial, c, &first, &second);
    double m = (double)shift[c] + first / count, v = (second - first * first / count) / count;
    mean[c] = (float)m;
    variance[c] = (float)(v < 0 ? 0 : v);
    scale[c] = (float)((double)gamma[c] / sqrt((v < 0 ? 0 : v) + s->a.epsilon));
    shift[c] = (float)((double)beta[c] - m * (double)scale[c]);
  }
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < p.count; i++) {
    int64_t c = piece_channel(&p, i), at = piece_start(&p, i);
    apply_piece(x + at, scale + c, shift + c, y + at, piece_rows(&p, i), p.b, s->relu);
  }
}

// ---------------------------------------------------------------------------------------------------------------------

// dx = d * slope + (x - mean) * tilt + offset, see pl_kernel_norm_backward.
typedef struct back_view {
  const float *mean, *slope, *tilt, *offset, *a, *z;
} back_view;

PL_INLINE void back_rows(const float *restrict x, const float *restrict d, float *restrict dx, int64_t rows, int64_t b,
                         const back_view *v, bool relu) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < b; j++) {
      float g = d[r * b + j], value = x[r * b + j];
      if (relu) g = value * v->a[j] + v->z[j] > 0 ? g : 0;
      dx[r * b + j] = g * v->slope[j] + (value - v->mean[j]) * v->tilt[j] + v->offset[j];
    }
}

PL_SIMD static void back_piece(const float *x, const float *d, float *dx, int64_t rows, int64_t b, const back_view *v) {
  const back_view view = *v;
  if (b == 8 && view.a)
    back_rows(x, d, dx, rows, 8, &view, true);
  else if (b == 8)
    back_rows(x, d, dx, rows, 8, &view, false);
  else if (b == 16 && view.a)
    back_rows(x, d, dx, rows, 16, &view, true);
  else if (b == 16)
    back_rows(x, d, dx, rows, 16, &view, false);
  else
    back_rows(x, d, dx, rows, b, &view, view.a != NULL);
}

void pl_kernel_norm_backward(const pl_step *s, pl_context *context) {
  (void)context;
  const float *x = s->data[0], *dy = s->data[1], *mean = s->data[2], *variance = s->data[3], *gamma = s->data[4];
  const float *factors = s->data[5];
  float *dx = s->data[6], *dgamma = s->data[7], *dbeta = s->data[8];
  float *slope = s->data[9], *tilt = slope + s->c, *offset = tilt + s->c;
  double *partial = s->data[10], count = (double)(s->n * s->h * s->w);
  pieces p = cut(s);
  channel_view view = {.k = mean, .a = factors, .z = factors ? factors + s->c : NULL};
  sum_all(s, &p, x, dy, &view, partial);
  for (int64_t c = 0; c < s->c; c++) {
    double first, second, inverse = 1 / sqrt((double)variance[c] + s->a.epsilon), a = (double)gamma[c] * inverse;
    total(s, &p, partial, c, &first, &second);
    dgamma[c] = (float)(s->add ? (double)dgamma[c] + second * inverse : second * inverse);
    dbeta[c] = (float)(s->add ? (double)dbeta[c] + first : first);
    slope[c] = (float)a;
    tilt[c] = (float)(-a * inverse * inverse * second / count);
    offset[c] = (float)(-a * first / count);
  }
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < p.count; i++) {
    int64_t c = piece_channel(&p, i), at = piece_start(&p, i);
    back_view part = {.mean = mean + c,
                      .slope = slope + c,
                      .tilt = tilt + c,
                      .offset = offset + c,
                      .a = factors ? factors + c : NULL,
                      .z = factors ? factors + s->c + c : NULL};
    back_piece(x + at, dy + at, dx + at, piece_rows(&p, i), p.b, &part);
  }
}
