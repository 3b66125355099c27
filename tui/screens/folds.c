#include "tui/screens/folds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "tui/screens/folds_private.h"

enum { SUMMARY_ROWS = 3 };

typedef struct areas {
  pl_area folds, summary, cases;
} areas;

pl_folds_screen *pl_folds_of(pl_app *app) { return pl_app_self(app, "folds"); }

static size_t fold_rows(const pl_folds_screen *self) {
  return self->view.folds.count > 0 ? self->view.report.fold_count + 1 : 0;
}

// The folds get what they need, up to half of the room; the summary follows, and the cases have the rest.
static areas layout_of(const pl_folds_screen *self, pl_area body) {
  const int half = body.rows / 2, wanted = (int)fold_rows(self) + 1, rows = wanted < half ? wanted : half;
  areas out = {.folds = {body.y, body.x + 1, rows, body.cols - 2}};
  out.summary = (pl_area){body.y + rows, body.x + 1, SUMMARY_ROWS, body.cols - 2};
  const int used = rows + SUMMARY_ROWS + 1;
  out.cases = (pl_area){body.y + used, body.x + 1, body.rows - used, body.cols - 2};
  return out;
}

static void fit(pl_folds_screen *self) {
  const areas layout = layout_of(self, pl_app_body(self->app));
  pl_table_fit(&self->fold_table, fold_rows(self), layout.folds.rows);
  // The last row says what is marked.
  pl_table_fit(&self->case_table, self->shown_count, layout.cases.rows - 1);
}

static bool in_fold(const pl_folds *folds, const pl_folds_image *image, size_t fold) {
  for (size_t k = 0; k < image->count; k++) {
    if ((size_t)folds->rows[folds->order[image->first + k]].fold == fold) return true;
  }
  return false;
}

static int by_number(const void *a, const void *b, void *context) {
  const pl_folds_view *view = context;
  const size_t x = *(const size_t *)a, y = *(const size_t *)b;
  // Those that the workspace does not have come last; the subtraction puts 0 there.
  const uint32_t number_x = view->numbers[x] - 1, number_y = view->numbers[y] - 1;
  if (number_x != number_y) return number_x < number_y ? -1 : 1;
  return (x > y) - (x < y);
}

void pl_folds_list(pl_folds_screen *self) {
  const pl_folds *folds = &self->view.folds;
  fit(self);
  const size_t fold = self->fold_table.selected;
  free(self->shown);
  self->shown = pl_xcalloc(folds->image_count + 1, sizeof *self->shown);
  self->shown_count = 0;
  for (size_t i = 0; i < folds->image_count; i++) {
    if (fold < self->view.report.fold_count && !in_fold(folds, &folds->images[i], fold)) continue;
    if (self->only_leaks && self->view.report.image_leaks[i] == 0) continue;
    self->shown[self->shown_count++] = i;
  }
  if (self->shown_count > 1) qsort_r(self->shown, self->shown_count, sizeof *self->shown, by_number, &self->view);
  fit(self);
  self->app->dirty = true;
}

static void *open_screen(pl_app *app) {
  pl_folds_screen *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->marked = pl_xcalloc(1, sizeof *self->marked);
  pl_split_form_init(&self->form);
  return self;
}

static void close_screen(pl_app *app, void *data) {
  pl_folds_screen *self = data;
  if (self->look != NULL) atomic_store(&self->look->stop, true);
  pl_jobs_cancel(app->jobs, self);
  pl_folds_view_clear(&self->view);
  free(self->shown);
  free(self->marked);
  free(self);
}

static void changed(pl_app *app, void *data, unsigned what) {
  (void)app;
  pl_folds_screen *self = data;
  if ((what & PL_CHANGED_CASES) != 0) self->stale = true;
  if ((what & (PL_CHANGED_CASES | PL_CHANGED_LAYOUT)) != 0) pl_folds_ask(self);
  if ((what & PL_CHANGED_LAYOUT) != 0) fit(self);
}

