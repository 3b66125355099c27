#include "tui/cmd.h"

#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "tui/app.h"
#include "tui/keymap.h"
#include "tui/screens/batch.h"
#include "tui/screens/case.h"
#include "tui/screens/data.h"
#include "tui/screens/folds.h"
#include "tui/screens/log.h"
#include "tui/screens/runs.h"
#include "tui/screens/train.h"

bool pl_cmd_works_on(const pl_cmd *cmd, const char *screen) {
  return cmd->screen == NULL || strcmp(cmd->screen, screen) == 0;
}

const pl_cmd *pl_cmd_for_key(const pl_settings *settings, const char *screen, int key) {
  const pl_cmd *everywhere = NULL;
  for (size_t i = 0; i < pl_cmd_count; i++) {
    const pl_cmd *cmd = &pl_cmds[i];
    if (!pl_cmd_works_on(cmd, screen) || !pl_keys_contain(pl_settings_keys(settings, i), key)) continue;
    if (cmd->screen != NULL) return cmd;
    if (everywhere == NULL) everywhere = cmd;
  }
  return everywhere;
}

const pl_cmd *pl_cmd_complete(const char *screen, const char *start, size_t index) {
  for (size_t i = 0; i < pl_cmd_count; i++) {
    if (!pl_cmd_works_on(&pl_cmds[i], screen) || !pl_begins_with(pl_cmds[i].name, start)) continue;
    if (index == 0) return &pl_cmds[i];
    index--;
  }
  return NULL;
}

static bool name_is(const pl_cmd *cmd, const char *word, size_t length) {
  return strlen(cmd->name) == length && memcmp(cmd->name, word, length) == 0;
}

pl_status pl_cmd_parse(const pl_cmd **out, const char **args, const char *screen, const char *line, pl_error *err) {
  line += strspn(line, " ");
  const size_t length = strcspn(line, " ");
  const char *rest = line + length + strspn(line + length, " ");
  const pl_cmd *found = NULL;
  char candidates[160] = "";
  size_t fitting = 0, used = 0;
  for (size_t i = 0; i < pl_cmd_count; i++) {
    const pl_cmd *cmd = &pl_cmds[i];
    if (!pl_cmd_works_on(cmd, screen) || strncmp(cmd->name, line, length) != 0) continue;
    found = cmd;
    if (name_is(cmd, line, length)) {
      fitting = 1;
      break;
    }
    fitting++;
    if (used + strlen(cmd->name) + 3 < sizeof candidates) {
      used += (size_t)snprintf(candidates + used, sizeof candidates - used, "%s%s", used > 0 ? ", " : "", cmd->name);
    }
  }
  if (length == 0 || fitting == 0) {
    return pl_fail(err, PL_E_NOTFOUND, "there is no command '%.*s' on this screen; press ? for all commands",
                   (int)length, line);
  }
  if (fitting > 1) return pl_fail(err, PL_E_USAGE, "'%.*s' may be: %s", (int)length, line, candidates);
  if (found->args == NULL && rest[0] != '\0') {
    return pl_fail(err, PL_E_USAGE, "'%s' takes no argument", found->name);
  }
  *out = found;
  *args = rest;
  return PL_OK;
}

// ---- Commands for everywhere

static void run_help(pl_app *app, const char *args) {
  (void)args;
  pl_help_open(app);
}

static void go_to(pl_app *app, const pl_screen *screen) {
  for (size_t i = 0; i < pl_screen_count; i++) {
    if (pl_screens[i] == screen) pl_app_switch(app, i);
  }
}

static void run_data(pl_app *app, const char *args) { (void)args, go_to(app, &pl_screen_data); }

static void run_train(pl_app *app, const char *args) { (void)args, go_to(app, &pl_screen_train); }

static void run_runs(pl_app *app, const char *args) { (void)args, go_to(app, &pl_screen_runs); }

static void run_log(pl_app *app, const char *args) { (void)args, go_to(app, &pl_screen_log); }

static void run_folds(pl_app *app, const char *args) { (void)args, go_to(app, &pl_screen_folds); }

static void run_next_screen(pl_app *app, const char *args) {
  (void)args;
  pl_app_switch(app, (app->active + 1) % pl_screen_count);
}

