// The synthetic set: drawn chest X-rays, some with a pneumothorax and the mask that it really has, in the layout of the
// SIIM-ACR competition. Nothing in it comes from a person.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_PHANTOM_SIZE_MIN = 64, PL_PHANTOM_SIZE_MAX = 4096, PL_PHANTOM_CASES_MAX = 100000 };

typedef struct pl_phantom_options {
  size_t cases;      // images of the training part; the test part has 15 % more of them, rounded up
  uint32_t size;     // width and height in pixels
  uint64_t seed;     // equal seeds give equal bytes (with the same DCMTK and C library)
  double positive;   // share of the images that have a pneumothorax, in both parts, exact up to rounding
  unsigned threads;  // 0: one per processor
  // Called from worker threads, one at a time, after each image; returning false cancels. May be NULL.
  bool (*progress)(void *context, size_t done, size_t total);
  void *context;
} pl_phantom_options;

// 60 cases of 1024 pixels, seed 1, 22 % positive, as many threads as processors.
pl_phantom_options pl_phantom_options_default(void);

// Images of the test part that go with `cases` of the training part.
size_t pl_phantom_test_count(size_t cases);

// One case, drawn. `mask` is the union of `region`s: a region is what one row of the RLE table holds. Regions may
// overlap, as they do in the real table.
enum { PL_PHANTOM_REGIONS_MAX = 3 };
typedef struct pl_phantom_case {
  pl_image image;  // 8-bit grey
  pl_image mask;   // 0 or 255; all 0 when the case is negative
  pl_image region[PL_PHANTOM_REGIONS_MAX];
  size_t region_count;  // 0 when the case is negative
  int age;              // years
  char sex;             // 'M' or 'F'
  const char *view;     // "PA" or "AP"; static
} pl_phantom_case;

// Draws case `index` of patient `patient`: body, age and sex follow the patient, everything else the index. The mask is
// the air between the pleural line and the chest wall.
// PL_E_USAGE: size out of range. PL_E_NOMEM. The caller clears the case.
pl_status pl_phantom_draw(pl_phantom_case *out, uint64_t seed, uint64_t patient, uint64_t index, uint32_t size,
                          bool positive, pl_error *err);
void pl_phantom_case_clear(pl_phantom_case *c);

// Writes the set below `folder`, which is made when it is missing:
//   dicom-images-train/STUDY/SERIES/IMAGE.dcm, dicom-images-test/..., train-rle.csv ("ImageId, EncodedPixels", -1 for
//   negatives), sample_submission.csv ("ImageId,EncodedPixels", all -1), patients.csv ("ImageId,patient", both parts).
// RLE codes are at the images' size. The tables are written last: a set with train-rle.csv is complete.
// PL_E_EXISTS: one of these is already in `folder`. PL_E_USAGE: an option out of range. PL_E_IO, PL_E_NOSPACE,
// PL_E_CANCELLED: what was written stays and may be removed.
pl_status pl_phantom_write(const char *folder, const pl_phantom_options *options, pl_error *err);

#ifdef __cplusplus
}
#endif