// ---- Drawing

enum { FOLD, ROWS, IMAGES, POSITIVES, SHARE, AREA, LEAKS, FOLD_COLUMNS };
enum { MARK, NUMBER, IN_FOLD, LABEL, MASK, LEAK, ID, CASE_COLUMNS };

static pl_fold_report sum_of(const pl_folds_view *view) {
  pl_fold_report all = {.rows = view->folds.count, .images = view->folds.image_count};
  for (size_t i = 0; i < view->report.fold_count; i++) {
    all.measured += view->report.folds[i].measured;
    all.mask_area += view->report.folds[i].mask_area;
  }
  for (size_t i = 0; i < view->folds.image_count; i++) {
    all.positives += view->folds.images[i].label == PL_LABEL_POSITIVE;
    all.unlabelled += view->folds.images[i].label == PL_LABEL_UNKNOWN;
    all.leaks += view->report.image_leaks[i] != 0;
  }
  return all;
}

static pl_style fold_cell(const void *context, size_t row, size_t column, char text[PL_TABLE_CELL_SIZE]) {
  const pl_folds_view *view = context;
  const bool last = row >= view->report.fold_count;
  const pl_fold_report f = last ? sum_of(view) : view->report.folds[row];
  const size_t labelled = f.images - f.unlabelled;
  snprintf(text, PL_TABLE_CELL_SIZE, "-");
  switch (column) {
    case FOLD:
      if (last) {
        snprintf(text, PL_TABLE_CELL_SIZE, "all");
      } else {
        snprintf(text, PL_TABLE_CELL_SIZE, "%zu", row);
      }
      return PL_STYLE_STRONG;
    case ROWS: snprintf(text, PL_TABLE_CELL_SIZE, "%zu", f.rows); break;
    case IMAGES: snprintf(text, PL_TABLE_CELL_SIZE, "%zu", f.images); break;
    case POSITIVES: snprintf(text, PL_TABLE_CELL_SIZE, "%zu", f.positives); break;
    case SHARE:
      if (labelled == 0) return PL_STYLE_DIM;
      snprintf(text, PL_TABLE_CELL_SIZE, "%.1f %%", 100.0 * (double)f.positives / (double)labelled);
      break;
    case AREA:
      if (f.measured == 0) return PL_STYLE_DIM;
      snprintf(text, PL_TABLE_CELL_SIZE, "%" PRIu64, f.mask_area / f.measured);
      break;
    default:
      // No leak is only said when nothing is unknown.
      if (f.leaks == 0 && !(view->report.patients_known && view->report.copies_known)) {
        snprintf(text, PL_TABLE_CELL_SIZE, "?");
        return PL_STYLE_DIM;
      }
      snprintf(text, PL_TABLE_CELL_SIZE, "%zu", f.leaks);
      return f.leaks > 0 ? PL_STYLE_BAD : PL_STYLE_GOOD;
  }
  return PL_STYLE_NORMAL;
}

