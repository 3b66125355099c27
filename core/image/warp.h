// Affine warps of 8-bit planes, equal bit for bit to OpenCV 4.8's cv2.warpAffine with WARP_INVERSE_MAP and
// BORDER_REFLECT_101 (the fixed-point implementation; later releases also have one in floating point, which differs by
// at most 1 grey level on photographs). This header is the definition that every backend's augment op follows.
//
// `map` leads from the output to the input, in pixels, with centres at whole numbers:
//     x_in = map[0]*x + map[1]*y + map[2]        y_in = map[3]*x + map[4]*y + map[5]
// A horizontal flip of a plane w wide is {-1, 0, w-1,  0, 1, 0}; the identity is {1, 0, 0,  0, 1, 0}.
//
// Coordinates have 10 fractional bits. With R(v) = v*1024 rounded to the nearest integer, halves to even, and held
// within +-2^29 (NaN counts as 0), all in integers from there on:
//     X = R(map[1]*y + map[2]) + delta + R(map[0]*x)        Y = R(map[4]*y + map[5]) + delta + R(map[3]*x)
// where map[1]*y + map[2] is computed in double as a product and a sum, not fused, and R scales its finished value.
//
// Linear: delta = 16, which rounds to 1/32 pixel. With >> the arithmetic shift (towards minus infinity):
//     ix = X >> 10, fx = (X >> 5) & 31, and the same for Y;
//     value = ( p(ix,  iy)*(32-fx)*(32-fy) + p(ix+1,iy)*fx*(32-fy)
//             + p(ix,iy+1)*(32-fx)*fy      + p(ix+1,iy+1)*fx*fy + 512 ) >> 10
// Nearest: delta = 512, value = p(X >> 10, Y >> 10).
//
// p(x, y) outside the plane is mirrored about the centre of the edge pixel, as often as needed: with n pixels and
// m = x mod 2(n-1), never negative, x becomes m when m < n and 2(n-1) - m otherwise; with n = 1 it becomes 0.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Fill the output plane from the input plane, which must not overlap it. Rows lie without padding; sides are 1 to
// PL_IMAGE_SIDE_MAX. Linear is for pictures; nearest is for masks, which keep their values.
void pl_warp_linear(uint8_t *out, uint32_t out_width, uint32_t out_height, const uint8_t *in, uint32_t in_width,
                    uint32_t in_height, const double map[6]);
void pl_warp_nearest(uint8_t *out, uint32_t out_width, uint32_t out_height, const uint8_t *in, uint32_t in_width,
                     uint32_t in_height, const double map[6]);

// The same for a map that is given for every pixel: output pixel i lies at (x[i], y[i]) in the input, which has the
// output's size. Equal to OpenCV's cv2.remap with maps of floats and BORDER_REFLECT_101: coordinates are rounded to
// 1/32 pixel (linear) or to whole pixels (nearest), halves to even, and held within +-2^24; NaN counts as 0.
void pl_warp_field_linear(uint8_t *out, const uint8_t *in, uint32_t width, uint32_t height, const float *x,
                          const float *y);
void pl_warp_field_nearest(uint8_t *out, const uint8_t *in, uint32_t width, uint32_t height, const float *x,
                           const float *y);

#ifdef __cplusplus
}
#endif
