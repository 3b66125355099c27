// Elementwise ops, and those that move or sum pixels.
#include <math.h>
#include <string.h>

#include "core/net/backend_ref/ref.h"

static int64_t elements(const pl_ref_call *call) { return pl_shape_elements(&call->out_shape[0]); }

pl_status pl_ref_relu(const pl_ref_call *call) {
  const double *x = call->in[0];
  double *y = call->out[0];
  // As PyTorch: not a number stays so.
  for (int64_t i = 0; i < elements(call); i++) y[i] = x[i] <= 0 ? 0 : x[i];
  return PL_OK;
}

pl_status pl_ref_relu_backward(const pl_ref_call *call) {
  const double *y = call->in[0], *dy = call->in[1];
  double *dx = call->out[0];
  for (int64_t i = 0; i < elements(call); i++) dx[i] = y[i] > 0 ? dy[i] : 0;
  return PL_OK;
}

pl_status pl_ref_add(const pl_ref_call *call) {
  const double *a = call->in[0], *b = call->in[1];
  double *sum = call->out[0];
  for (int64_t i = 0; i < elements(call); i++) sum[i] = a[i] + b[i];
  return PL_OK;
}

pl_status pl_ref_sigmoid(const pl_ref_call *call) {
  const double *x = call->in[0];
  double *y = call->out[0];
  for (int64_t i = 0; i < elements(call); i++) y[i] = 1 / (1 + exp(-x[i]));
  return PL_OK;
}

pl_status pl_ref_sigmoid_backward(const pl_ref_call *call) {
  const double *y = call->in[0], *dy = call->in[1];
  double *dx = call->out[0];
  for (int64_t i = 0; i < elements(call); i++) dx[i] = dy[i] * y[i] * (1 - y[i]);
  return PL_OK;
}

// The first maximum of the window that begins at (top, left), which may hang over the image's edges. Its place counts
// through the whole window, row by row. Not a number wins, as in PyTorch.
static uint8_t window_maximum(double *maximum, const double *plane, int64_t h, int64_t w, int64_t top, int64_t left,
                              int64_t kernel) {
  int64_t best = -1;
  for (int64_t ky = 0; ky < kernel; ky++) {
    for (int64_t kx = 0; kx < kernel; kx++) {
      int64_t y = top + ky, x = left + kx;
      if (y < 0 || y >= h || x < 0 || x >= w) continue;
      double value = plane[y * w + x];
      if (best < 0 || value > *maximum || (isnan(value) && !isnan(*maximum))) {
        *maximum = value;
        best = ky * kernel + kx;
      }
    }
  }
  return (uint8_t)best;
}

pl_status pl_ref_max_pool(const pl_ref_call *call) {
  const double *x = call->in[0];
  double *y = call->out[0];
  uint8_t *index = call->out[1];
  const pl_shape *in = &call->in_shape[0], *out = &call->out_shape[0];
  const pl_attributes *a = &call->node->a;
  for (int64_t plane = 0; plane < in->d[0] * in->d[1]; plane++) {
    for (int64_t oy = 0; oy < out->d[2]; oy++) {
      for (int64_t ox = 0; ox < out->d[3]; ox++) {
        *index++ = window_maximum(y++, x + plane * in->d[2] * in->d[3], in->d[2], in->d[3], oy * a->stride - a->pad,
                                  ox * a->stride - a->pad, a->kernel);
      }
    }
  }
  return PL_OK;
}

pl_status pl_ref_max_pool_backward(const pl_ref_call *call) {
  const uint8_t *index = call->in[0];
  const double *dy = call->in[1];
  double *dx = call->out[0];
  const pl_shape *in = &call->out_shape[0], *out = &call->in_shape[1];
  const pl_attributes *a = &call->node->a;
  memset(dx, 0, (size_t)elements(call) * sizeof(double));
  for (int64_t plane = 0; plane < in->d[0] * in->d[1]; plane++) {
    for (int64_t oy = 0; oy < out->d[2]; oy++) {
      for (int64_t ox = 0; ox < out->d[3]; ox++) {
        int64_t y = oy * a->stride - a->pad + *index / a->kernel, x = ox * a->stride - a->pad + *index % a->kernel;
        dx[(plane * in->d[2] + y) * in->d[3] + x] += *dy++;
        index++;
      }
    }
  }
  return PL_OK;
}

pl_status pl_ref_mean_hw(const pl_ref_call *call) {
  const double *x = call->in[0];
  double *y = call->out[0];
  int64_t area = call->in_shape[0].d[2] * call->in_shape[0].d[3];
  for (int64_t plane = 0; plane < elements(call); plane++) {
    double sum = 0;
    for (int64_t i = 0; i < area; i++) sum += x[plane * area + i];
    y[plane] = sum / (double)area;
  }
  return PL_OK;
}

pl_status pl_ref_mean_hw_backward(const pl_ref_call *call) {
  const double *dy = call->in[0];
  double *dx = call->out[0];
  int64_t area = call->out_shape[0].d[2] * call->out_shape[0].d[3];
  for (int64_t i = 0; i < elements(call); i++) dx[i] = dy[i / area] / (double)area;
  return PL_OK;
}

