// The file's header beside the picture: what matters for reading it, and nothing about who it is.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/image/spacing.h"
#include "tui/prediction.h"
#include "tui/screens/case_private.h"
#include "tui/words.h"

enum { NAME_COLS = 12 };

typedef struct writer {
  const pl_canvas *canvas;
  pl_area area;
  int row;
} writer;

static void line(writer *w, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void line(writer *w, const char *name, const char *format, ...) {
  if (w->row >= w->area.rows) return;
  char raw[160], text[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(raw, sizeof raw, format, arguments);
  va_end(arguments);
  pl_safe_text(text, sizeof text, raw, strlen(raw));
  const int y = w->area.y + w->row++;
  pl_canvas_text(w->canvas, y, w->area.x + 1, NAME_COLS - 1, PL_STYLE_LABEL, name);
  pl_canvas_text(w->canvas, y, w->area.x + 1 + NAME_COLS, w->area.cols - NAME_COLS - 2, PL_STYLE_NORMAL, text);
}

// A value that may take several rows, beside its name.
static void long_line(writer *w, const char *name, const char *value) {
  char safe[4 * PL_DICOM_TEXT_SIZE];
  if (w->row >= w->area.rows) return;
  pl_safe_text(safe, sizeof safe, value, strlen(value));
  const pl_area rest = {w->area.y + w->row, w->area.x + 1 + NAME_COLS, w->area.rows - w->row,
                        w->area.cols - NAME_COLS - 2};
  pl_canvas_text(w->canvas, rest.y, w->area.x + 1, NAME_COLS - 1, PL_STYLE_LABEL, name);
  const int rows = pl_canvas_wrapped(w->canvas, rest, PL_STYLE_NORMAL, safe);
  w->row += rows > 0 ? rows : 1;
}

// Words below the lines, over as many rows as they take.
static void wrapped(writer *w, const char *text) {
  const pl_area rest = {w->area.y + w->row, w->area.x + 1, w->area.rows - w->row, w->area.cols - 2};
  if (rest.rows > 0) w->row += pl_canvas_wrapped(w->canvas, rest, PL_STYLE_DIM, text);
}

static void describe_spacing(writer *w, const pl_dicom *d) {
  static const char *const sources[] = {
      [PL_SPACING_NONE] = "",
      [PL_SPACING_PIXEL] = "",
      [PL_SPACING_CALIBRATED] = ", calibrated",
      [PL_SPACING_DETECTOR] = ", detector",
  };
  char why[160];
  const pl_spacing_trust trust = pl_spacing_judge(d);
  if (trust == PL_SPACING_UNKNOWN) return;
  line(w, "spacing", "%.4g x %.4g mm%s", d->row_spacing, d->column_spacing, sources[d->spacing_source]);
  if (trust != PL_SPACING_DOUBTFUL) return;
  pl_spacing_explain(why, sizeof why, d);
  wrapped(w, why);
}

// Whether it could be said who it is; and that, for somebody who asked.
static void describe_person(writer *w, const pl_dicom *d, bool identity) {
  static const char *const removed[] = {"not said", "kept", "removed"}, *const burned[] = {"not said", "none", "yes"};
  line(w, "identity", "%s", removed[d->identity_removed]);
  line(w, "text in it", "%s", burned[d->burned_in]);
  if (!identity) return;
  long_line(w, "name", d->patient_name);
  long_line(w, "id", d->patient);
  line(w, "born", "%s", d->birth_date);
  line(w, "study", "%s", d->study_date);
}

static void describe_file(writer *w, const pl_case_file *file) {
  const pl_dicom *d = &file->dicom;
  line(w, "size", "%" PRIu32 " x %" PRIu32, d->image.width, d->image.height);
  line(w, "values", "%g to %g", file->low, file->high);
  if (!file->is_original) {
    w->row++;
    char text[240];
    snprintf(text, sizeof text, "The prepared PNG is shown, since the original could not be read: %s", file->why);
    wrapped(w, text);
    return;
  }
  line(w, "bits", "%d of %d, %s", d->bits_stored, d->bits_allocated, d->is_signed ? "signed" : "unsigned");
  line(w, "greys", "%s", d->is_monochrome1 ? "MONOCHROME1" : "MONOCHROME2");
  if (d->has_rescale) line(w, "rescale", "%g x + %g", d->rescale_slope, d->rescale_intercept);
  describe_spacing(w, d);
  if (d->modality[0] != '\0') line(w, "modality", "%s", d->modality);
  for (size_t i = 0; i < pl_case_presets(file); i++) {
    char name[96];
    const pl_window window = pl_case_preset(file, i);
    pl_case_preset_words(name, sizeof name, file, i);
    if (window.table != NULL) {
      line(w, i == 0 ? "windows" : "", "table, %s", name);
    } else {
      line(w, i == 0 ? "windows" : "", "%.5g/%.5g %s", window.centre, window.width, name);
    }
  }
}

static void describe_agreement(writer *w, const pl_case_result *result) {
  line(w, "hit", "%" PRIu64 " px", result->agreement.hit);
  line(w, "false alarm", "%" PRIu64 " px", result->agreement.false_alarm);
  line(w, "missed", "%" PRIu64 " px", result->agreement.missed);
  char dice[32];
  pl_words_score(dice, sizeof dice, pl_agreement_dice(&result->agreement));
  line(w, "dice", "%s", dice);
}

// What is predicted, in numbers, and at which size they were counted.
static void describe_prediction(writer *w, const pl_case_screen *self, const pl_case_file *file) {
  const pl_case_predictions *p = &self->predictions;
  const pl_case_result *result = pl_case_view_result(self->view, PL_CASE_MAIN);
  if (p->count == 0 || result->status != PL_OK || result->width == 0) return;
  char text[64];
  pl_prediction_words(text, sizeof text, p->epochs[p->at], p->planned);
  line(w, "run", "%s", pl_path_base(p->run));
  line(w, "", "%s", text);
  line(w, "map", "%" PRIu32 " x %" PRIu32, result->width, result->height);
  line(w, "compared at", "%" PRIu32 " x %" PRIu32, file->dicom.image.width, file->dicom.image.height);
  line(w, "above", "%.2f", self->threshold);
  line(w, "predicted", "%" PRIu64 " px", result->predicted);
  if (result->compared) describe_agreement(w, result);
  w->row++;
}

static void describe_mask(writer *w, const pl_case_screen *self, const pl_case_file *file, const pl_case *c) {
  const pl_view_area *m = &file->mask_area;
  if (m->width <= 0) return;
  w->row++;
  line(w, "mask", "%" PRIu64 " px", c->mask_area);
  line(w, "", "%.0f x %.0f at %.0f,%.0f", m->width, m->height, m->x, m->y);
  const pl_spacing_trust trust = pl_spacing_judge(&file->dicom);
  if (trust == PL_SPACING_UNKNOWN || (trust == PL_SPACING_DOUBTFUL && !self->believe)) return;
  const double pixel = file->dicom.row_spacing * file->dicom.column_spacing / 100;
  line(w, "", "%.1f cm2%s", (double)c->mask_area * pixel, trust == PL_SPACING_DOUBTFUL ? " by the file" : "");
}

void pl_case_draw_side(const pl_case_screen *self, const pl_canvas *canvas, pl_area area, const pl_case *c) {
  writer w = {.canvas = canvas, .area = area};
  const pl_case_file *file = pl_case_view_file(self->view);
  w.area.rows--;  // the last row is the warning's
  if (self->shows != PL_CASE_TRUTH) describe_prediction(&w, self, file);
  if (c->age >= 0) line(&w, "age", "%d y", c->age);
  if (c->sex != 0) line(&w, "sex", "%c", c->sex);
  if (c->view[0] != '\0') line(&w, "view", "%s", c->view);
  if (file->is_original) describe_person(&w, &file->dicom, self->identity);
  describe_file(&w, file);
  describe_mask(&w, self, file, c);
  pl_canvas_text(canvas, area.y + area.rows - 1, area.x + 1, area.cols - 2, PL_STYLE_DIM, "Not for diagnosis.");
}
