// Reading a case's picture and mask for the viewer; what case_view.c does on a worker.
#pragma once

#include "core/data/table.h"
#include "tui/case_view.h"

// What is to be read; texts are owned.
typedef struct pl_case_order {
  uint32_t number;
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
