#include "tui/widgets/joblist.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "tui/app.h"
#include "tui/cmd.h"
#include "tui/shellwords.h"
#include "tui/widgets/bar.h"
#include "tui/words.h"

enum { NAME_COLS = 13, STATE_COLS = 14, BAR_COLS = 26, LOG_LINES = 64, EDGE_ROWS = 4, ROWS_MAX = 8 };

static const pl_background *selected_of(const pl_joblist *list) {
  return list->table.selected < list->count ? &list->jobs[list->table.selected] : NULL;
}

const pl_background *pl_joblist_running(const pl_joblist *list) {
  for (size_t i = 0; i < list->count; i++) {
    if (list->jobs[i].alive == PL_ALIVE_YES) return &list->jobs[i];
  }
  return NULL;
}

void pl_joblist_clear(pl_joblist *list) {
  free(list->jobs);
  pl_fs_free_names(list->log, list->log_count);
  *list = (pl_joblist){0};
}

// ---- Looking

static void read_log(pl_app *app) {
  pl_joblist *list = &app->joblist;
  pl_fs_free_names(list->log, list->log_count);
  list->log = NULL;
  list->log_count = 0;
  const pl_background *job = selected_of(list);
  if (list->open && job != NULL) {
    (void)pl_background_log(&list->log, &list->log_count, app->model->workspace, job->name, LOG_LINES, NULL);
  }
}

// A job that ran at the last look and does not now.
static void say_ended(pl_app *app, const pl_background *job) {
  char state[96], took[48] = "";
  pl_background_state(state, sizeof state, job);
  if (isfinite(job->seconds)) {
    char words[32];
    pl_words_duration(words, sizeof words, job->seconds);
    snprintf(took, sizeof took, " after %s", words);
  }
  pl_app_say(app, "%s: %s%s%s%s", job->name, state, took, job->exit_code != 0 ? ": " : "",
             job->exit_code != 0 ? job->last_words : "; J shows what it said");
  app->message_bad = job->exit_code != 0 && !job->cancelled;
}

static bool was_running(const pl_joblist *list, const char *name) {
  for (size_t i = 0; i < list->count; i++) {
    if (strcmp(list->jobs[i].name, name) == 0) return list->jobs[i].alive == PL_ALIVE_YES;
  }
  return false;
}

// Whether the folder of all jobs has another time than at the last look.
static bool folder_changed(pl_app *app) {
  char *path = pl_path_join(app->model->workspace, ".jobs");
  struct stat status;
  const struct timespec time = stat(path, &status) == 0 ? status.st_mtim : (struct timespec){0};
  free(path);
  const bool same = time.tv_sec == app->joblist.seen.tv_sec && time.tv_nsec == app->joblist.seen.tv_nsec;
  app->joblist.seen = time;
  return !same;
}

void pl_joblist_update(pl_app *app) {
  pl_joblist *list = &app->joblist;
  if (app->model->workspace == NULL || (!folder_changed(app) && pl_joblist_running(list) == NULL)) return;
  pl_background *jobs = NULL;
  size_t count = 0;
  if (pl_background_list(&jobs, &count, app->model->workspace, NULL) != PL_OK) return;
  char selected[64] = "";
  if (selected_of(list) != NULL) pl_copy_text(selected, sizeof selected, selected_of(list)->name);
  for (size_t i = 0; i < count; i++) {
    if (jobs[i].alive == PL_ALIVE_NO && was_running(list, jobs[i].name)) say_ended(app, &jobs[i]);
  }
  free(list->jobs);
  list->jobs = jobs;
  list->count = count;
  pl_table_fit(&list->table, count, ROWS_MAX + 1);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(jobs[i].name, selected) == 0) pl_table_select(&list->table, i);
  }
  read_log(app);
  app->dirty = true;
}

// ---- Starting

// What stands for a word of the row's own; NULL for the word itself.
static const char *value_of(const pl_app *app, const char *word) {
  if (strcmp(word, "WORKSPACE") == 0) return app->model->workspace;
  return strcmp(word, "LABELS") == 0 ? pl_label_choice_name(app->model->manifest.labels) : NULL;
}

// The words of the command line: the row's own, with the workspace and the labels put in, and then what the user typed.
static pl_status words_of(char ***words, size_t *count, const pl_app *app, const pl_cmd *cmd, const char *args,
                          pl_error *err) {
  char **own = NULL, **typed = NULL;
  size_t own_count = 0, typed_count = 0;
  pl_status status = pl_shellwords_split(&typed, &typed_count, args, err);
  if (status == PL_OK) status = pl_shellwords_split(&own, &own_count, cmd->job, err);
  if (status != PL_OK) {
    pl_fs_free_names(typed, typed_count);
    return status;
  }
  for (size_t i = 0; i < own_count; i++) {
    const char *value = value_of(app, own[i]);
    if (value == NULL) continue;
    free(own[i]);
    own[i] = pl_xstrdup(value);
  }
  own = pl_xrealloc(own, own_count + typed_count, sizeof *own);
  if (typed_count > 0) memcpy(own + own_count, typed, typed_count * sizeof *typed);
  free(typed);
  *words = own;
  *count = own_count + typed_count;
  return PL_OK;
}

