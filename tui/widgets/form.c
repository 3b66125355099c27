#include "tui/widgets/form.h"

#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "core/run/start_weights.h"
#include "tui/keymap.h"

enum { NAME_COLS = 18, VALUE_COLS = 26, FOOT_ROWS = 3 };

void pl_form_init(pl_form *form, const pl_config *config) {
  *form = (pl_form){.config = *config, .version = form->version};
  pl_form_changed(form);
  pl_table_fit(&form->rows, pl_option_count, 2);
}

void pl_form_changed(pl_form *form) {
  form->version++;
  pl_start_weights_describe(form->weights, sizeof form->weights, &form->config);
}

void pl_form_fit(pl_form *form, int area_rows) {
  // The table of widgets/table has a head, and so has this one.
  pl_table_fit(&form->rows, pl_option_count, area_rows - FOOT_ROWS);
}

static void set(pl_form *form, const char *text) {
  pl_error err = {0};
  form->problem[0] = '\0';
  if (pl_config_set(&form->config, pl_options[form->rows.selected].name, text, PL_ORIGIN_COMMAND, &err) != PL_OK) {
    pl_copy_text(form->problem, sizeof form->problem, err.message);
  }
  pl_form_changed(form);
}

static bool cycle(pl_form *form, int step) {
  const pl_option *option = &pl_options[form->rows.selected];
  char value[PL_OPTION_TEXT_MAX];
  pl_config_get(value, &form->config, option);
  if (option->type == PL_OPTION_BOOL) {
    set(form, strcmp(value, "on") == 0 ? "off" : "on");
    return true;
  }
  if (option->type != PL_OPTION_CHOICE || option->choice == NULL) return false;
  size_t count = 0, at = 0;
  for (; option->choice(count) != NULL; count++) {
    if (strcmp(option->choice(count), value) == 0) at = count;
  }
  if (count == 0) return false;
  set(form, option->choice(step > 0 ? (at + 1) % count : (at + count - 1) % count));
  return true;
}

void pl_form_edit(pl_form *form) {
  if (cycle(form, 1)) return;
  char value[PL_OPTION_TEXT_MAX];
  pl_config_get(value, &form->config, &pl_options[form->rows.selected]);
  pl_line_set(&form->line, value);
  form->editing = true;
  form->problem[0] = '\0';
}

bool pl_form_key(pl_form *form, int key) {
  if (!form->editing) {
    if (key == PL_KEY_LEFT || key == PL_KEY_RIGHT || key == ' ') {
      if (!cycle(form, key == PL_KEY_LEFT ? -1 : 1) && key == ' ') pl_form_edit(form);
      return true;
    }
    // Digits begin typing a number at once; they would switch screens otherwise.
    const pl_option_type type = pl_options[form->rows.selected].type;
    const bool number = type == PL_OPTION_INT || type == PL_OPTION_DOUBLE || type == PL_OPTION_INTS;
    if (number && ((key >= '0' && key <= '9') || key == '.' || key == '-')) {
      pl_form_edit(form);
      pl_line_set(&form->line, "");
      return pl_line_key(&form->line, key);
    }
    return false;
  }
  if (key == PL_KEY_ESCAPE || key == 3) {
    form->editing = false;
  } else if (key == PL_KEY_ENTER || key == PL_KEY_UP || key == PL_KEY_DOWN) {
    set(form, form->line.text);
    if (form->problem[0] == '\0') {
      form->editing = false;
      if (key != PL_KEY_ENTER) pl_table_move(&form->rows, key == PL_KEY_UP ? -1 : 1);
    }
  } else {
    pl_line_key(&form->line, key);
  }
  return true;
}

static bool is_weights(const pl_option *option) { return strcmp(option->name, "weights") == 0; }

