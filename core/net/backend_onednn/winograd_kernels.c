// Winograd's minimal filtering F(4x4, 3x3): Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks",
// section 4.1 and its matrices A, B, G. Compiled with -DPL_LANES=8 for AVX2 and with 16 for AVX-512.
#include "core/net/backend_onednn/winograd_kernels.h"

#include <string.h>

#include "core/net/backend_onednn/simd.h"

enum {
  LANES = PL_LANES,
  PANEL = PL_WINOGRAD_PANEL,
  HALVES = PANEL / LANES,  // vectors in a panel's row
  ROWS = HALVES == 2 ? 6 : 12,
  TILE = 6,
  OUT = PL_WINOGRAD_OUTPUT,
  FILTER = 3
};

typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

PL_INLINE vec load(const float *p) { return *(const vec *)p; }
PL_INLINE void store(float *p, vec v) { *(vec *)p = v; }
typedef int32_t mask __attribute__((vector_size(LANES * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));

PL_INLINE vec splat(float v) { return v - (vec){0}; }
// sum += a * b in the register that sum is in; left to itself, the compiler moves sums around.
PL_INLINE void multiply_add(vec *sum, vec a, vec b) { __asm__("vfmadd231ps %2, %1, %0" : "+v"(*sum) : "v"(a), "v"(b)); }

PL_INLINE vec not_negative(vec v) { return (vec)((mask)v & ~(mask)(v < 0)); }  // keeps NaN

// ---------------------------------------------------------------------------------------------------------------------
// One-dimensional transforms of vectors that lie `s` apart.

// Polynomials are evaluated at 0, A, -A, B, -B and infinity. These A and B are oneDNN's: exact in binary, and with a
// third of the rounding error of the paper's 1 and 2.
#define A 0.625f
#define B 1.5f
static const float a1 = A, a2 = A * A, a3 = A * A * A, b1 = B, b2 = B * B, b3 = B * B * B;
static const float f0 = 1 / (A * A * B * B), fa = 1 / (2 * A * A * (A * A - B * B)),
                   fb = 1 / (2 * B * B * (B * B - A * A));

// B' d
PL_INLINE void transform_input(const vec *d, int s, vec *out, int t) {
  vec d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s], d5 = d[5 * s];
  vec even_a = d4 - b2 * d2, odd_a = a1 * (d3 - b2 * d1), even_b = d4 - a2 * d2, odd_b = b1 * (d3 - a2 * d1);
  out[0] = a2 * b2 * d0 - (a2 + b2) * d2 + d4;
  out[t] = even_a + odd_a;
  out[2 * t] = even_a - odd_a;
  out[3 * t] = even_b + odd_b;
  out[4 * t] = even_b - odd_b;
  out[5 * t] = a2 * b2 * d1 - (a2 + b2) * d3 + d5;
}

// A' m
PL_INLINE void transform_output(const vec *m, int s, vec *out, int t) {
  vec even_a = m[s] + m[2 * s], odd_a = m[s] - m[2 * s], even_b = m[3 * s] + m[4 * s], odd_b = m[3 * s] - m[4 * s];
  out[0] = m[0] + even_a + even_b;
  out[t] = a1 * odd_a + b1 * odd_b;
  out[2 * t] = a2 * even_a + b2 * even_b;
  out[3 * t] = a3 * odd_a + b3 * odd_b + m[5 * s];
}

// A y
PL_INLINE void transform_gradient(const vec *y, int s, vec *out, int t) {
  vec even_a = y[0] + a2 * y[2 * s], odd_a = a1 * y[s] + a3 * y[3 * s];
  vec even_b = y[0] + b2 * y[2 * s], odd_b = b1 * y[s] + b3 * y[3 * s];
  out[0] = y[0];
  out[t] = even_a + odd_a;
  out[2 * t] = even_a - odd_a;
  out[3 * t] = even_b + odd_b;
  out[4 * t] = even_b - odd_b;
  out[5 * t] = y[3 * s];
}

// G g
PL_INLINE void transform_filter(const vec *g, int s, vec *out, int t) {
  vec even_a = fa * g[0] + fa * a2 * g[2 * s], odd_a = fa * a1 * g[s];
  vec even_b = fb * g[0] + fb * b2 * g[2 * s], odd_b = fb * b1 * g[s];
  out[0] = f0 * g[0];
  out[t] = even_a + odd_a;
  out[2 * t] = even_a - odd_a;
  out[3 * t] = even_b + odd_b;
  out[4 * t] = even_b - odd_b;
  out[5 * t] = g[2 * s];
}

