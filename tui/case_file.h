// A case as it is looked at: its file with its mask, a prediction of it, and both as a picture. For the viewer, which
// does this on a worker, and for `pleura show`.
#pragma once

#include "core/data/manifest.h"
#include "core/data/table.h"
#include "core/image/agreement.h"
#include "core/image/dicom.h"
#include "core/image/lut.h"
#include "viewers/lens.h"
#include "viewers/view_case.h"

// Windows that every file has, behind those of its own.
enum {
  PL_CASE_ALL,        // from the smallest to the largest value
  PL_CASE_AUTOMATIC,  // between the 0.5th and the 99.5th percentile
  PL_CASE_LUNGS,      // the darker part: up to the 70th percentile
  PL_CASE_BONES,      // the brighter part, with what is behind the heart: from the 30th on
  PL_CASE_WINDOWS,
};

// What was read of a case.
typedef struct pl_case_file {
  uint32_t number;         // of the case
  char *id;                // owned
  bool is_labelled;        // whether it is known what is true; without a mask it is that there is nothing
  bool is_original;        // the DICOM file it came from; else the prepared PNG
  char why[160];           // why it is not the original; "" when it is
  pl_dicom dicom;          // the picture and what is known about it; a PNG has only the picture
  pl_image mask;           // at the picture's size; no pixels when there is none
  bool has_other;          // of a corrected case the label that is not shown was read, too
  pl_image other;          // it, at the picture's size; no pixels when it is empty
  pl_view_area mask_area;  // around the mask; width 0 without one
  pl_window windows[PL_CASE_WINDOWS];
  double low, high;  // smallest and largest value, after the modality's rescale
  pl_status status;
  pl_error error;  // when there is no picture at all
} pl_case_file;

// A map of probabilities of a case, by some run.
typedef struct pl_case_map {
  pl_image map;            // at the size of the case's picture
  uint32_t width, height;  // as the run made it
} pl_case_map;

// What lies over the picture.
typedef enum pl_case_shows {
  PL_CASE_TRUTH,        // the mask
  PL_CASE_PREDICTION,   // where the map is above the threshold
  PL_CASE_DIFFERENCE,   // where both agree, and where not; of a case without a label the prediction
  PL_CASE_PROBABILITY,  // the map itself
  PL_CASE_SHOWS_COUNT,
} pl_case_shows;

// "truth", "prediction", "difference", "probability"; static. And back; false for another word.
const char *pl_case_shows_name(pl_case_shows shows);
bool pl_case_shows_parse(pl_case_shows *out, const char *name);

// A brush over the picture, where it would paint.
typedef struct pl_case_brush {
  bool shown, erase;
  double x, y, radius;  // in pixels of the picture; (0.5, 0.5) is the centre of the first
} pl_case_brush;

// How one pane is drawn; plain data.
typedef struct pl_case_drawing {
  pl_lens lens;
  pl_window window;  // a table is borrowed from the file
  bool invert;
  pl_case_shows shows;
  bool other_label;  // of the truth the file's other label
  int64_t epoch;     // of the prediction (prediction.h); of the truth without meaning
  double threshold;  // of the prediction
  pl_mask_mode mask_mode;
  double opacity;
  bool ruler;    // a scale in millimetres, where the spacing is trusted (core/image/spacing.h)
  bool believe;  // also where it is doubtful
  bool legend;   // what the colours mean, where there is room
  // A label that is being corrected, shown instead of the file's mask, and the original that it is compared with; NULL
  // for none. Borrowed while drawing; a view copies them when it begins.
  const pl_image *label, *original;
  uint64_t label_version;  // another number is another label
  pl_case_brush brush;
} pl_case_drawing;

// What is known about what a pane shows.
typedef struct pl_case_result {
  pl_status status;
  pl_error error;          // why the pane shows nothing
  bool compared;           // a prediction was compared with the truth, at the size of the file's picture
  uint64_t predicted;      // pixels above the threshold
  pl_agreement agreement;  // when compared
  uint32_t width, height;  // of the map as the run made it; 0 without one
} pl_case_result;

// What is to be read; texts are owned.
typedef struct pl_case_order {
  uint32_t number;
  bool is_labelled;
  char *source, *image_path, *mask_path;  // mask_path NULL for a case without a mask
  char *id, *rle_path;                    // where the mask's runs are
  char *other_path;                       // where those of the other label are; NULL when it is not to be read
} pl_case_order;

// `other`: of a corrected case the label that it does not have in this manifest, too.
pl_case_order pl_case_order_make(const pl_manifest *manifest, const pl_case *c, bool other);
void pl_case_order_clear(pl_case_order *order);

// Reads into a zeroed *out: the original through a decoder of its own, with the mask from the runs at its size; where
// that cannot be had the prepared PNGs, and `why` says so. `*table` is filled when it was empty and is needed. What
// failed is in out->status.
void pl_case_file_read(pl_case_file *out, const pl_case_order *order, pl_rle_table *table);
void pl_case_file_clear(pl_case_file *file);

// Reads the prediction of a case by the run in that folder, and brings it to the size of the file's picture. The caller
// clears *out.
pl_status pl_case_map_read(pl_case_map *out, const pl_case_file *file, const char *run, int64_t epoch, pl_error *err);
void pl_case_map_clear(pl_case_map *map);

// What a map predicts above a threshold, compared with the truth.
pl_status pl_case_file_compare(pl_case_result *out, const pl_case_file *file, const pl_case_map *map, double threshold,
                               pl_error *err);

// Draws a file as that; safe on any thread. `map` is the prediction that is to be shown, NULL for none (PL_E_NOTFOUND
// when one is needed). The bitmap has the frame's size, or less where the picture is smaller.
pl_status pl_case_file_draw(pl_bitmap *out, pl_case_result *result, const pl_case_file *file, const pl_case_map *map,
                            const pl_case_drawing *how, const pl_lens_frame *frame, pl_error *err);
