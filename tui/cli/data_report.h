// How `pleura data report` says what it found.
#pragma once

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/data/report.h"
#include "viewers/bitmap.h"

typedef struct pl_report_words {
  const char *source;  // the workspace or the table
  bool utf8;           // bars of blocks, else of '#'
  bool with_bars;      // the histogram as text
} pl_report_words;

// Appends everything as text, one section below the other.
void pl_report_text(pl_buf *out, const pl_data_report *report, const pl_report_words *words);

// Appends everything as one JSON object. Unknown numbers are null.
pl_status pl_report_json(pl_buf *out, const pl_data_report *report, const char *source, pl_error *err);

// The histogram of the mask areas.
pl_status pl_report_histogram(pl_bitmap *out, const pl_data_report *report, uint32_t width, uint32_t height,
                              pl_error *err);