// G' u
PL_INLINE void transform_filter_back(const vec *u, int s, vec *out, int t) {
  vec even_a = u[s] + u[2 * s], odd_a = u[s] - u[2 * s], even_b = u[3 * s] + u[4 * s], odd_b = u[3 * s] - u[4 * s];
  out[0] = f0 * u[0] + fa * even_a + fb * even_b;
  out[t] = fa * a1 * odd_a + fb * b1 * odd_b;
  out[2 * t] = fa * a2 * even_a + fb * b2 * even_b + u[5 * s];
}

// ---------------------------------------------------------------------------------------------------------------------
// Tiles

// A size x size patch at (y, x), 0 outside the image.
PL_INLINE void load_patch(const pl_winograd_image *image, const float *plane, int64_t y, int64_t x, int size,
                          vec *out) {
  bool inside = y >= 0 && x >= 0 && y + size <= image->h && x + size <= image->w;
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) {
      bool in = inside || (y + i >= 0 && y + i < image->h && x + j >= 0 && x + j < image->w);
      out[i * size + j] = in ? load(plane + ((y + i) * image->w + x + j) * LANES) : (vec){0};
    }
}

// Where a vector of channel block `block` (counted from the panels' start) of the first row lies.
PL_INLINE int64_t panel_offset(int64_t block, int64_t rows) {
  return block / HALVES * rows * PANEL + block % HALVES * LANES;
}

static void input(const pl_winograd_image *image, int64_t y, int64_t x, int64_t first, int64_t count, float *v,
                  int64_t rows, int64_t step) {
  for (int64_t block = 0; block < count / LANES; block++) {
    vec d[TILE * TILE], t[TILE * TILE];
    load_patch(image, image->data + (first / LANES + block) * image->plane, y, x, TILE, d);
    float *out = v + panel_offset(block, rows);
    for (int j = 0; j < TILE; j++) transform_input(d + j, TILE, t + j, TILE);
    for (int i = 0; i < TILE; i++) {
      vec row[TILE];
      transform_input(t + i * TILE, 1, row, 1);
      for (int j = 0; j < TILE; j++) store(out + (i * TILE + j) * step, row[j]);
    }
  }
}

static void gradient(const pl_winograd_image *image, int64_t y, int64_t x, int64_t first, int64_t count, float *v,
                     int64_t rows, int64_t step) {
  for (int64_t block = 0; block < count / LANES; block++) {
    vec d[OUT * OUT], t[TILE * OUT];
    load_patch(image, image->data + (first / LANES + block) * image->plane, y, x, OUT, d);
    float *out = v + panel_offset(block, rows);
    for (int j = 0; j < OUT; j++) transform_gradient(d + j, OUT, t + j, OUT);
    for (int i = 0; i < TILE; i++) {
      vec row[TILE];
      transform_gradient(t + i * OUT, 1, row, 1);
      for (int j = 0; j < TILE; j++) store(out + (i * TILE + j) * step, row[j]);
    }
  }
}

