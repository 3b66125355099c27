// What screen Case says about a corrected label.
#include <inttypes.h>

#include "tui/screens/case_private.h"
#include "tui/words.h"

const pl_correction *pl_case_correction(const pl_case_screen *self, const pl_case *c) {
  return c != NULL ? pl_corrections_find(&self->app->model->corrections, c->id) : NULL;
}

void pl_case_draw_correction(const pl_case_screen *self, const pl_canvas *canvas, pl_area row, const pl_case *c) {
  const pl_correction *correction = pl_case_correction(self, c);
  const bool original = self->app->model->manifest.labels == PL_LABELS_ORIGINAL;
  // The one that is not shown stands on the right of a split picture, or is what it blinks to.
  const bool compared = self->shows == PL_CASE_TRUTH && pl_case_view_file(self->view)->has_other;
  const char *place = !compared || !(self->split || self->blink) ? "" : self->split ? ", on the right" : ", blinking";
  if (correction == NULL) return;
  char day[32];
  pl_words_day(day, sizeof day, correction->finished.time);
  int x = row.x + 1;
  const int right = row.x + row.cols;
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_WARN, "corrected by %s on %s", correction->finished.user,
                        day);
  if (original) {
    pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "%s: :labels corrected shows it", place);
  } else {
    pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, ": %s  (original %" PRIu64 " px%s)",
                     correction->finished.why, correction->original_area, place);
  }
}
