// The warp, grey levels, normalisation. Compiled without contraction to fused multiply-add (see augment_math.h).
#include "core/net/augment_math.h"
#include "gpu/kernels/launch.cuh"

struct normalisation {
  double mean[3], deviation[3];
};

// The channels of a pixel, in as few stores as their bytes allow.
template <class T>
__device__ inline void store_pixel(T *to, const float (&colour)[3], int32_t channels) {
  if (channels == 4 || channels == 8) {
    alignas(16) T parts[8];
#pragma unroll
    for (int c = 0; c < 8; c++) parts[c] = pl_from_float<T>(c < 3 ? colour[c < 3 ? c : 0] : 0);
    const int32_t bytes = channels * (int32_t)sizeof(T);
    if (bytes == 8) return pl_copy8(to, parts);
    for (int32_t i = 0; i < bytes; i += 16) {
      pl_copy16(reinterpret_cast<unsigned char *>(to) + i, reinterpret_cast<unsigned char *>(parts) + i);
    }
    return;
  }
  for (int32_t c = 0; c < channels; c++) to[c] = pl_from_float<T>(c < 3 ? colour[c < 3 ? c : 0] : 0);
}

template <class T>
__global__ void augment_kernel(pl_gpu_shape shape, const uint8_t *images, const uint8_t *masks,
                               const double *all_parameters, normalisation normal, T *x, float *target) {
  const int64_t area = (int64_t)shape.h * shape.w, pixel = (int64_t)blockIdx.x * PL_THREADS + threadIdx.x;
  if (pixel >= area) return;
  const int64_t image = blockIdx.y;
  const double *parameters = all_parameters + image * PL_AUGMENT_VALUES, *m = parameters + PL_AUGMENT_AFFINE;
  const int32_t row = (int32_t)pixel / shape.w, column = (int32_t)pixel % shape.w;
  const int32_t dx = pl_augment_column(m[0], column), dy = pl_augment_column(m[3], column);
  uint8_t grey =
      pl_augment_linear(images + image * area, shape.h, shape.w, (pl_augment_row(m[1], row, m[2], 0) + dx) >> 5,
                        (pl_augment_row(m[4], row, m[5], 0) + dy) >> 5);
  grey = pl_augment_grey(grey, parameters[PL_AUGMENT_GAIN], parameters[PL_AUGMENT_BIAS]);
  float colour[3];
#pragma unroll
  for (int c = 0; c < 3; c++) colour[c] = (float)((grey / 255.0 - normal.mean[c]) / normal.deviation[c]);
  store_pixel(x + (image * area + pixel) * shape.c, colour, shape.c);
  if (target == nullptr) return;
  uint8_t label =
      pl_augment_nearest(masks + image * area, shape.h, shape.w, (pl_augment_row(m[1], row, m[2], 1) + dx) >> 10,
                         (pl_augment_row(m[4], row, m[5], 1) + dy) >> 10);
  target[image * area + pixel] = (float)pl_augment_is_set(label);
}

void pl_gpu_augment(pl_stream stream, pl_gpu_type type, const pl_gpu_shape *shape, const uint8_t *image,
                    const uint8_t *mask, const double *parameters, const double mean[3], const double deviation[3],
                    void *x, float *target) {
  normalisation normal;
  for (int c = 0; c < 3; c++) {
    normal.mean[c] = mean[c];
    normal.deviation[c] = deviation[c];
  }
  int64_t area = (int64_t)shape->h * shape->w;
  pl_with_type(type, [&](auto zero) {
    using T = decltype(zero);
    pl_launch(stream, dim3((unsigned)pl_div_up(area, PL_THREADS), (unsigned)shape->n), PL_THREADS, augment_kernel<T>,
              *shape, image, mask, parameters, normal, static_cast<T *>(x), target);
  });
}
