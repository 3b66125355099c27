// A chart as a picture for this terminal: drawn as a bitmap for sixel, made of characters otherwise.
#pragma once

#include "tui/imgslot.h"
#include "viewers/view_curve.h"

// Where the x axis of a chart begins and ends, in columns from the left edge of its area.
typedef struct pl_chart_axis {
  double left, right;
} pl_chart_axis;

// Safe on any thread. Characters show axes, ticks and the legend as text, and the lines as braille dots, in colour or
// with a letter at the end of each where there is no colour; as letters alone where there is no UTF-8. The caller
// clears *out; *axis may be NULL. PL_E_LIMIT when there is no room.
pl_status pl_chart_make(pl_picture *out, pl_chart_axis *axis, const pl_curve_chart *chart,
                        const pl_picture_format *format, pl_area area, uint64_t serial, pl_error *err);