static void draw_row(const pl_form *form, const pl_canvas *canvas, pl_area row, size_t index) {
  const pl_option *option = &pl_options[index];
  const bool selected = index == form->rows.selected, editing = selected && form->editing;
  char value[PL_OPTION_TEXT_MAX], safe[PL_OPTION_TEXT_MAX];
  pl_config_get(value, &form->config, option);
  pl_safe_text(safe, sizeof safe, value, strlen(value));
  if (selected) pl_canvas_fill(canvas, row, PL_STYLE_SELECTED);
  const bool changed = form->config.origin[index] != PL_ORIGIN_DEFAULT;
  pl_canvas_text(canvas, row.y, row.x + 1, NAME_COLS, selected ? PL_STYLE_SELECTED : PL_STYLE_LABEL, option->name);
  const int value_x = row.x + NAME_COLS + 2;
  if (editing) {
    pl_canvas_padded(canvas, row.y, value_x, VALUE_COLS, PL_STYLE_NORMAL, form->line.text);
    char before[PL_LINE_SIZE];
    snprintf(before, sizeof before, "%.*s", (int)form->line.cursor, form->line.text);
    const int at = pl_text_columns(before);
    if (at < VALUE_COLS) {
      const char under[2] = {form->line.text[form->line.cursor] != '\0' ? form->line.text[form->line.cursor] : ' ', 0};
      pl_canvas_text(canvas, row.y, value_x + at, 1, PL_STYLE_SELECTED, under);
    }
  } else {
    const pl_style style = selected ? PL_STYLE_SELECTED : changed ? PL_STYLE_STRONG : PL_STYLE_NORMAL;
    pl_canvas_text(canvas, row.y, value_x, VALUE_COLS, style, safe[0] != '\0' ? safe : "-");
  }
  const int rest = value_x + VALUE_COLS + 1;
  if (rest >= row.x + row.cols) return;
  const pl_origin from = (pl_origin)form->config.origin[index];
  const bool preset = from == PL_ORIGIN_PRESET && form->preset[0] != '\0';
  pl_canvas_printf(canvas, row.y, rest, row.x + row.cols - rest, selected ? PL_STYLE_SELECTED : PL_STYLE_DIM,
                   "%s%s%s%s%s%s", changed ? "(" : "", changed ? pl_origin_name(from) : "", preset ? " " : "",
                   preset ? form->preset : "", changed ? ") " : "", is_weights(option) ? form->weights : option->help);
}

void pl_form_draw(const pl_form *form, const pl_canvas *canvas, pl_area area) {
  if (area.rows < FOOT_ROWS + 3) return;
  pl_canvas_fill(canvas, (pl_area){area.y, area.x, 1, area.cols}, PL_STYLE_HEAD);
  pl_canvas_text(canvas, area.y, area.x + 1, NAME_COLS, PL_STYLE_HEAD, "option");
  pl_canvas_text(canvas, area.y, area.x + NAME_COLS + 2, VALUE_COLS, PL_STYLE_HEAD, "value");
  pl_canvas_text(canvas, area.y, area.x + NAME_COLS + VALUE_COLS + 3, area.cols - NAME_COLS - VALUE_COLS - 3,
                 PL_STYLE_HEAD, "meaning");
  for (size_t i = 0; i < form->rows.page && form->rows.top + i < form->rows.count; i++) {
    draw_row(form, canvas, (pl_area){area.y + 1 + (int)i, area.x, 1, area.cols}, form->rows.top + i);
  }
  const pl_option *option = &pl_options[form->rows.selected];
  const pl_area foot = {area.y + area.rows - FOOT_ROWS + 1, area.x + 1, FOOT_ROWS - 1, area.cols - 2};
  if (form->problem[0] != '\0') {
    pl_canvas_wrapped(canvas, foot, PL_STYLE_BAD, form->problem);
    return;
  }
  char choices[512] = "";
  size_t used = 0;
  for (size_t i = 0; option->type == PL_OPTION_CHOICE && option->choice != NULL && option->choice(i) != NULL; i++) {
    if (used + strlen(option->choice(i)) + 3 >= sizeof choices) break;
    used +=
        (size_t)snprintf(choices + used, sizeof choices - used, "%s%s", i > 0 ? " " : ". One of: ", option->choice(i));
  }
  char help[2 * PL_OPTION_TEXT_MAX];
  if (is_weights(option)) {
    snprintf(help, sizeof help, "%s. %s", form->weights, option->help);
  } else {
    snprintf(help, sizeof help, "%s%s", option->help, choices);
  }
  pl_canvas_wrapped(canvas, foot, PL_STYLE_DIM, help);
}