pl_status pl_ref_scale_channels(const pl_ref_call *call) {
  const double *x = call->in[0], *scale = call->in[1];
  double *y = call->out[0];
  int64_t area = call->in_shape[0].d[2] * call->in_shape[0].d[3];
  for (int64_t i = 0; i < elements(call); i++) y[i] = x[i] * scale[i / area];
  return PL_OK;
}

pl_status pl_ref_scale_channels_backward(const pl_ref_call *call) {
  const double *x = call->in[0], *scale = call->in[1], *dy = call->in[2];
  double *dx = call->out[0], *dscale = call->out[1];
  int64_t area = call->in_shape[0].d[2] * call->in_shape[0].d[3];
  for (int64_t plane = 0; plane < call->in_shape[0].d[0] * call->in_shape[0].d[1]; plane++) {
    double sum = 0;
    for (int64_t i = plane * area; i < (plane + 1) * area; i++) {
      dx[i] = dy[i] * scale[plane];
      sum += dy[i] * x[i];
    }
    dscale[plane] = sum;
  }
  return PL_OK;
}

pl_status pl_ref_scale_pixels(const pl_ref_call *call) {
  const double *x = call->in[0], *scale = call->in[1];
  double *y = call->out[0];
  int64_t channels = call->in_shape[0].d[1], area = call->in_shape[0].d[2] * call->in_shape[0].d[3];
  for (int64_t i = 0; i < elements(call); i++) y[i] = x[i] * scale[i / (channels * area) * area + i % area];
  return PL_OK;
}

pl_status pl_ref_scale_pixels_backward(const pl_ref_call *call) {
  const double *x = call->in[0], *scale = call->in[1], *dy = call->in[2];
  double *dx = call->out[0], *dscale = call->out[1];
  const pl_shape *shape = &call->in_shape[0];
  int64_t channels = shape->d[1], area = shape->d[2] * shape->d[3];
  memset(dscale, 0, (size_t)(shape->d[0] * area) * sizeof(double));
  for (int64_t i = 0; i < elements(call); i++) {
    int64_t pixel = i / (channels * area) * area + i % area;
    dx[i] = dy[i] * scale[pixel];
    dscale[pixel] += dy[i] * x[i];
  }
  return PL_OK;
}

pl_status pl_ref_upsample2(const pl_ref_call *call) {
  const double *x = call->in[0];
  double *y = call->out[0];
  int64_t h = call->out_shape[0].d[2], w = call->out_shape[0].d[3], planes = elements(call) / (h * w);
  for (int64_t plane = 0; plane < planes; plane++) {
    for (int64_t oy = 0; oy < h; oy++) {
      for (int64_t ox = 0; ox < w; ox++) {
        y[(plane * h + oy) * w + ox] = x[(plane * (h / 2) + oy / 2) * (w / 2) + ox / 2];
      }
    }
  }
  return PL_OK;
}

pl_status pl_ref_upsample2_backward(const pl_ref_call *call) {
  const double *dy = call->in[0];
  double *dx = call->out[0];
  int64_t h = call->out_shape[0].d[2], w = call->out_shape[0].d[3], planes = elements(call) / (h * w);
  for (int64_t plane = 0; plane < planes; plane++) {
    for (int64_t y = 0; y < h; y++) {
      for (int64_t x = 0; x < w; x++) {
        const double *top = dy + (plane * 2 * h + 2 * y) * 2 * w + 2 * x, *bottom = top + 2 * w;
        dx[(plane * h + y) * w + x] = (top[0] + top[1]) + (bottom[0] + bottom[1]);
      }
    }
  }
  return PL_OK;
}

pl_status pl_ref_concat(const pl_ref_call *call) {
  const double *a = call->in[0], *b = call->in[1];
  double *y = call->out[0];
  int64_t n = call->in_shape[0].d[0];
  size_t a_size = (size_t)(pl_shape_elements(&call->in_shape[0]) / n);
  size_t b_size = (size_t)(pl_shape_elements(&call->in_shape[1]) / n);
  for (int64_t i = 0; i < n; i++) {
    memcpy(y, a, a_size * sizeof(double));
    memcpy(y + a_size, b, b_size * sizeof(double));
    a += a_size, b += b_size, y += a_size + b_size;
  }
  return PL_OK;
}

pl_status pl_ref_concat_backward(const pl_ref_call *call) {
  const double *dy = call->in[0];
  double *da = call->out[0], *db = call->out[1];
  int64_t n = call->in_shape[0].d[0];
  size_t a_size = (size_t)(pl_shape_elements(&call->out_shape[0]) / n);
  size_t b_size = (size_t)(pl_shape_elements(&call->out_shape[1]) / n);
  for (int64_t i = 0; i < n; i++) {
    memcpy(da, dy, a_size * sizeof(double));
    memcpy(db, dy + a_size, b_size * sizeof(double));
    da += a_size, db += b_size, dy += a_size + b_size;
  }
  return PL_OK;
}