static void entered_command(pl_app *app, const char *text) {
  if (text[strspn(text, " ")] == '\0') return;
  const pl_cmd *cmd = NULL;
  const char *args = "";
  pl_error err = {0};
  if (pl_cmd_parse(&cmd, &args, pl_screens[app->active]->name, text, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  cmd->run(app, args);
}

static void run_command(pl_app *app, const char *args) {
  (void)args;
  pl_prompt_open(app, ":", true, "", entered_command);
}

static void run_repaint(pl_app *app, const char *args) {
  (void)args;
  pl_term_repaint(app->term, app->slots);
}

static void run_quit(pl_app *app, const char *args) {
  (void)args;
  app->quit = true;
}

static void run_suspend(pl_app *app, const char *args) {
  (void)args;
  pl_term_suspend(app->term, app->slots);
  pl_app_tell(app, PL_CHANGED_LAYOUT);
}

const pl_cmd pl_cmds[] = {
    // Data
    {.name = "next", .screen = "data", .keys = "j Down", .help = "select the next case", .run = pl_data_next},
    {.name = "previous", .screen = "data", .keys = "k Up", .help = "select the previous case", .run = pl_data_previous},
    {.name = "page-down", .screen = "data", .keys = "PgDn ^F", .help = "one page down", .run = pl_data_page_down},
    {.name = "page-up", .screen = "data", .keys = "PgUp ^B", .help = "one page up", .run = pl_data_page_up},
    {.name = "first", .screen = "data", .keys = "g Home", .help = "select the first case", .run = pl_data_first},
    {.name = "last", .screen = "data", .keys = "G End", .help = "select the last case", .run = pl_data_last},
    {.name = "search",
     .screen = "data",
     .keys = "/",
     .args = "CASE",
     .hint = "Search",
     .help = "find a case by its number (12) or the end of its id",
     .run = pl_data_search},
    {.name = "search-next", .screen = "data", .keys = "n", .help = "find the next one", .run = pl_data_search_next},
    {.name = "sort",
     .screen = "data",
     .keys = "s",
     .args = "COLUMN",
     .hint = "Sort",
     .help = "sort by the next column, or by the one named",
     .run = pl_data_sort},
    {.name = "reverse", .screen = "data", .keys = "r", .help = "turn the order round", .run = pl_data_reverse},
    {.name = "filter",
     .screen = "data",
     .keys = "f",
     .args = "FILTER",
     .hint = "Filter",
     .help = "show only some cases: fold=2 mask>2000 | sex=F",
     .run = pl_data_filter},
    {.name = "mask", .screen = "data", .keys = "m", .hint = "Mask", .help = "mask on and off", .run = pl_data_mask},
    {.name = "contour",
     .screen = "data",
     .keys = "c",
     .hint = "Contour",
     .help = "mask as an outline or filled",
     .run = pl_data_contour},
    {.name = "invert",
     .screen = "data",
     .keys = "i",
     .hint = "Invert",
     .help = "black on white and back",
     .run = pl_data_invert},
    {.name = "open",
     .screen = "data",
     .keys = "Enter",
     .args = "CASE",
     .hint = "Open",
     .help = "look at the case: screen Case",
     .run = pl_case_open},
    {.name = "mark", .screen = "data", .keys = "Space", .help = "mark the case, or no longer", .run = pl_data_mark},
    {.name = "unmark", .screen = "data", .keys = "u", .help = "take all marks away", .run = pl_data_unmark},
    {.name = "flag",
     .screen = "data",
     .keys = "F",
     .args = "WORD",
     .hint = "Flag",
     .help = "flag the marked cases, or this one, with a word; an empty one takes the flag away",
     .run = pl_data_flag},
    {.name = "note",
     .screen = "data",
     .keys = "N",
     .args = "TEXT",
     .hint = "Note",
     .help = "remark something about the marked cases, or this one",
     .run = pl_data_note},
    // Case
    {.name = "next-case",
     .screen = "case",
     .keys = "n",
     .hint = "Next",
     .help = "the next case of the Data screen's table",
     .run = pl_case_next},
    {.name = "previous-case", .screen = "case", .keys = "p", .help = "the case before", .run = pl_case_previous},
    {.name = "mask", .screen = "case", .keys = "m", .hint = "Mask", .help = "mask on and off", .run = pl_case_mask},
    {.name = "contour",
     .screen = "case",
     .keys = "c",
     .hint = "Contour",
     .help = "mask as an outline or filled",
     .run = pl_case_contour},
    {.name = "opacity",
     .screen = "case",
     .keys = "o",
     .args = "PERCENT",
     .help = "a more opaque mask, or one of so many percent",
     .run = pl_case_opacity},
    {.name = "window",
     .screen = "case",
     .keys = "w",
     .args = "C,W",
     .hint = "Window",
     .help = "the next window: the file's, all values, automatic; or centre and width",
     .run = pl_case_window},
    {.name = "narrower",
     .screen = "case",
     .keys = "[",
     .help = "a narrower window: more contrast",
     .run = pl_case_narrower},
    {.name = "wider", .screen = "case", .keys = "]", .help = "a wider window", .run = pl_case_wider},
    {.name = "darker", .screen = "case", .keys = "{", .help = "a higher centre: darker", .run = pl_case_darker},
    {.name = "brighter", .screen = "case", .keys = "}", .help = "a lower centre: brighter", .run = pl_case_brighter},
    {.name = "invert",
     .screen = "case",
     .keys = "i",
     .hint = "Invert",
     .help = "black on white and back",
     .run = pl_case_invert},
    {.name = "zoom-in", .screen = "case", .keys = "+", .hint = "Zoom", .help = "larger", .run = pl_case_zoom_in},
    {.name = "zoom-out", .screen = "case", .keys = "-", .help = "smaller", .run = pl_case_zoom_out},
    {.name = "fit", .screen = "case", .keys = "0", .help = "the whole picture", .run = pl_case_fit},
    {.name = "actual",
     .screen = "case",
     .keys = "=",
     .help = "one pixel of the picture a pixel of the screen",
     .run = pl_case_actual},
    {.name = "zoom-mask",
     .screen = "case",
     .keys = "z",
     .hint = "To mask",
     .help = "the mask, as large as fits",
     .run = pl_case_zoom_mask},
    {.name = "left", .screen = "case", .keys = "h Left", .help = "move the view", .run = pl_case_left},
    {.name = "down", .screen = "case", .keys = "j Down", .help = "move the view", .run = pl_case_down},
    {.name = "up", .screen = "case", .keys = "k Up", .help = "move the view", .run = pl_case_up},
    {.name = "right", .screen = "case", .keys = "l Right", .help = "move the view", .run = pl_case_right},
    {.name = "split",
     .screen = "case",
     .keys = "v",
     .hint = "Split",
     .help = "beside it the same without the mask",
     .run = pl_case_split},
    {.name = "blink",
     .screen = "case",
     .keys = "b",
     .hint = "Blink",
     .help = "mask on and off by itself, once a second",
     .run = pl_case_blink},
    {.name = "ruler", .screen = "case", .keys = "r", .help = "the scale in millimetres", .run = pl_case_ruler},
    {.name = "header",
     .screen = "case",
     .keys = "H",
     .hint = "Header",
     .help = "what the file says, without who it is",
     .run = pl_case_header},
    {.name = "export",
     .screen = "case",
     .keys = "e",
     .args = "FILE.png",
     .help = "write what is shown as a PNG file",
     .run = pl_case_export},
    {.name = "back", .screen = "case", .keys = "Esc", .help = "to the screen before", .run = pl_case_back},
    // Train
    {.name = "start",
     .screen = "train",
     .keys = "S",
     .hint = "Start",
     .help = "start a training: opens the form, or starts what it says",
     .run = pl_train_start},
    {.name = "pause",
     .screen = "train",
     .keys = "P",
     .hint = "Pause",
     .help = "pause the run after this step, or let it go on",
     .run = pl_train_pause},
    {.name = "checkpoint",
     .screen = "train",
     .keys = "C",
     .hint = "Checkpoint",
     .help = "write a checkpoint now",
     .run = pl_train_checkpoint},
    {.name = "stop",
     .screen = "train",
     .keys = "X",
     .hint = "Stop",
     .help = "write a checkpoint and end the run; asks first",
     .run = pl_train_stop},
    {.name = "resume",
     .screen = "train",
     .keys = "R",
     .hint = "Resume",
     .help = "go on with a run that was stopped or failed, from its last checkpoint",
     .run = pl_train_resume},
    {.name = "set",
     .screen = "train",
     .args = "OPTION VALUE",
     .help = "change an option; of a running run only those that allow it",
     .run = pl_train_set},
    {.name = "preset",
     .screen = "train",
     .keys = "p",
     .args = "NAME",
     .help = "fill the form from the next preset, or the one named",
     .run = pl_train_preset},
    {.name = "run-previous",
     .screen = "train",
     .keys = "[ Left",
     .help = "show the run before this one",
     .run = pl_train_previous_run},
    {.name = "run-next",
     .screen = "train",
     .keys = "] Right",
     .hint = "Run",
     .help = "show the run after this one",
     .run = pl_train_next_run},
    {.name = "run",
     .screen = "train",
     .args = "NAME",
     .help = "show the run of that name, or its ending; 'last' follows the newest",
     .run = pl_train_run},
    {.name = "down",
     .screen = "train",
     .keys = "j Down",
     .help = "next option of the form, or scroll the epochs",
     .run = pl_train_down},
    {.name = "up",
     .screen = "train",
     .keys = "k Up",
     .help = "previous option of the form, or scroll the epochs",
     .run = pl_train_up},
    {.name = "edit", .screen = "train", .keys = "Enter", .help = "change the option", .run = pl_train_edit},
    {.name = "back", .screen = "train", .keys = "Esc", .help = "leave the form", .run = pl_train_back},
    // Batch
    {.name = "next-batch",
     .screen = "batch",
     .keys = "n j Right Space",
     .hint = "Next",
     .help = "the next batch of the epoch",
     .run = pl_batch_next},
    {.name = "previous-batch",
     .screen = "batch",
     .keys = "p k Left",
     .hint = "Previous",
     .help = "the batch before",
     .run = pl_batch_previous},
    {.name = "next-epoch",
     .screen = "batch",
     .keys = "e Down",
     .hint = "Epoch",
     .help = "the same batch of the next epoch: other images, other augmentations",
     .run = pl_batch_next_epoch},
    {.name = "previous-epoch",
     .screen = "batch",
     .keys = "E Up",
     .help = "the same batch of the epoch before",
     .run = pl_batch_previous_epoch},
    {.name = "epoch", .screen = "batch", .args = "N", .help = "go to this epoch", .run = pl_batch_epoch},
    {.name = "mask", .screen = "batch", .keys = "m", .hint = "Mask", .help = "masks on and off", .run = pl_batch_mask},
    {.name = "contour",
     .screen = "batch",
     .keys = "c",
     .hint = "Contour",
     .help = "masks as outlines or filled",
     .run = pl_batch_contour},
    {.name = "invert",
     .screen = "batch",
     .keys = "i",
     .hint = "Invert",
     .help = "black on white and back",
     .run = pl_batch_invert},
    {.name = "back", .screen = "batch", .keys = "Esc", .help = "to the screen before", .run = pl_batch_back},
    // Folds
    {.name = "down", .screen = "folds", .keys = "j Down", .help = "the next fold, case or value", .run = pl_folds_down},
    {.name = "up", .screen = "folds", .keys = "k Up", .help = "the previous one", .run = pl_folds_up},
    {.name = "page-down", .screen = "folds", .keys = "PgDn ^F", .help = "one page down", .run = pl_folds_page_down},
    {.name = "page-up", .screen = "folds", .keys = "PgUp ^B", .help = "one page up", .run = pl_folds_page_up},
    {.name = "enter",
     .screen = "folds",
     .keys = "Enter",
     .help = "go to the fold's cases, or change the value",
     .run = pl_folds_enter},
    {.name = "back", .screen = "folds", .keys = "Esc", .help = "back to the folds", .run = pl_folds_back},
    {.name = "split",
     .screen = "folds",
     .keys = "S",
     .hint = "Split",
     .help = "make new folds: opens the form, or makes what it says; asks first",
     .run = pl_folds_split},
    {.name = "mark", .screen = "folds", .keys = "Space", .hint = "Mark", .help = "mark the case", .run = pl_folds_mark},
    {.name = "mark-all", .screen = "folds", .keys = "a", .help = "mark all cases shown", .run = pl_folds_mark_all},
    {.name = "unmark", .screen = "folds", .keys = "u", .help = "take all marks away", .run = pl_folds_unmark},
    {.name = "move",
     .screen = "folds",
     .keys = "m",
     .args = "FOLD",
     .hint = "Move",
     .help = "move the marked cases to a fold; asks first",
     .run = pl_folds_move_marked},
    {.name = "leaks",
     .screen = "folds",
     .keys = "l",
     .hint = "Leaks",
     .help = "only the cases that leak, or all",
     .run = pl_folds_only_leaks},
    {.name = "patients",
     .screen = "folds",
     .keys = "P",
     .args = "MAP.csv",
     .hint = "Patients",
     .help = "name the map that says who is on which image",
     .run = pl_folds_patients},
    {.name = "set",
     .screen = "folds",
     .args = "NAME VALUE",
     .help = "set by, folds, seed or patients of the form",
     .run = pl_folds_set},
    // Runs
    {.name = "open",
     .screen = "runs",
     .keys = "Enter",
     .hint = "Open",
     .help = "show the run on screen Train",
     .run = pl_runs_open},
    {.name = "mark",
     .screen = "runs",
     .keys = "Space",
     .hint = "Mark",
     .help = "compare this run, or no longer",
     .run = pl_runs_mark},
    {.name = "unmark", .screen = "runs", .keys = "u", .help = "take all marks away", .run = pl_runs_unmark},
    {.name = "pin",
     .screen = "runs",
     .keys = "B",
     .hint = "Baseline",
     .help = "the baseline: all others are measured against it",
     .run = pl_runs_pin},
    {.name = "curve",
     .screen = "runs",
     .keys = "t",
     .args = "NAME",
     .hint = "Curve",
     .help = "the next score or loss as curves, or the one named",
     .run = pl_runs_metric},
    {.name = "axis", .screen = "runs", .keys = "y", .help = "logarithmic axis and back", .run = pl_runs_axis},
    {.name = "down", .screen = "runs", .keys = "j Down", .help = "the next run", .run = pl_runs_down},
    {.name = "up", .screen = "runs", .keys = "k Up", .help = "the run before", .run = pl_runs_up},
    {.name = "page-down", .screen = "runs", .keys = "PgDn ^F", .help = "one page down", .run = pl_runs_page_down},
    {.name = "page-up", .screen = "runs", .keys = "PgUp ^B", .help = "one page up", .run = pl_runs_page_up},
    {.name = "first", .screen = "runs", .keys = "g Home", .help = "the oldest run", .run = pl_runs_first},
    {.name = "last", .screen = "runs", .keys = "G End", .help = "the newest run", .run = pl_runs_last},
    // Log
    {.name = "search",
     .screen = "log",
     .keys = "/",
     .args = "TEXT",
     .hint = "Search",
     .help = "find a line that holds this",
     .run = pl_log_search},
    {.name = "search-next",
     .screen = "log",
     .keys = "n",
     .hint = "Next",
     .help = "find the next one",
     .run = pl_log_search_next},
    {.name = "search-previous",
     .screen = "log",
     .keys = "N",
     .help = "find the one before",
     .run = pl_log_search_previous},
    {.name = "down", .screen = "log", .keys = "j Down", .help = "one line down", .run = pl_log_down},
    {.name = "up", .screen = "log", .keys = "k Up", .help = "one line up", .run = pl_log_up},
    {.name = "page-down", .screen = "log", .keys = "PgDn Space ^F", .help = "one page down", .run = pl_log_page_down},
    {.name = "page-up", .screen = "log", .keys = "PgUp ^B", .help = "one page up", .run = pl_log_page_up},
    {.name = "first", .screen = "log", .keys = "g Home", .help = "to the first line", .run = pl_log_first},
    {.name = "last",
     .screen = "log",
     .keys = "G End",
     .hint = "Follow",
     .help = "to the last line, and follow",
     .run = pl_log_last},
    // Everywhere
    {.name = "help", .keys = "? 7 F1", .hint = "Help", .help = "every command with its keys", .run = run_help},
    {.name = "data", .keys = "1 F2", .help = "screen Data: the cases", .run = run_data},
    {.name = "case",
     .keys = "2 F3",
     .args = "CASE",
     .help = "screen Case: the selected case in the viewer, or the one named",
     .run = pl_case_open},
    {.name = "folds", .keys = "3 F4", .help = "screen Folds: sizes, leaks, new folds", .run = run_folds},
    {.name = "train", .keys = "4 F5", .help = "screen Train: runs and curves", .run = run_train},
    {.name = "runs", .keys = "5 F6", .help = "screen Runs: all runs, compared", .run = run_runs},
    {.name = "log", .keys = "6 F7", .help = "screen Log: what the run's core wrote", .run = run_log},
    {.name = "batch",
     .keys = "b F8",
     .args = "N",
     .hint = "Batch",
     .help = "screen Batch: a training batch as the network gets it",
     .run = pl_batch_show},
    {.name = "next-screen", .keys = "Tab", .help = "the next screen", .run = run_next_screen},
    {.name = "command", .keys = ":", .help = "type a command by its name; Tab completes", .run = run_command},
    {.name = "repaint", .keys = "^L", .help = "draw the screen anew", .run = run_repaint},
    {.name = "suspend", .keys = "^Z", .help = "back to the shell for a while (fg returns)", .run = run_suspend},
    {.name = "quit",
     .keys = "q Q ^C F10",
     .hint = "Quit",
     .help = "leave; a running training goes on",
     .run = run_quit},
};
const size_t pl_cmd_count = sizeof pl_cmds / sizeof pl_cmds[0];
