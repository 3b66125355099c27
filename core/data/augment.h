// Random changes of training images: which kinds there are, which of them a named list draws, and how they are done.
//
// What is affine (flip, rotate, shift-scale-rotate) becomes one row of parameters that the backend's augment op applies
// together with the normalisation. Changes of the grey levels (contrast, gamma, brightness) and dense warps (elastic,
// grid, optical) are done to the 8-bit planes before, by the loader's threads. So an image is changed in the order
// levels, dense warp, affine; within the affine part in the order of the list.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// One image's affine parameters, with the layout of the augment op's row of 8 doubles.
typedef struct pl_augmentation {
  // From the result to the source: x_source = a0*x + a1*y + a2, y_source = a3*x + a4*y + a5, in pixels, pixel centres
  // at whole numbers. Outside the source the border is reflected without repeating it (OpenCV's BORDER_REFLECT_101);
  // the image is interpolated bilinearly, the mask takes the nearest pixel, as albumentations does.
  double affine[6];
  double gain, bias;  // grey = grey*gain + bias, in 8-bit grey levels
} pl_augmentation;

// Where draws come from: they are a pure function of it, whatever the order in which images are read and by how many
// threads.
typedef struct pl_augment_place {
  uint64_t seed, epoch;
  uint32_t image;   // the case's number
  uint32_t repeat;  // how often the image came before in this epoch, so that it differs when it comes twice
  uint32_t width, height;
  double strength;  // factor of every kind's limits; 0 is the identity (flips aside, which have no strength)
} pl_augment_place;

enum { PL_AUGMENT_VALUES_MAX = 12, PL_AUGMENT_STEPS_MAX = 8, PL_AUGMENT_CHOICES_MAX = 4 };

// What one kind has drawn. What the values mean is in front of its draw function.
typedef struct pl_augment_values {
  double v[PL_AUGMENT_VALUES_MAX];
  uint64_t noise;  // seed of what is drawn by pixel
} pl_augment_values;

// Where the pixels of a result lie in its source: two planes of width*height. `spare` is a third one to work with.
typedef struct pl_augment_field {
  uint32_t width, height;
  float *x, *y, *spare;
} pl_augment_field;

typedef struct pl_augment_kind {
  const char *name;
  void (*draw)(pl_augment_values *out, const pl_augment_place *place);
  // One of these three does it:
  void (*affine)(pl_augmentation *params, const pl_augment_values *values, uint32_t width, uint32_t height);
  void (*levels)(uint8_t table[256], const pl_augment_values *values, double mean);  // `mean` grey level of the image
  void (*field)(pl_augment_field *field, const pl_augment_values *values);
} pl_augment_kind;

// flip:     mirror at the vertical middle line
// rotate:   uniform in +-10 degrees about (width/2, height/2), the centre of albumentations 0.3's rotate and so half a
//           pixel off the middle
// contrast, gamma, brightness, elastic, grid, optical, shift-scale-rotate: with the limits of the SIIM-ACR winner's
//           train_transforms_complex_512.json; see augment_levels.c, augment_field.c and augment_affine.c
extern const pl_augment_kind pl_augment_kinds[];
extern const size_t pl_augment_kind_count;
const pl_augment_kind *pl_augment_kind_find(const char *name);  // or NULL

// A member of a list: with this probability one of its kinds is done, each as likely as the others (albumentations'
// OneOf when there are several).
typedef struct pl_augment_member {
  double probability;
  const char *kinds[PL_AUGMENT_CHOICES_MAX];  // ended by NULL when there are fewer
} pl_augment_member;

typedef struct pl_augment_list {
  const char *name, *help;
  const pl_augment_member *members;
  size_t count;  // at most PL_AUGMENT_STEPS_MAX
} pl_augment_list;

// "none", "blog" (flip and rotate, each with probability 0.5) and "winner".
extern const pl_augment_list pl_augment_lists[];
extern const size_t pl_augment_list_count;
const pl_augment_list *pl_augment_list_find(const char *name);  // or NULL

// What is to be done to one image.
typedef struct pl_augment_plan {
  uint32_t width, height;
  size_t count;
  struct {
    const pl_augment_kind *kind;
    pl_augment_values values;
  } steps[PL_AUGMENT_STEPS_MAX];
} pl_augment_plan;

// Draws a list for one training image; `list` NULL draws nothing.
void pl_augment_draw(pl_augment_plan *plan, const pl_augment_list *list, const pl_augment_place *place);

// The affine part of a plan, for the augment op.
pl_augmentation pl_augment_affine(const pl_augment_plan *plan);

// Room for pl_augment_apply to work in, one for each thread. Start with {0}; clear when done.
typedef struct pl_augment_room {
  size_t pixels;
  float *field;
  uint8_t *plane;
} pl_augment_room;

void pl_augment_room_clear(pl_augment_room *room);

// Does the rest of a plan to image and mask (width*height bytes each, in place): levels and dense warps. The image is
// interpolated bilinearly, the mask takes the nearest pixel, both from the same places. The room grows when a warp
// needs it. PL_E_NOMEM; the planes are then as they were.
pl_status pl_augment_apply(uint8_t *image, uint8_t *mask, const pl_augment_plan *plan, pl_augment_room *room,
                           pl_error *err);

// Nothing is changed: validation and test images.
pl_augmentation pl_augment_identity(void);

// `params` followed by a mirror at the vertical middle line / by a turn of `degrees` (counter-clockwise on the screen,
// as OpenCV) and a zoom by `scale` about (width/2, height/2), then a shift by dx widths to the right and dy heights
// down: albumentations' shift_scale_rotate.
void pl_augment_flip(pl_augmentation *params, uint32_t width);
void pl_augment_rotate(pl_augmentation *params, uint32_t width, uint32_t height, double degrees);
void pl_augment_shift_scale_rotate(pl_augmentation *params, uint32_t width, uint32_t height, double degrees,
                                   double scale, double dx, double dy);

#ifdef __cplusplus
}
#endif
