// Random changes of training images. Only their parameters are drawn here; the backend's augment op (and
// core/image/warp.h for previews) applies them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// One image's parameters, with the layout of the augment op's row of 8 doubles.
typedef struct pl_augmentation {
  // From the result to the source: x_source = a0*x + a1*y + a2, y_source = a3*x + a4*y + a5, in pixels, pixel centres
  // at whole numbers. Outside the source the border is reflected without repeating it (OpenCV's BORDER_REFLECT_101);
  // the image is interpolated bilinearly, the mask takes the nearest pixel, as albumentations does.
  double affine[6];
  double gain, bias;  // grey = grey*gain + bias, in 8-bit grey levels
} pl_augmentation;

// Where a draw comes from: parameters are a pure function of it.
typedef struct pl_augment_place {
  uint64_t seed, epoch;
  uint64_t position;  // in the order of the epoch, so that an image that comes twice differs
  uint32_t width, height;
} pl_augment_place;

typedef struct pl_augment_kind {
  const char *name;
  // Draws its part and puts it behind what `params` holds already.
  void (*draw)(pl_augmentation *params, const pl_augment_place *place);
} pl_augment_kind;

// The kinds in the order in which they are applied: "flip" (horizontal, probability 0.5) and "rotate" (uniform in +-10
// degrees about (width/2, height/2), probability 0.5): HorizontalFlip() and Rotate(10) of albumentations 0.4, whose
// centre is OpenCV's getRotationMatrix2D((width/2, height/2), ...) and so half a pixel off the middle.
extern const pl_augment_kind pl_augment_kinds[];
extern const size_t pl_augment_kind_count;

// Nothing is changed: validation and test images.
pl_augmentation pl_augment_identity(void);

// Draws all kinds for one training image.
pl_augmentation pl_augment_draw(const pl_augment_place *place);

// `params` followed by a mirror at the vertical middle line / by a turn of `degrees` (counter-clockwise on the screen,
// as OpenCV) about (width/2, height/2).
void pl_augment_flip(pl_augmentation *params, uint32_t width);
void pl_augment_rotate(pl_augmentation *params, uint32_t width, uint32_t height, double degrees);

#ifdef __cplusplus
}
#endif
