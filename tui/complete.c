#include "tui/complete.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/filter.h"
#include "core/run/group.h"
#include "core/run/presets.h"
#include "tui/app.h"
#include "tui/caselist.h"
#include "tui/cmd.h"
#include "tui/metrics.h"
#include "tui/shellwords.h"
#include "tui/theme.h"

void pl_candidates_clear(pl_candidates *candidates) {
  for (size_t i = 0; i < candidates->count; i++) free(candidates->words[i]);
  free(candidates->words);
  *candidates = (pl_candidates){0};
}

void pl_candidates_add(pl_candidates *candidates, const char *text) {
  if (candidates->count == PL_CANDIDATES_MAX || !pl_begins_with(text, candidates->word)) return;
  for (size_t i = 0; i < candidates->count; i++) {
    if (strcmp(candidates->words[i], text) == 0) return;
  }
  candidates->words = pl_xrealloc(candidates->words, candidates->count + 1, sizeof *candidates->words);
  candidates->words[candidates->count++] = pl_xstrdup(text);
}

const char *pl_complete_last_part(const char *text) {
  const char *part = text;
  for (const char *p = text; *p != '\0'; p++) {
    if (*p == '/' && p[1] != '\0') part = p + 1;
  }
  return part;
}

static void add_all(pl_candidates *out, const char *const *words) {
  for (; *words != NULL; words++) pl_candidates_add(out, *words);
}

void pl_complete_command(const pl_app *app, const char *before, pl_candidates *out) {
  const char *screen = pl_app_place(app);
  before += strspn(before, " ");
  if (before[0] == '\0') {
    for (size_t i = 0; i < pl_cmd_count(); i++) {
      if (pl_cmd_works_on(pl_cmd_at(i), screen)) pl_candidates_add(out, pl_cmd_at(i)->name);
    }
    return;
  }
  const pl_cmd *cmd = NULL;
  const char *args = "";
  if (pl_cmd_parse(&cmd, &args, screen, before, NULL) == PL_OK && cmd->complete != NULL) cmd->complete(app, args, out);
}

void pl_complete_cases(const pl_app *app, const char *before, pl_candidates *out) {
  if (before[0] != '\0') return;
  char text[16];
  for (size_t i = 0; i < app->model->manifest.count && out->count < PL_CANDIDATES_MAX; i++) {
    snprintf(text, sizeof text, "%" PRIu32, app->model->manifest.cases[i].number);
    pl_candidates_add(out, text);
  }
}

void pl_complete_columns(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  for (int i = 0; before[0] == '\0' && i < PL_CASE_SORT_COUNT; i++) {
    pl_candidates_add(out, pl_case_sort_name((pl_case_sort)i));
  }
}

// Within a filter a word may begin behind brackets and nots.
void pl_complete_filter(const pl_app *app, const char *before, pl_candidates *out) {
  static const char *const alone[] = {"positive", "negative", "unlabelled", "bad", "train", "test"};
  (void)app;
  (void)before;
  const size_t lead = strspn(out->word, "!(");
  char text[64];
  for (size_t i = 0; pl_filter_field_name(i) != NULL; i++) {
    snprintf(text, sizeof text, "%.*s%s", (int)(lead < 8 ? lead : 8), out->word, pl_filter_field_name(i));
    pl_candidates_add(out, text);
  }
  for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++) {
    snprintf(text, sizeof text, "%.*s%s", (int)(lead < 8 ? lead : 8), out->word, alone[i]);
    pl_candidates_add(out, text);
  }
}

void pl_complete_flags(const pl_app *app, const char *before, pl_candidates *out) {
  for (size_t i = 0; before[0] == '\0' && i < app->model->manifest.count; i++) {
    if (app->model->manifest.cases[i].flag != NULL) pl_candidates_add(out, app->model->manifest.cases[i].flag);
  }
}

void pl_complete_folds(const pl_app *app, const char *before, pl_candidates *out) {
  char text[16];
  // One more than there are makes a new fold.
  for (int i = 0; before[0] == '\0' && i <= app->model->manifest.fold_count; i++) {
    snprintf(text, sizeof text, "%d", i);
    pl_candidates_add(out, text);
  }
}

void pl_complete_split(const pl_app *app, const char *before, pl_candidates *out) {
  static const char *const names[] = {"by", "folds", "seed", "patients", NULL};
  static const char *const by[] = {"patient", "image", "row", NULL};
  if (before[0] == '\0') add_all(out, names);
  if (strcmp(before, "by ") == 0) add_all(out, by);
  if (strcmp(before, "patients ") == 0) pl_complete_files(app, "", out);
}

