// Screen Label: a case's label corrected with a brush, by mouse or by keys, at the label's own resolution. It has no
// tab: it is opened from screen Case and leads back there.
#pragma once

#include "tui/app.h"
#include "tui/cmd.h"

extern const pl_screen pl_screen_label;
extern const pl_cmd_table pl_label_cmds;

// Opens the selected case, or the one named.
void pl_label_open(pl_app *app, const char *args);
