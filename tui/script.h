// The test driver: types keys, waits, and writes down what the screen shows. `pleura --script FILE`, one line each:
//   key NAME ...        keys by name (keymap.h)
//   keys TEXT           the rest of the line, character by character
//   mouse WHAT X Y [BUTTON]   press, drag, release, wheel-up or wheel-down at a cell, counted from 0; button 1 to 3
//   cmd LINE            a command of the table, as after `:`
//   wait-job            until no job is under way
//   wait-background     until no background job runs (at most 120 s)
//   wait-ms N
//   wait-run epoch N    until the selected run has an evaluated epoch N (at most 120 s)
//   wait-run phase P    until its phase is P
//   wait-file PATH      until there is something of that name (at most 120 s)
//   size COLSxROWS      gives the terminal another size
//   clock SECONDS       the wall clock stands still at this time, in seconds since 1970
//   dump FILE           the screen as text, then one line for each picture
//   dump-more FILE      the same behind what is in the file, with a line "== COLSxROWS" in front
// Lines that begin with # are ignored. At the end the workbench is left.
#pragma once

#include "core/base/status.h"

struct pl_app;
typedef struct pl_script pl_script;

// PL_E_FORMAT names the line that is wrong.
pl_status pl_script_load(pl_script **out, const char *path, pl_error *err);
void pl_script_destroy(pl_script *script);  // takes NULL

// Does what can be done now. At the end, and on an error, it asks the workbench to quit.
void pl_script_step(pl_script *script, struct pl_app *app);

// What went wrong, PL_OK when nothing did.
pl_status pl_script_result(const pl_script *script, pl_error *err);
