// A progress bar in one line, as in htop: [||||||      45%].
#pragma once

#include "tui/canvas.h"

// `fraction` not finite is unknown: an empty bar. `text` stands right-aligned inside; may be "".
void pl_bar_draw(const pl_canvas *canvas, int y, int x, int cols, double fraction, const char *text);