static void output(const float *m, int64_t rows, int64_t step, const float *bias, bool relu,
                   const pl_winograd_image *image, int64_t y, int64_t x, int64_t first, int64_t count) {
  int64_t high = image->h - y < OUT ? image->h - y : OUT, wide = image->w - x < OUT ? image->w - x : OUT;
  for (int64_t block = 0; block < count / LANES; block++) {
    vec t[OUT * TILE], shift = bias ? load(bias + first + block * LANES) : (vec){0};
    const float *in = m + panel_offset(block, rows);
    for (int j = 0; j < TILE; j++) {
      vec column[TILE];
      for (int i = 0; i < TILE; i++) column[i] = load(in + (i * TILE + j) * step);
      transform_output(column, 1, t + j, TILE);
    }
    float *plane = image->data + (first / LANES + block) * image->plane;
    for (int64_t i = 0; i < high; i++) {
      vec row[OUT];
      transform_output(t + i * TILE, 1, row, 1);
      float *out = plane + ((y + i) * image->w + x) * LANES;
      for (int64_t j = 0; j < OUT; j++) {
        vec value = row[j] + shift;
        if (relu) value = not_negative(value);
        if (j < wide) store(out + j * LANES, value);
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Weights

static void weights(const float *w, float *u, int64_t step, bool backward) {
  float turned[FILTER * FILTER * LANES * LANES];
  if (backward) {
    for (int k = 0; k < FILTER * FILTER; k++)
      for (int i = 0; i < LANES; i++)
        for (int o = 0; o < LANES; o++)
          turned[((FILTER * FILTER - 1 - k) * LANES + o) * LANES + i] = w[(k * LANES + i) * LANES + o];
    w = turned;
  }
  for (int i = 0; i < LANES; i++) {
    vec g[FILTER * FILTER], t[TILE * FILTER];
    for (int k = 0; k < FILTER * FILTER; k++) g[k] = load(w + (k * LANES + i) * LANES);
    for (int j = 0; j < FILTER; j++) transform_filter(g + j, FILTER, t + j, FILTER);
    for (int r = 0; r < TILE; r++) {
      vec row[TILE];
      transform_filter(t + r * FILTER, 1, row, 1);
      for (int j = 0; j < TILE; j++) store(u + (r * TILE + j) * step + i * PANEL, row[j]);
    }
  }
}

static void weights_back(const float *u, int64_t step, float *w) {
  for (int i = 0; i < LANES; i++) {
    vec t[FILTER * TILE];
    for (int j = 0; j < TILE; j++) {
      vec column[TILE];
      for (int r = 0; r < TILE; r++) column[r] = load(u + (r * TILE + j) * step + i * PANEL);
      transform_filter_back(column, 1, t + j, TILE);
    }
    for (int r = 0; r < FILTER; r++) {
      vec row[FILTER];
      transform_filter_back(t + r * TILE, 1, row, 1);
      for (int j = 0; j < FILTER; j++) store(w + ((r * FILTER + j) * LANES + i) * LANES, row[j]);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Multiplication: `rows` times HALVES vectors of c stay in registers.

PL_INLINE void begin_tile(int rows, vec acc[][HALVES]) {
#pragma GCC unroll 16
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
    for (int v = 0; v < HALVES; v++) acc[r][v] = (vec){0};
}

// Adding whole parts at the end, not to a running sum, keeps rounding errors of deep products small.
PL_INLINE void end_tile(float *c, int rows, bool add, vec acc[][HALVES]) {
#pragma GCC unroll 16
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
    for (int v = 0; v < HALVES; v++) {
      float *to = c + r * PANEL + v * LANES;
      if (add) acc[r][v] += load(to);
      store(to, acc[r][v]);
    }
}

// acc += a[r * stride] * b
PL_INLINE void rank_one(const float *a, int64_t stride, const float *b, int rows, vec acc[][HALVES]) {
  vec row[HALVES];
#pragma GCC unroll 2
  for (int v = 0; v < HALVES; v++) row[v] = load(b + v * LANES);
#pragma GCC unroll 16
  for (int r = 0; r < rows; r++) {
    vec factor = splat(a[r * stride]);
#pragma GCC unroll 2
    for (int v = 0; v < HALVES; v++) multiply_add(&acc[r][v], factor, row[v]);
  }
}

static void multiply(const pl_winograd_product *p) {
  for (int64_t r = 0; r < p->rows; r += ROWS) {
    const float *a = p->a + r * PANEL, *b = p->b;
    vec acc[ROWS][HALVES];
    begin_tile(ROWS, acc);
    for (int64_t k = 0; k < p->depth; k += PANEL) {
#pragma GCC unroll 2
      for (int j = 0; j < PANEL; j++) rank_one(a + j, PANEL, b + j * PANEL, ROWS, acc);
      a += p->a_panel;
      b += PANEL * PANEL;
    }
    end_tile(p->c + r * PANEL, ROWS, p->add, acc);
  }
}

PL_INLINE void multiply_columns(const pl_winograd_product *p, int first, int rows) {
  vec acc[16][HALVES];
  begin_tile(rows, acc);
  for (int64_t k = 0; k < p->depth; k++) rank_one(p->a + k * PANEL + first, 1, p->b + k * PANEL, rows, acc);
  end_tile(p->c + first * PANEL, rows, p->add, acc);
}

static void multiply_transposed(const pl_winograd_product *p) {
  if (HALVES == 1) {
    multiply_columns(p, 0, 16);
    return;
  }
  multiply_columns(p, 0, 6);
  multiply_columns(p, 6, 6);
  multiply_columns(p, 12, 4);
}

#if PL_LANES == 8
const pl_winograd_kernels pl_winograd_avx2 = {
#else
const pl_winograd_kernels pl_winograd_avx512 = {
#endif
    .lanes = LANES,
    .rows = ROWS,
    .input = input,
    .gradient = gradient,
    .output = output,
    .weights = weights,
    .weights_back = weights_back,
    .multiply = multiply,
    .multiply_transposed = multiply_transposed,
};
