// A chart as a picture for this terminal: drawn as a bitmap for sixel, made of characters otherwise.
#pragma once

#include "tui/imgslot.h"
#include "viewers/view_curve.h"

// Safe on any thread. Characters show axes, ticks and the legend as text, and the lines as half blocks in colour, or
// with a letter for each series where there is no colour. The caller clears *out. PL_E_LIMIT when there is no room.
pl_status pl_chart_make(pl_picture *out, const pl_curve_chart *chart, const pl_picture_format *format, pl_area area,
                        uint64_t serial, pl_error *err);