static pl_style case_cell(const void *context, size_t row, size_t column, char text[PL_TABLE_CELL_SIZE]) {
  const pl_folds_screen *self = context;
  const size_t index = self->shown[row];
  const pl_folds_image *image = &self->view.folds.images[index];
  const unsigned leaks = self->view.report.image_leaks[index];
  text[0] = '\0';
  switch (column) {
    case MARK: snprintf(text, PL_TABLE_CELL_SIZE, "%s", self->marked[index] ? "*" : ""); return PL_STYLE_WARN;
    case NUMBER:
      if (self->view.numbers[index] == 0) break;
      snprintf(text, PL_TABLE_CELL_SIZE, "#%" PRIu32, self->view.numbers[index]);
      return PL_STYLE_STRONG;
    case IN_FOLD:
      snprintf(text, PL_TABLE_CELL_SIZE, "%d%s", image->fold, image->spread ? "+" : "");
      return PL_STYLE_NORMAL;
    case LABEL:
      if (image->label == PL_LABEL_UNKNOWN) break;
      snprintf(text, PL_TABLE_CELL_SIZE, "%s", image->label == PL_LABEL_POSITIVE ? "positive" : "negative");
      return image->label == PL_LABEL_POSITIVE ? PL_STYLE_WARN : PL_STYLE_NORMAL;
    case MASK:
      if (self->view.areas[index] == UINT64_MAX) break;
      snprintf(text, PL_TABLE_CELL_SIZE, "%" PRIu64, self->view.areas[index]);
      return PL_STYLE_NORMAL;
    case LEAK:
      snprintf(text, PL_TABLE_CELL_SIZE, "%s%s%s", (leaks & PL_LEAK_IMAGE) != 0 ? "rows " : "",
               (leaks & PL_LEAK_PATIENT) != 0 ? "patient " : "", (leaks & PL_LEAK_COPY) != 0 ? "copy" : "");
      return PL_STYLE_BAD;
    default: {
      const size_t prefix = self->app->model->manifest.id_prefix, length = strlen(image->id);
      const size_t skip = self->view.numbers[index] != 0 && prefix < length ? prefix : 0;
      pl_safe_text(text, PL_TABLE_CELL_SIZE, image->id + skip, length - skip);
      return PL_STYLE_DIM;
    }
  }
  snprintf(text, PL_TABLE_CELL_SIZE, "-");
  return PL_STYLE_DIM;
}

static void draw_summary(const pl_folds_screen *self, const pl_canvas *canvas, pl_area area) {
  const pl_leak_report *r = &self->view.report;
  const int y = area.y, x = area.x, cols = area.cols;
  pl_canvas_printf(canvas, y, x, cols, r->spread_images > 0 ? PL_STYLE_BAD : PL_STYLE_NORMAL,
                   "images    %zu have rows in several folds", r->spread_images);
  if (!r->patients_known) {
    pl_canvas_printf(canvas, y + 1, x, cols, PL_STYLE_WARN, "patients  leaks unknown, P names a map (--patients): %s",
                     r->patients_problem);
  } else {
    const bool alone = r->patient_count + r->without_patient == self->view.folds.image_count;
    char without[64] = "";
    if (r->without_patient > 0) snprintf(without, sizeof without, "; unknown of %zu images", r->without_patient);
    pl_canvas_printf(canvas, y + 1, x, cols, r->patient_leaks > 0 ? PL_STYLE_BAD : PL_STYLE_NORMAL,
                     "patients  %zu of %zu are in several folds (by %s%s)%s", r->patient_leaks, r->patient_count,
                     r->patients_source, without, alone ? ": one an image, so this cannot show a leak" : "");
  }
  if (r->copies_known) {
    pl_canvas_printf(canvas, y + 2, x, cols, r->copy_count > 0 ? PL_STYLE_BAD : PL_STYLE_NORMAL,
                     "copies    %s%zu pairs of near-duplicates are in different folds (%zu pictures)",
                     r->copies_cut ? "more than " : "", r->copy_count, r->pictures);
  } else if (self->look != NULL) {
    pl_canvas_printf(canvas, y + 2, x, cols, PL_STYLE_DIM, "copies    reading pictures: %zu of %zu",
                     atomic_load(&self->look->done), atomic_load(&self->look->total));
  } else {
    pl_canvas_printf(canvas, y + 2, x, cols, PL_STYLE_WARN, "copies    unknown: %s", r->copies_problem);
  }
}

