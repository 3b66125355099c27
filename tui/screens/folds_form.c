// The form that makes new folds: what is dealt, how many folds, the seed, who is on which image.
#include <stdio.h>
#include <string.h>

#include "core/base/num.h"
#include "core/base/str.h"
#include "tui/keymap.h"
#include "tui/screens/folds_private.h"

enum { BY, FOLDS, SEED, PATIENTS, NAME_COLS = 10, VALUE_COLS = 38 };

static const char *const names[PL_SPLIT_ROWS];
static const char *const meanings[PL_SPLIT_ROWS];

void pl_split_form_init(pl_split_form *form) {
  *form = (pl_split_form){0};
  snprintf(form->values[BY], PL_LINE_SIZE, "%s", pl_split_by_name(PL_SPLIT_BY_PATIENT));
  snprintf(form->values[FOLDS], PL_LINE_SIZE, "%d", PL_FOLDS_DEFAULT);
  snprintf(form->values[SEED], PL_LINE_SIZE, "%d", PL_SPLIT_SEED_DEFAULT);
}

static pl_status check(size_t row, const char *value, pl_error *err) {
  pl_split_by by = PL_SPLIT_BY_IMAGE;
  uint64_t number = 0;
  if (row == BY && !pl_split_by_find(&by, value)) {
    return pl_fail(err, PL_E_USAGE, "by takes patient, image or row, not '%s'", value);
  }
  if (row == FOLDS && (!pl_parse_u64(&number, value, strlen(value)) || number < 2 || number > PL_FOLDS_MAX)) {
    return pl_fail(err, PL_E_USAGE, "folds takes a number from 2 to %d, not '%s'", PL_FOLDS_MAX, value);
  }
  if (row == SEED && !pl_parse_u64(&number, value, strlen(value))) {
    return pl_fail(err, PL_E_USAGE, "seed takes a number from 0, not '%s'", value);
  }
  return PL_OK;
}

pl_status pl_split_form_set(pl_split_form *form, const char *name, const char *value, pl_error *err) {
  for (size_t row = 0; row < PL_SPLIT_ROWS; row++) {
    if (strcmp(names[row], name) != 0) continue;
    const pl_status status = check(row, value, err);
    if (status == PL_OK) pl_copy_text(form->values[row], PL_LINE_SIZE, value);
    return status;
  }
  return pl_fail(err, PL_E_USAGE, "there is no '%s' to set; there are: by folds seed patients", name);
}

pl_status pl_split_form_read(pl_split_options *options, const pl_split_form *form, pl_error *err) {
  for (size_t row = 0; row < PL_SPLIT_ROWS; row++) {
    const pl_status status = check(row, form->values[row], err);
    if (status != PL_OK) return status;
  }
  uint64_t folds = 0;
  *options = (pl_split_options){.patients = form->values[PATIENTS][0] != '\0' ? form->values[PATIENTS] : NULL};
  (void)pl_split_by_find(&options->by, form->values[BY]);
  (void)pl_parse_u64(&folds, form->values[FOLDS], strlen(form->values[FOLDS]));
  (void)pl_parse_u64(&options->seed, form->values[SEED], strlen(form->values[SEED]));
  options->fold_count = (int)folds;
  return PL_OK;
}

static void take(pl_split_form *form, const char *value) {
  pl_error err = {0};
  form->problem[0] = '\0';
  if (pl_split_form_set(form, names[form->row], value, &err) != PL_OK) {
    pl_copy_text(form->problem, sizeof form->problem, err.message);
  }
}

static void cycle(pl_split_form *form, int step) {
  pl_split_by by = PL_SPLIT_BY_IMAGE;
  (void)pl_split_by_find(&by, form->values[BY]);
  take(form, pl_split_by_name((pl_split_by)(((int)by + step + PL_SPLIT_BY_COUNT) % PL_SPLIT_BY_COUNT)));
}

void pl_split_form_edit(pl_split_form *form) {
  if (form->row == BY) {
    cycle(form, 1);
    return;
  }
  pl_line_set(&form->line, form->values[form->row]);
  form->editing = true;
}

bool pl_split_form_key(pl_split_form *form, int key) {
  if (!form->editing) {
    if (form->row == BY && (key == PL_KEY_LEFT || key == PL_KEY_RIGHT || key == ' ')) {
      cycle(form, key == PL_KEY_LEFT ? -1 : 1);
      return true;
    }
    // Digits begin typing a number at once; they would switch screens otherwise.
    if ((form->row == FOLDS || form->row == SEED) && key >= '0' && key <= '9') {
      form->editing = true;
      pl_line_set(&form->line, "");
      return pl_line_key(&form->line, key);
    }
    return false;
  }
  if (key == PL_KEY_ESCAPE || key == 3) {
    form->editing = false;
  } else if (key == PL_KEY_ENTER) {
    take(form, form->line.text);
    form->editing = form->problem[0] != '\0';
  } else {
    pl_line_key(&form->line, key);
  }
  return true;
}

void pl_split_form_draw(const pl_split_form *form, const pl_canvas *canvas, pl_area area) {
  for (size_t row = 0; row < PL_SPLIT_ROWS && (int)row < area.rows; row++) {
    const pl_area line = {area.y + (int)row, area.x, 1, area.cols};
    const bool selected = row == form->row, editing = selected && form->editing;
    const pl_style style = selected ? PL_STYLE_SELECTED : PL_STYLE_NORMAL;
    if (selected) pl_canvas_fill(canvas, line, PL_STYLE_SELECTED);
    pl_canvas_text(canvas, line.y, line.x + 1, NAME_COLS, selected ? PL_STYLE_SELECTED : PL_STYLE_LABEL, names[row]);
    char safe[4 * PL_LINE_SIZE];
    const char *value = editing ? form->line.text : form->values[row];
    pl_safe_text(safe, sizeof safe, value, strlen(value));
    const int x = line.x + NAME_COLS + 2, rest = x + VALUE_COLS + 1;
    if (editing) {
      pl_canvas_padded(canvas, line.y, x, VALUE_COLS, PL_STYLE_NORMAL, "");
      pl_canvas_tail(canvas, line.y, x, VALUE_COLS - 1, PL_STYLE_NORMAL, safe);
      const int at = pl_text_columns(safe);
      pl_canvas_text(canvas, line.y, x + (at < VALUE_COLS ? at : VALUE_COLS - 1), 1, PL_STYLE_SELECTED, " ");
    } else {
      pl_canvas_tail(canvas, line.y, x, VALUE_COLS, style, safe[0] != '\0' ? safe : "-");
    }
    pl_canvas_text(canvas, line.y, rest, line.x + line.cols - rest, selected ? PL_STYLE_SELECTED : PL_STYLE_DIM,
                   meanings[row]);
  }
  const pl_area foot = {area.y + PL_SPLIT_ROWS + 1, area.x + 1, area.rows - PL_SPLIT_ROWS - 1, area.cols - 2};
  if (foot.rows > 0 && form->problem[0] != '\0') pl_canvas_wrapped(canvas, foot, PL_STYLE_BAD, form->problem);
}

static const char *const names[PL_SPLIT_ROWS] = {
    [BY] = "by", [FOLDS] = "folds", [SEED] = "seed", [PATIENTS] = "patients"};
static const char *const meanings[PL_SPLIT_ROWS] = {
    [BY] = "patient, image, or row",
    [FOLDS] = "how many",
    [SEED] = "not for rows",
    [PATIENTS] = "map; - the workspace's",
};