static void start(pl_app *app, const pl_cmd *cmd, const char *args) {
  char **words = NULL, *name = NULL;
  size_t count = 0;
  pl_error err = {0};
  pl_status status = words_of(&words, &count, app, cmd, args, &err);
  if (status == PL_OK) status = pl_background_start(&name, app->model->workspace, words, count, NULL, &err);
  pl_fs_free_names(words, count);
  if (status != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  app->joblist.open = true;
  pl_table_select(&app->joblist.table, 0);
  pl_joblist_update(app);
  for (size_t i = 0; i < app->joblist.count; i++) {
    if (strcmp(app->joblist.jobs[i].name, name) == 0) pl_table_select(&app->joblist.table, i);
  }
  read_log(app);
  pl_app_say(app, "%s runs; it goes on when the workbench is left", name);
  free(name);
}

static void workspace_wanted(pl_app *app) {
  pl_error err = {0};
  const pl_cmd *cmd = app->joblist.waits;
  if (pl_workspace_init(pl_tui_model_start(app->model), &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  pl_app_tell(app, pl_tui_model_update(app->model));
  if (app->model->workspace != NULL) start(app, cmd, app->joblist.waiting_args);
}

static void args_entered(pl_app *app, const char *text) {
  if (text[strspn(text, " ")] != '\0') pl_joblist_start(app, app->joblist.waits, text);
}

void pl_joblist_start(pl_app *app, const pl_cmd *cmd, const char *args) {
  pl_joblist *list = &app->joblist;
  list->waits = cmd;
  // What stands in brackets may be left out.
  if (args[0] == '\0' && cmd->args != NULL && cmd->args[0] != '[') {
    char label[32];
    snprintf(label, sizeof label, "%s: ", cmd->name);
    pl_prompt_open(app, label, cmd->complete, "", args_entered);
    return;
  }
  if (app->model->workspace != NULL) {
    start(app, cmd, args);
    return;
  }
  char *folder = realpath(pl_tui_model_start(app->model), NULL), question[PL_QUESTION_SIZE], safe[160];
  const char *path = folder != NULL ? folder : pl_tui_model_start(app->model);
  pl_safe_text(safe, sizeof safe, path, strlen(path));
  snprintf(question, sizeof question, "%s is no workspace yet. Make it one?", safe);
  free(folder);
  (void)pl_copy_text(list->waiting_args, sizeof list->waiting_args, args);
  pl_confirm_ask(app, question, workspace_wanted);
}

// ---- Commands

void pl_joblist_toggle(pl_app *app, const char *args) {
  (void)args;
  app->joblist.open = !app->joblist.open;
  app->joblist.seen = (struct timespec){0};
  pl_joblist_update(app);
  read_log(app);
}

void pl_joblist_close(pl_app *app, const char *args) {
  (void)args;
  app->joblist.open = false;
}

static void move(pl_app *app, long delta) {
  pl_table_move(&app->joblist.table, delta);
  read_log(app);
}

void pl_joblist_next(pl_app *app, const char *args) { (void)args, move(app, 1); }

void pl_joblist_previous(pl_app *app, const char *args) { (void)args, move(app, -1); }

static void look_again(pl_app *app) {
  app->joblist.seen = (struct timespec){0};
  pl_joblist_update(app);
}

static void cancel_confirmed(pl_app *app) {
  pl_error err = {0};
  if (pl_background_cancel(app->model->workspace, app->joblist.acting_on, &err) != PL_OK) {
    pl_app_complain(app, &err);
  } else {
    pl_app_say(app, "%s was asked to end; what it has done is kept", app->joblist.acting_on);
  }
  look_again(app);
}

void pl_joblist_cancel(pl_app *app, const char *args) {
  const pl_background *job = selected_of(&app->joblist);
  if (args[0] == '\0' && (job == NULL || job->alive == PL_ALIVE_NO)) {
    pl_app_say(app, job == NULL ? "there is no job" : "%s runs no longer", job != NULL ? job->name : "");
    return;
  }
  char question[PL_QUESTION_SIZE];
  (void)pl_copy_text(app->joblist.acting_on, sizeof app->joblist.acting_on, args[0] != '\0' ? args : job->name);
  snprintf(question, sizeof question, "End %s? What it has done is kept.", app->joblist.acting_on);
  pl_confirm_ask(app, question, cancel_confirmed);
}

static void clear_confirmed(pl_app *app) {
  size_t removed = 0;
  pl_error err = {0};
  if (pl_background_clear(&removed, app->model->workspace, &err) != PL_OK) {
    pl_app_complain(app, &err);
  } else {
    pl_app_say(app, "%zu job%s cleared away", removed, removed == 1 ? "" : "s");
  }
  look_again(app);
}

void pl_joblist_clear_ended(pl_app *app, const char *args) {
  (void)args;
  if (app->model->workspace == NULL || app->joblist.count == 0) {
    pl_app_say(app, "there is no job");
    return;
  }
  pl_confirm_ask(app, "Clear away the jobs that have ended, with what they said?", clear_confirmed);
}

// ---- Drawing

static void draw_job(const pl_canvas *canvas, pl_area row, const pl_background *job, bool selected) {
  const pl_style style = selected ? PL_STYLE_SELECTED : PL_STYLE_NORMAL;
  const int right = row.x + row.cols;
  char state[96], left[40] = "";
  pl_background_state(state, sizeof state, job);
  // The bar keeps its own colours beside a selected name.
  if (selected) pl_canvas_fill(canvas, (pl_area){row.y, row.x, 1, NAME_COLS + STATE_COLS - 1}, style);
  int x = row.x;
  pl_canvas_text(canvas, row.y, x, NAME_COLS - 1, selected ? style : PL_STYLE_STRONG, job->name);
  x += NAME_COLS;
  const pl_style tone = selected                            ? style
                        : job->alive == PL_ALIVE_YES        ? PL_STYLE_GOOD
                        : job->ended && job->exit_code == 0 ? PL_STYLE_DIM
                                                            : PL_STYLE_WARN;
  pl_canvas_text(canvas, row.y, x, STATE_COLS - 1, tone, state);
  x += STATE_COLS;
  if (job->alive == PL_ALIVE_YES && right - x > BAR_COLS) {
    char words[32];
    if (isfinite(job->left)) {
      pl_words_duration(words, sizeof words, job->left);
      snprintf(left, sizeof left, "left %s", words);
    }
    pl_bar_draw(canvas, row.y, x, BAR_COLS - 1, job->share, left);
    x += BAR_COLS;
  }
  pl_canvas_text(canvas, row.y, x, right - x, PL_STYLE_NORMAL,
                 job->alive == PL_ALIVE_YES ? job->words : job->last_words);
}

static void draw_log(const pl_joblist *list, const pl_canvas *canvas, pl_area area, const pl_background *job) {
  pl_canvas_text(canvas, area.y, area.x, area.cols, PL_STYLE_LABEL, job->line);
  const size_t rows = area.rows > 1 ? (size_t)area.rows - 1 : 0;
  const size_t first = list->log_count > rows ? list->log_count - rows : 0;
  for (size_t i = first; i < list->log_count; i++) {
    pl_canvas_text(canvas, area.y + 1 + (int)(i - first), area.x, area.cols, PL_STYLE_NORMAL, list->log[i]);
  }
  if (list->log_count == 0 && rows > 0) {
    pl_canvas_text(canvas, area.y + 1, area.x, area.cols, PL_STYLE_DIM, "It has said nothing yet.");
  }
}

void pl_joblist_draw(const pl_app *app, const pl_canvas *canvas) {
  const pl_joblist *list = &app->joblist;
  const pl_area body = pl_app_body(app), box = pl_layout_centre(body, body.rows, 120);
  if (box.rows < EDGE_ROWS + 2) return;
  pl_canvas_box(canvas, box, "Jobs");
  const pl_area inner = {box.y + 1, box.x + 2, box.rows - 2, box.cols - 4};
  if (list->count == 0) {
    pl_canvas_wrapped(canvas, inner, PL_STYLE_NORMAL,
                      "No job has run here. :import FOLDER brings images in, :pack makes the packed cache, :report and "
                      ":leaks look at the data, :fetch downloads. They run by themselves, and go on when the workbench "
                      "is left.");
    return;
  }
  const int most = inner.rows - EDGE_ROWS < ROWS_MAX ? inner.rows - EDGE_ROWS : ROWS_MAX;
  const size_t rows = most < 1 ? 1 : (size_t)most;
  // The widget's table keeps the selection in sight of ROWS_MAX; a lower box shows fewer.
  size_t top = list->table.top;
  if (list->table.selected >= top + rows) top = list->table.selected - rows + 1;
  int y = inner.y;
  for (size_t i = top; i < list->count && i < top + rows; i++) {
    draw_job(canvas, (pl_area){y++, inner.x, 1, inner.cols}, &list->jobs[i], i == list->table.selected);
  }
  y++;
  const pl_background *job = selected_of(list);
  if (job != NULL && y + 1 < inner.y + inner.rows) {
    draw_log(list, canvas, (pl_area){y, inner.x, inner.y + inner.rows - y, inner.cols}, job);
  }
}
