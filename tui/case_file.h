// Reading a case's picture and mask for the viewer; what case_view.c does on a worker.
#pragma once

#include "core/data/table.h"
#include "tui/case_view.h"

// What is to be read; texts are owned.
typedef struct pl_case_order {
  uint32_t number;
  bool is_labelled;
  char *source, *image_path, *mask_path;  // mask_path NULL for a case without a mask
  char *id, *rle_path;                    // where the mask's runs are
} pl_case_order;

pl_case_order pl_case_order_make(const pl_manifest *manifest, const pl_case *c);
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

// Draws a file as that; safe on any thread. `map` is the prediction that is to be shown, NULL for none (PL_E_NOTFOUND
// when one is needed). The bitmap has the frame's size, or less where the picture is smaller.
pl_status pl_case_file_draw(pl_bitmap *out, pl_case_result *result, const pl_case_file *file, const pl_case_map *map,
                            const pl_case_drawing *how, const pl_lens_frame *frame, pl_error *err);
