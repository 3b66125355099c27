// What Tab makes of the word that is being typed in the prompt: one completer a kind of word.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct pl_app;

enum { PL_CANDIDATES_MAX = 256 };

// The words that begin as what is typed, in the order in which they were added, at most PL_CANDIDATES_MAX.
typedef struct pl_candidates {
  const char *word;  // what is typed of it, borrowed while a completer runs
  bool tab;          // Tab was pressed: now the disk may be asked
  char **words;
  size_t count;
} pl_candidates;

void pl_candidates_clear(pl_candidates *candidates);
// Takes `text` when it begins with the word and is not there yet.
void pl_candidates_add(pl_candidates *candidates, const char *text);

// Adds what the last word of a line could be; `before` is the line in front of it.
typedef void pl_completer(const struct pl_app *app, const char *before, pl_candidates *out);

// Of a path the name behind the last slash, of anything else all of it.
const char *pl_complete_last_part(const char *text);

pl_completer pl_complete_command;  // a command's name, then what that command takes
pl_completer pl_complete_axes;     // of curves
pl_completer pl_complete_cases;    // numbers
pl_completer pl_complete_charts;   // of the Train screen
pl_completer pl_complete_columns;  // of the Data screen
pl_completer pl_complete_curves;   // that are known of a run
pl_completer pl_complete_filter;   // fields and words of core/data/filter.h
pl_completer pl_complete_flags;    // that cases have
pl_completer pl_complete_folds;
pl_completer pl_complete_split;    // options of a split
pl_completer pl_complete_options;  // of a training, then their values
pl_completer pl_complete_presets;
pl_completer pl_complete_encoders;
pl_completer pl_complete_runs;
pl_completer pl_complete_ensemble;  // runs and trainings of all folds, one after the other
pl_completer pl_complete_themes;
pl_completer pl_complete_labels;  // original, corrected
pl_completer pl_complete_switch;  // on, off
pl_completer pl_complete_files;   // with a backslash before a space