static void draw_cases(const pl_folds_screen *self, const pl_canvas *canvas, pl_area area) {
  if (area.rows < 3) return;
  static const pl_table_column columns[CASE_COLUMNS] = {
      [MARK] = {.title = " ", .cols = 1},
      [NUMBER] = {.title = "case", .cols = 6},
      [IN_FOLD] = {.title = "fold", .cols = 4, .right = true},
      [LABEL] = {.title = "label", .cols = 8},
      [MASK] = {.title = "area", .cols = 7, .right = true},
      [LEAK] = {.title = "leaks by", .cols = 17},
      [ID] = {.title = "id", .keep_end = true},
  };
  const pl_table_view view = {.columns = columns,
                              .column_count = CASE_COLUMNS,
                              .sorted = -1,
                              .selectable = self->in_cases,
                              .cell = case_cell,
                              .context = self};
  const pl_area table = {area.y, area.x, area.rows - 1, area.cols};
  pl_table_draw(&self->case_table, canvas, table, &view);
  char fold[32] = "all folds";
  if (self->fold_table.selected < self->view.report.fold_count) {
    snprintf(fold, sizeof fold, "fold %zu", self->fold_table.selected);
  }
  pl_canvas_printf(canvas, area.y + area.rows - 1, area.x, area.cols,
                   self->marked_count > 0 ? PL_STYLE_WARN : PL_STYLE_DIM, "%zu cases of %s%s, %zu marked%s",
                   self->shown_count, fold, self->only_leaks ? ", only with leaks" : "", self->marked_count,
                   self->marked_count > 0 ? ": m moves them"
                   : self->in_cases       ? ": Space marks"
                                          : ": Enter goes there");
}

static void draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const pl_folds_screen *self = data;
  if (self->form.open) {
    pl_canvas_text(canvas, body.y, body.x + 1, body.cols - 2, PL_STYLE_STRONG,
                   self->splitting ? "New folds are being made ..." : "New folds");
    pl_canvas_text(canvas, body.y, body.x + 14, body.cols - 15, PL_STYLE_DIM,
                   self->splitting ? "" : "S makes them   Enter changes a value   Esc back");
    pl_split_form_draw(&self->form, canvas, (pl_area){body.y + 2, body.x, body.rows - 2, body.cols});
    return;
  }
  if (self->view.folds.count == 0) {
    const pl_area box = pl_layout_centre(body, 5, 70);
    pl_canvas_wrapped(canvas, box, PL_STYLE_NORMAL,
                      app->model->manifest.count == 0 ? "There are no cases to deal yet. :import FOLDER brings some."
                      : self->look != NULL            ? "Reading folds.csv ..."
                      : self->view.problem[0]         ? self->view.problem
                                                      : "There are no folds yet.");
    if (app->model->manifest.count > 0 && self->look == NULL && box.rows > 4) {
      pl_canvas_text(canvas, box.y + 4, box.x, box.cols, PL_STYLE_LABEL, "S makes folds.");
    }
    return;
  }
  static const pl_table_column columns[FOLD_COLUMNS] = {
      [FOLD] = {.title = "fold", .cols = 4, .right = true},
      [ROWS] = {.title = "rows", .cols = 7, .right = true},
      [IMAGES] = {.title = "images", .cols = 7, .right = true},
      [POSITIVES] = {.title = "positive", .cols = 8, .right = true},
      [SHARE] = {.title = "share", .cols = 7, .right = true},
      [AREA] = {.title = "mean area", .cols = 9, .right = true},
      [LEAKS] = {.title = "leaks", .cols = 6, .right = true},
  };
  const areas layout = layout_of(self, body);
  const pl_table_view view = {.columns = columns,
                              .column_count = FOLD_COLUMNS,
                              .sorted = -1,
                              .selectable = true,
                              .cell = fold_cell,
                              .context = &self->view};
  pl_table_draw(&self->fold_table, canvas, layout.folds, &view);
  draw_summary(self, canvas, layout.summary);
  draw_cases(self, canvas, layout.cases);
}

static pl_key_result key_pressed(pl_app *app, void *data, int key) {
  (void)app;
  pl_folds_screen *self = data;
  if (!self->form.open) return PL_KEY_IGNORED;
  return pl_split_form_key(&self->form, key) ? PL_KEY_HANDLED : PL_KEY_IGNORED;
}

const pl_screen pl_screen_folds = {
    .name = "folds",
    .title = "Folds",
    .digit = "3",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = draw,
    .key = key_pressed,
};
