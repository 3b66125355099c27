#include "core/net/backend_onednn/direct.h"

#include <string.h>

#include "core/net/backend_onednn/direct_kernels.h"

enum { QUAD = 4, TAPS = 9, LANES_MAX = 16, BLOCKS_MAX = 64, BAND = 16 };

static const pl_direct_kernels *find_kernels(int64_t block) {
#if defined(__x86_64__)
  if (block == 16 && __builtin_cpu_supports("avx512f")) return &pl_direct_avx512;
  if (block == 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &pl_direct_avx2;
#endif
  (void)block;
  return NULL;
}

static bool is_single(const pl_dnn_conv *c) { return c->groups == 1 && c->oc == 1; }

bool pl_direct_supports(const pl_dnn_conv *c) {
  bool shape = c->kernel == 3 && c->stride == 1 && c->pad == 1 && c->oh == c->ih && c->ow == c->iw && !c->sum &&
               c->src_block > 1 && c->ic % c->src_block == 0 && find_kernels(c->src_block);
  if (!shape) return false;
  if (is_single(c)) return c->dst_block == 1 && c->ic / c->src_block <= BLOCKS_MAX;
  return c->dst_block == c->src_block && c->ic == c->oc && c->ic == QUAD * c->groups &&
         !(c->bias && c->direction == PL_DNN_BACKWARD_WEIGHTS);
}

// ---------------------------------------------------------------------------------------------------------------------
// Groups of four channels

// [9][4][lanes] of one block of output channels, or with `turned` of dx from dy.
static void pack_quads(const float *weights, int64_t channel, int64_t lanes, bool turned, float *out) {
  for (int64_t k = 0; k < TAPS; k++)
    for (int64_t j = 0; j < QUAD; j++)
      for (int64_t lane = 0; lane < lanes; lane++) {
        int64_t c = channel + lane, group = c / QUAD * QUAD;
        float *to = out + (k * QUAD + j) * lanes + lane;
        *to = turned ? weights[((group + j) * QUAD + c % QUAD) * TAPS + TAPS - 1 - k]
                     : weights[(c * QUAD + j) * TAPS + k];
      }
}

static void run_quads(const pl_dnn_conv *c, const float *a, const float *weights, const float *bias, float *y) {
  const pl_direct_kernels *k = find_kernels(c->src_block);
  int64_t lanes = k->lanes, planes = c->ic / lanes, bands = (c->ih + BAND - 1) / BAND, pixels = c->ih * c->iw;
#pragma omp parallel for schedule(static)
  for (int64_t task = 0; task < c->n * planes * bands; task++) {
    int64_t q = task / bands, first = task % bands * BAND, end = first + BAND < c->ih ? first + BAND : c->ih;
    int64_t channel = q % planes * lanes;
    float packed[TAPS * QUAD * LANES_MAX];
    pack_quads(weights, channel, lanes, c->direction == PL_DNN_BACKWARD_DATA, packed);
    k->quads(a + q * pixels * lanes, packed, bias ? bias + channel : NULL, c->relu, y + q * pixels * lanes, c->ih,
             c->iw, first, end);
  }
}

static void run_quads_weights(const pl_dnn_conv *c, const float *x, const float *dy, float *gradient) {
  const pl_direct_kernels *k = find_kernels(c->src_block);
  int64_t lanes = k->lanes, planes = c->ic / lanes, pixels = c->ih * c->iw;
#pragma omp parallel for schedule(static)
  for (int64_t task = 0; task < planes * 3; task++) {
    int64_t plane = task / 3, ky = task % 3;
    float sums[3 * QUAD * LANES_MAX] = {0};
    for (int64_t n = 0; n < c->n; n++) {
      int64_t at = (n * planes + plane) * pixels * lanes;
      k->quads_gradient(x + at, dy + at, (int)ky, sums, c->ih, c->iw);
    }
    for (int64_t kx = 0; kx < 3; kx++)
      for (int64_t j = 0; j < QUAD; j++)
        for (int64_t lane = 0; lane < lanes; lane++)
          gradient[((plane * lanes + lane) * QUAD + j) * TAPS + ky * 3 + kx] = sums[(kx * QUAD + j) * lanes + lane];
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// One output channel

// [blocks][9][lanes]
static void pack_single(const float *weights, int64_t channels, int64_t lanes, float *out) {
  for (int64_t c = 0; c < channels; c++)
    for (int64_t k = 0; k < TAPS; k++) out[(c / lanes * TAPS + k) * lanes + c % lanes] = weights[c * TAPS + k];
}

static void run_single(const pl_dnn_conv *c, const float *a, const float *weights, const float *bias, float *y) {
  const pl_direct_kernels *k = find_kernels(c->src_block);
  int64_t lanes = k->lanes, blocks = c->ic / lanes, pixels = c->ih * c->iw;
  float packed[BLOCKS_MAX * TAPS * LANES_MAX];
  pack_single(weights, c->ic, lanes, packed);
  if (c->direction == PL_DNN_FORWARD) {
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < c->n * c->ih; task++) {
      int64_t n = task / c->ih, row = task % c->ih;
      k->single(a + n * c->ic * pixels, blocks, pixels * lanes, packed, bias ? bias[0] : 0, c->relu,
                y + n * pixels + row * c->iw, c->ih, c->iw, row);
    }
    return;
  }
#pragma omp parallel for schedule(static)
  for (int64_t task = 0; task < c->n * blocks * c->ih; task++) {
    int64_t q = task / c->ih, row = task % c->ih;
    k->single_back(a + q / blocks * pixels, packed + q % blocks * TAPS * lanes, y + q * pixels * lanes, c->ih, c->iw,
                   row);
  }
}

static void run_single_weights(const pl_dnn_conv *c, const float *x, const float *dy, float *gradient,
                               float *bias_gradient) {
  const pl_direct_kernels *k = find_kernels(c->src_block);
  int64_t lanes = k->lanes, blocks = c->ic / lanes, pixels = c->ih * c->iw;
#pragma omp parallel for schedule(static)
  for (int64_t task = 0; task < blocks * 3; task++) {
    int64_t block = task / 3, ky = task % 3;
    float sums[3 * LANES_MAX] = {0};
    for (int64_t n = 0; n < c->n; n++)
      k->single_gradient(x + (n * blocks + block) * pixels * lanes, dy + n * pixels, (int)ky, sums, c->ih, c->iw);
    for (int64_t kx = 0; kx < 3; kx++)
      for (int64_t lane = 0; lane < lanes; lane++)
        gradient[(block * lanes + lane) * TAPS + ky * 3 + kx] = sums[kx * lanes + lane];
  }
  if (!bias_gradient) return;
  double total = 0;
  for (int64_t row = 0; row < c->n * c->ih; row++) {
    float sum = 0;
    for (int64_t i = 0; i < c->iw; i++) sum += dy[row * c->iw + i];
    total += (double)sum;
  }
  bias_gradient[0] = (float)total;
}

void pl_direct_run(const pl_dnn_conv *conv, const float *a, const float *weights, const float *bias, float *y) {
  if (is_single(conv))
    run_single(conv, a, weights, bias, y);
  else
    run_quads(conv, a, weights, bias, y);
}

void pl_direct_run_weights(const pl_dnn_conv *conv, const float *x, const float *dy, float *gradient,
                           float *bias_gradient) {
  if (is_single(conv))
    run_single_weights(conv, x, dy, gradient, bias_gradient);
  else
    run_quads_weights(conv, x, dy, gradient);
}
