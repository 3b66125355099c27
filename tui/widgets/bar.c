#include "tui/widgets/bar.h"

#include <math.h>
#include <string.h>

void pl_bar_draw(const pl_canvas *canvas, int y, int x, int cols, double fraction, const char *text) {
  if (cols < 6) return;
  const int inner = cols - 2;
  pl_canvas_text(canvas, y, x, 1, PL_STYLE_STRONG, "[");
  pl_canvas_text(canvas, y, x + cols - 1, 1, PL_STYLE_STRONG, "]");
  const double clamped = !isfinite(fraction) ? 0.0 : fraction < 0.0 ? 0.0 : fraction > 1.0 ? 1.0 : fraction;
  const int done = (int)(clamped * inner + 0.5);
  for (int i = 0; i < done; i++) pl_canvas_text(canvas, y, x + 1 + i, 1, PL_STYLE_FILL, "|");
  // The text stands over the bar's end, as in htop.
  pl_canvas_right(canvas, y, x + 1, inner, PL_STYLE_DIM, text);
}
