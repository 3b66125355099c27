// What the Label screen shows: two lines about the label, and the picture under the brush.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "core/image/spacing.h"
#include "tui/screens/label_private.h"

// " = 12.3 mm2" where the size of a pixel can be trusted, else nothing.
static void area_words(char *out, size_t size, const pl_label_screen *self, uint64_t pixels) {
  const pl_case_file *file = pl_label_file(self);
  out[0] = '\0';
  if (file == NULL || pl_spacing_judge(&file->dicom) != PL_SPACING_TRUSTED) return;
  double across = 1, down = 1;
  pl_label_scale(&across, &down, self);
  const double pixel = file->dicom.column_spacing / across * file->dicom.row_spacing / down;
  snprintf(out, size, " = %.1f mm\u00b2", (double)pixels * pixel);
}

static void draw_counts(const pl_label_screen *self, const pl_canvas *canvas, pl_area row) {
  const pl_label_counts *n = &self->counts;
  char now[48], before[48], added[48], removed[48];
  area_words(now, sizeof now, self, n->area);
  area_words(before, sizeof before, self, n->original_area);
  area_words(added, sizeof added, self, n->added);
  area_words(removed, sizeof removed, self, n->removed);
  int x = row.x + 1;
  const int right = row.x + row.cols;
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_STRONG, "#%" PRIu32 "  ", self->number);
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_LABEL, "label ");
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "%" PRIu64 " px%s  ", n->area, now);
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_DIM, "(was %" PRIu64 "%s)  ", n->original_area, before);
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "+%" PRIu64 "%s  ", n->added, added);
  pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "-%" PRIu64 "%s", n->removed, removed);
}

static void draw_brush(const pl_label_screen *self, const pl_canvas *canvas, pl_area row) {
  const pl_label_counts *n = &self->counts;
  char zoom[32] = "";
  pl_lens_frame frame;
  if (pl_label_frame_of(&frame, self)) {
    snprintf(zoom, sizeof zoom, "  %.0f %%", 100 * pl_lens_zoom(&self->lens, &frame));
  }
  int x = row.x + 1;
  const int right = row.x + row.cols;
  const bool down = pl_label_edit_is_down(self->edit);
  x += pl_canvas_printf(canvas, row.y, x, right - x, self->brush.erase ? PL_STYLE_WARN : PL_STYLE_NORMAL, "%s %d px",
                        self->brush.erase ? "eraser" : "brush", 2 * self->brush.radius + 1);
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_LABEL, " at %" PRId64 ",%" PRId64, self->x, self->y);
  x += pl_canvas_printf(canvas, row.y, x, right - x, down ? PL_STYLE_STRONG : PL_STYLE_DIM, "  %s",
                        down ? "down" : "up");
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "  %zu stroke%s", n->strokes,
                        n->strokes == 1 ? "" : "s");
  if (n->undone > 0) x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_DIM, ", %zu undone", n->undone);
  pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_DIM, "%s  Enter finishes", zoom);
}

void pl_label_draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const pl_label_screen *self = data;
  const pl_case_file *read = pl_case_view_file(self->view);
  const pl_case_layout layout = pl_label_layout_of(self);
  const pl_area message = pl_layout_centre(body, 3, body.cols - 4 < 70 ? body.cols - 4 : 70);
  if (self->edit == NULL) {
    pl_canvas_wrapped(
        canvas, message, PL_STYLE_NORMAL,
        self->number != 0 ? "Reading the label ..." : "No label is being corrected: E on screen Case begins.");
    return;
  }
  draw_counts(self, canvas, (pl_area){layout.header.y, layout.header.x, 1, layout.header.cols});
  if (layout.header.rows > 1) {
    draw_brush(self, canvas, (pl_area){layout.header.y + 1, layout.header.x, 1, layout.header.cols});
  }
  if (read != NULL && read->status != PL_OK) {
    char safe[PL_ERROR_MESSAGE_MAX];
    pl_safe_text(safe, sizeof safe, read->error.message, strlen(read->error.message));
    pl_canvas_wrapped(canvas, message, PL_STYLE_BAD, safe);
    return;
  }
  if (app->format.graphics == PL_GRAPHICS_NONE) {
    pl_canvas_wrapped(canvas, message, PL_STYLE_DIM, "This terminal shows no pictures.");
    return;
  }
  const pl_picture *picture = pl_case_view_picture(self->view, 0);
  if (pl_area_empty(layout.pictures[0])) return;
  pl_canvas_vline(canvas, layout.borders[0], PL_STYLE_DIM);
  if (picture != NULL && pl_label_file(self) != NULL) {
    pl_imgslots_want(canvas->slots, canvas, layout.pictures[0], picture);
  } else {
    pl_canvas_wrapped(canvas, message, PL_STYLE_DIM, "Reading ...");
  }
}
