// The options of a run as a form, made from the option table.
#pragma once

#include <stdbool.h>

#include "core/run/presets.h"
#include "tui/canvas.h"
#include "tui/widgets/line.h"
#include "tui/widgets/table.h"

typedef struct pl_form {
  pl_config config;
  pl_table rows;
  bool editing;
  pl_line line;
  unsigned version;                                                    // rises with every change of the options
  char preset[PL_PRESET_NAME_MAX], preset_about[PL_PRESET_ABOUT_MAX];  // that was applied, "" for none
  char weights[PL_OPTION_TEXT_MAX];                                    // what the run would start from, in words
  char problem[PL_ERROR_MESSAGE_MAX];  // why the last value was not taken; "" when it was
} pl_form;

void pl_form_init(pl_form *form, const pl_config *config);
void pl_form_fit(pl_form *form, int area_rows);

// Call it after changing `config` from outside: what is derived from it is made anew.
void pl_form_changed(pl_form *form);

// Enter: the next choice, or the beginning of typing.
void pl_form_edit(pl_form *form);
// Typing, and Left, Right, Space through choices. False for keys that the form has no use for.
bool pl_form_key(pl_form *form, int key);

void pl_form_draw(const pl_form *form, const pl_canvas *canvas, pl_area area);