void pl_complete_options(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  if (before[0] == '\0') {
    for (size_t i = 0; i < pl_option_count; i++) pl_candidates_add(out, pl_options[i].name);
    return;
  }
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(before, " "), before);
  const pl_option *option = pl_option_find(name);
  if (option == NULL) return;
  if (option->type == PL_OPTION_BOOL) pl_complete_switch(app, "", out);
  if (strcmp(name, "where") == 0) pl_complete_filter(app, "", out);
  for (size_t i = 0; option->choice != NULL && option->choice(i) != NULL; i++)
    pl_candidates_add(out, option->choice(i));
}

void pl_complete_presets(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  if (before[0] != '\0' || !out->tab) return;
  pl_presets presets = {0};
  pl_presets_load(&presets);
  for (size_t i = 0; i < presets.count; i++) pl_candidates_add(out, presets.items[i].name);
  pl_presets_clear(&presets);
}

void pl_complete_encoders(const pl_app *app, const char *before, pl_candidates *out) {
  if (before[0] == '\0') pl_complete_options(app, "encoder ", out);
}

void pl_complete_runs(const pl_app *app, const char *before, pl_candidates *out) {
  if (before[0] != '\0') return;
  pl_candidates_add(out, "latest");
  for (size_t i = app->model->run_count; i > 0; i--) pl_candidates_add(out, pl_tui_model_run_name(app->model, i - 1));
}

void pl_complete_ensemble(const pl_app *app, const char *before, pl_candidates *out) {
  (void)before;
  pl_complete_runs(app, "", out);
  char **groups = NULL;
  size_t count = 0;
  if (!out->tab || app->model->workspace == NULL) return;
  if (pl_group_list(&groups, &count, app->model->workspace, NULL) != PL_OK) return;
  for (size_t i = 0; i < count; i++) pl_candidates_add(out, pl_path_base(groups[i]));
  pl_fs_free_names(groups, count);
}

void pl_complete_axes(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  for (pl_axis i = 0; before[0] == '\0' && i < PL_AXES; i++) pl_candidates_add(out, pl_axis_name(i));
}

void pl_complete_charts(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  for (size_t i = 0; before[0] == '\0' && i < pl_metric_count; i++) pl_candidates_add(out, pl_metric_table[i].chart);
}

void pl_complete_curves(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  for (size_t i = 0; before[0] == '\0' && i < pl_metric_count; i++) pl_candidates_add(out, pl_metric_table[i].name);
}

void pl_complete_themes(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  if (before[0] == '\0') add_all(out, pl_theme_names);
}

void pl_complete_switch(const pl_app *app, const char *before, pl_candidates *out) {
  static const char *const words[] = {"on", "off", NULL};
  (void)app;
  if (before[0] == '\0') add_all(out, words);
}

void pl_complete_labels(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  for (size_t i = 0; before[0] == '\0' && pl_label_choice_name(i) != NULL; i++) {
    pl_candidates_add(out, pl_label_choice_name(i));
  }
}

// ---- File names

static void add_file(pl_candidates *out, const char *folder, const char *shown, const char *name) {
  char *path = pl_path_join(folder, name), *quoted = pl_shellwords_quote(name), safe[NAME_MAX + 1];
  // A name that a terminal cannot show as it is cannot be typed here either.
  pl_safe_text(safe, sizeof safe, name, strlen(name));
  if (strcmp(safe, name) == 0) {
    char *text = pl_xprintf("%s%s%s", shown, quoted, pl_fs_is_folder(path) ? "/" : "");
    pl_candidates_add(out, text);
    free(text);
  }
  free(quoted);
  free(path);
}

void pl_complete_files(const pl_app *app, const char *before, pl_candidates *out) {
  (void)app;
  (void)before;
  if (!out->tab) return;
  const char *slash = strrchr(out->word, '/');
  char *shown = pl_xprintf("%.*s", slash != NULL ? (int)(slash - out->word) + 1 : 0, out->word);
  char *folder = pl_shellwords_plain(shown[0] != '\0' ? shown : ".");
  char **names = NULL;
  size_t count = 0;
  const bool hidden = out->word[strlen(shown)] == '.';
  if (pl_fs_list(&names, &count, folder, NULL) == PL_OK) {
    for (size_t i = 0; i < count; i++) {
      if (hidden || names[i][0] != '.') add_file(out, folder, shown, names[i]);
    }
    pl_fs_free_names(names, count);
  }
  free(folder);
  free(shown);
}
