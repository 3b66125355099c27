#include "tui/screens/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "tui/screens/train_private.h"
#include "tui/widgets/bar.h"
#include "tui/words.h"

enum { WORD = 32 };

pl_train *pl_train_of(pl_app *app) { return pl_app_self(app, "train"); }

const char *pl_train_phase_words(const pl_run_view *run) {
  if (run->alive == PL_ALIVE_UNKNOWN && !pl_phase_is_over(run->state.phase)) return "unknown";
  return pl_phase_name(run->state.phase);
}

static pl_style phase_style(const pl_run_view *run) {
  if (run->alive == PL_ALIVE_UNKNOWN && !pl_phase_is_over(run->state.phase)) return PL_STYLE_WARN;
  switch (run->state.phase) {
    case PL_PHASE_FAILED: return PL_STYLE_BAD;
    case PL_PHASE_PAUSED:
    case PL_PHASE_STOPPED: return PL_STYLE_WARN;
    case PL_PHASE_STARTING:
    case PL_PHASE_READING:
    case PL_PHASE_PLANNING:
    case PL_PHASE_TUNING:
    case PL_PHASE_SAVING:
    case PL_PHASE_TRAINING:
    case PL_PHASE_EVALUATING:
    case PL_PHASE_FINISHED: return PL_STYLE_GOOD;
    default: return PL_STYLE_DIM;
  }
}

static bool form_shown(const pl_train *self) {
  return self->form_open || (self->app->model->run == NULL && self->app->model->manifest.count > 0);
}

const pl_config *pl_train_options(pl_app *app, const pl_run_view **run) {
  const pl_train *self = pl_train_of(app);
  *run = NULL;
  if (form_shown(self) && self->form_filled) return &self->form.config;
  if (app->model->run == NULL || app->model->run->info == NULL) return NULL;
  *run = app->model->run;
  return &app->model->run->info->config;
}

static void *open_screen(pl_app *app) {
  pl_train *self = pl_xcalloc(1, sizeof *self);
  self->app = app;
  self->previews = pl_preview_strip_create(app);
  pl_train_open_charts(self);
  return self;
}

static void close_screen(pl_app *app, void *data) {
  pl_train *self = data;
  pl_train_forget_charts(self);
  pl_preview_strip_destroy(self->previews);
  pl_jobs_cancel(app->jobs, self);
  pl_train_drop_asked(self);
  free(self);
}

static void changed(pl_app *app, void *data, unsigned what) {
  pl_train *self = data;
  if ((what & PL_CHANGED_FRAME) != 0) pl_train_replay_frame(self);
  if ((what & PL_CHANGED_CASES) != 0 && !self->form_open) self->form_filled = false;
  if ((what & PL_CHANGED_CASES) != 0 && (what & PL_CHANGED_NOTES) == 0) pl_preview_strip_forget(self->previews);
  if ((what & PL_CHANGED_RUNS) != 0) {
    pl_train_forget_charts(self);
    self->epochs = (pl_table){0};
  }
  if (form_shown(self)) {
    pl_train_fill_form(self);
    self->form_open = true;
  }
  if ((what & PL_CHANGED_LABELS) != 0) pl_train_take_labels(self);
  pl_train_fit_form(self);
  // Other cases take another time.
  if ((what & PL_CHANGED_CASES) != 0 && (what & PL_CHANGED_NOTES) == 0) self->form.version++;
  pl_train_ask_plan(self);
  const size_t epochs = app->model->run != NULL ? app->model->run->journal.epoch_count : 0;
  const size_t top = self->epochs.top;
  pl_table_fit(&self->epochs, epochs, pl_train_layout_of(self).table.rows);
  self->epochs.selected = self->epochs.top = top < self->epochs.count ? top : 0;
  if ((what & (PL_CHANGED_LAYOUT | PL_CHANGED_RUNS | PL_CHANGED_RUN)) != 0) pl_train_ask_charts(self);
}

// ---- Drawing a run

static void draw_options(const pl_canvas *canvas, pl_area row, const pl_run_view *run) {
  char text[1024] = "", value[PL_OPTION_TEXT_MAX], standard[PL_OPTION_TEXT_MAX];
  if (run->info == NULL) {
    pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_BAD, run->problem);
    return;
  }
  pl_config defaults;
  pl_config_defaults(&defaults);
  size_t used = 0;
  for (size_t i = 0; i < pl_option_count; i++) {
    const pl_option *option = &pl_options[i];
    pl_config_get(value, &run->info->config, option);
    pl_config_get(standard, &defaults, option);
    // The encoder always, the rest where it was chosen; the name stands above already.
    const bool always = strcmp(option->name, "encoder") == 0;
    if (strcmp(option->name, "name") == 0 || (!always && strcmp(value, standard) == 0)) continue;
    const int added = snprintf(text + used, sizeof text - used, "%s%s%s%.120s", used > 0 ? "  " : "",
                               always ? "" : option->name, always ? "" : " ", value);
    if (added < 0 || (size_t)added >= sizeof text - used) break;
    used += (size_t)added;
  }
  char safe[1024];
  pl_safe_text(safe, sizeof safe, text, strlen(text));
  const int x = row.x + pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_NORMAL, safe) + 3;
  if (run->state.unused_gpu[0] != '\0' && x < row.x + row.cols) {
    pl_canvas_text(canvas, row.y, x, row.x + row.cols - x, PL_STYLE_WARN, run->state.unused_gpu);
  }
}

static void draw_title(const pl_train *self, const pl_canvas *canvas, pl_area row, const pl_run_view *run) {
  const pl_app *app = self->app;
  char text[160], time[WORD], ago[WORD];
  int x = row.x + pl_canvas_printf(canvas, row.y, row.x, row.cols, PL_STYLE_STRONG, "%s  ", run->name);
  const int right = row.x + row.cols;
  pl_train_replay_words(text, sizeof text, self);
  if (text[0] != '\0') x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_WARN, "%s  ", text);
  x += pl_canvas_text(canvas, row.y, x, right - x, phase_style(run), pl_train_phase_words(run));
  if (run->alive == PL_ALIVE_UNKNOWN && !pl_phase_is_over(run->state.phase)) {
    pl_words_time(time, sizeof time, run->seen);
    pl_words_duration(ago, sizeof ago, pl_clock_wall(&app->clock) - run->seen);
    x += isfinite(run->seen)
             ? pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_WARN, ", last seen %s (%s ago)", time, ago)
             : pl_canvas_text(canvas, row.y, x, right - x, PL_STYLE_WARN, ", not seen alive yet");
  }
  if (run->read_only) x += pl_canvas_text(canvas, row.y, x, right - x, PL_STYLE_DIM, "  (read only)");
  if (run->alive == PL_ALIVE_YES) {
    pl_load_words(text, sizeof text, &run->state.load);
    if (right - x > pl_text_columns(text) + 3) {
      x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_DIM, "   %s", text);
    }
  }
  snprintf(text, sizeof text, "run %zu of %zu", app->model->selected + 1, app->model->run_count);
  if (right - x > pl_text_columns(text) + 2) pl_canvas_right(canvas, row.y, x + 2, right - x - 2, PL_STYLE_DIM, text);
}

// The third line: the curves at the cursor, what is wrong, else what it waits for, else the newest message.
static void draw_note(const pl_train *self, const pl_canvas *canvas, pl_area row, const pl_run_view *run) {
  const pl_app *app = self->app;
  const pl_journal_view *journal = &run->journal;
  if (self->readout[0] != '\0') {
    pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_STRONG, self->readout);
  } else if (app->model->run_problem[0] != '\0') {
    pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_BAD, app->model->run_problem);
  } else if (run->state.phase == PL_PHASE_FAILED) {
    pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_BAD,
                   run->state.last_error[0] != '\0' ? run->state.last_error : "it left no message; see core.log");
  } else if (run->state.message[0] != '\0') {
    pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_WARN, run->state.message);
  } else if (journal->message_count > 0) {
    const pl_message_record *last = &journal->messages[journal->message_count - 1];
    char time[WORD];
    pl_words_time(time, sizeof time, last->time);
    pl_canvas_printf(canvas, row.y, row.x, row.cols, last->kind == PL_MESSAGE_WARN ? PL_STYLE_WARN : PL_STYLE_DIM,
                     "%s %s", time, last->text);
  }
}

static int draw_value(const pl_canvas *canvas, int y, int x, int right, const char *name, const char *value) {
  const int start = x;
  x += pl_canvas_text(canvas, y, x, right - x, PL_STYLE_LABEL, name);
  x += pl_canvas_text(canvas, y, x, right - x, PL_STYLE_NORMAL, " ");
  x += pl_canvas_text(canvas, y, x, right - x, PL_STYLE_STRONG, value);
  return x - start + 3;
}

static double fraction_of(int64_t done, int64_t all) { return done >= 0 && all > 0 ? (double)done / (double)all : NAN; }

static void draw_numbers(const pl_canvas *canvas, pl_area row, const pl_run_view *run) {
  const pl_run_state *state = &run->state;
  char text[96], number[WORD];
  int x = row.x;
  const int right = row.x + row.cols;
  pl_words_number(text, sizeof text, state->loss);
  x += draw_value(canvas, row.y, x, right, "loss", text);
  pl_words_number(text, sizeof text, state->learning_rate);
  x += draw_value(canvas, row.y, x, right, "learning rate", text);
  pl_words_number(text, sizeof text, state->images_per_second);
  x += draw_value(canvas, row.y, x, right, "images/s", text);
  pl_words_score(number, sizeof number, state->best);
  if (state->best_epoch >= 0 && isfinite(state->best)) {
    const char *by = run->info != NULL ? run->info->config.best_by : "score";
    snprintf(text, sizeof text, "%s %s, epoch %" PRId64, by, number, state->best_epoch);
    x += draw_value(canvas, row.y, x, right, "best", text);
  }
  if (state->encoder_weights[0] != '\0') draw_value(canvas, row.y, x, right, "weights", state->encoder_weights);
}

static void draw_bars(const pl_canvas *canvas, pl_area area, const pl_run_view *run) {
  const pl_run_state *state = &run->state;
  enum { NAME = 22 };
  char text[128], eta[WORD];
  if (area.rows < 1) return;
  const bool evaluating = state->phase == PL_PHASE_EVALUATING;
  const int bar_cols = area.cols - NAME;
  const bool over = pl_phase_is_over(state->phase);
  if (state->epoch >= 0 && state->epochs > 0) {
    pl_canvas_printf(canvas, area.y, area.x, NAME, PL_STYLE_LABEL, "%s %" PRId64 "/%" PRId64,
                     evaluating && !over ? "evaluating" : "epoch", state->epoch, state->epochs);
  } else {
    pl_canvas_text(canvas, area.y, area.x, NAME, PL_STYLE_LABEL, "epoch -");
  }
  // After the last epoch the core counts from 0 again; what is over is done.
  const int64_t done = state->phase == PL_PHASE_FINISHED ? state->epoch_steps : state->epoch_step;
  if (done >= 0 && state->epoch_steps > 0) {
    snprintf(text, sizeof text, "%" PRId64 "/%" PRId64 " batches", done, state->epoch_steps);
  } else {
    snprintf(text, sizeof text, "-");
  }
  pl_bar_draw(canvas, area.y, area.x + NAME, bar_cols, fraction_of(done, state->epoch_steps), text);
  if (area.rows < 2) return;
  pl_canvas_text(canvas, area.y + 1, area.x, NAME, PL_STYLE_LABEL, "whole run");
  const double all = fraction_of(state->step, state->steps);
  char elapsed[WORD];
  pl_words_duration(eta, sizeof eta, over ? NAN : state->eta);
  pl_words_duration(elapsed, sizeof elapsed, state->elapsed);
  if (isfinite(all)) {
    snprintf(text, sizeof text, "%.0f%%   %s gone%s%s", 100.0 * all, elapsed, over ? "" : "   left ", over ? "" : eta);
  } else {
    snprintf(text, sizeof text, "-");
  }
  pl_bar_draw(canvas, area.y + 1, area.x + NAME, bar_cols, all, text);
  if (area.rows >= 3) draw_numbers(canvas, (pl_area){area.y + 2, area.x, 1, area.cols}, run);
}

enum { EPOCH, TRAIN_LOSS, VALID_LOSS, DICE_BATCH, DICE, DICE_POS, NOTHING, RATE, SPEED, EPOCH_COLUMNS };

// The table's columns: the fixed ones, and where there is room a column for each term of the training loss.
typedef struct epoch_columns {
  const pl_journal_view *journal;
  pl_table_column columns[EPOCH_COLUMNS + PL_LOSS_TERMS];
  pl_loss_term terms[PL_LOSS_TERMS];
  char titles[PL_LOSS_TERMS][WORD];  // "dice loss", since dice alone is a score
  int count;
} epoch_columns;

static pl_style epoch_cell(const void *context, size_t row, size_t column, char text[PL_TABLE_CELL_SIZE]) {
  const epoch_columns *self = context;
  const pl_epoch_record *record = &self->journal->epochs[self->journal->epoch_count - 1 - row];
  switch (column) {
    case EPOCH: snprintf(text, PL_TABLE_CELL_SIZE, "%" PRId64 "%s", record->epoch, record->best ? "*" : " "); break;
    case TRAIN_LOSS: pl_words_number(text, PL_TABLE_CELL_SIZE, record->train_loss); break;
    case VALID_LOSS: pl_words_number(text, PL_TABLE_CELL_SIZE, record->valid_loss); break;
    case DICE_BATCH: pl_words_score(text, PL_TABLE_CELL_SIZE, record->dice_batch); break;
    case DICE: pl_words_score(text, PL_TABLE_CELL_SIZE, record->dice); break;
    case DICE_POS: pl_words_score(text, PL_TABLE_CELL_SIZE, record->dice_pos); break;
    case NOTHING: pl_words_score(text, PL_TABLE_CELL_SIZE, record->nothing); break;
    case RATE: pl_words_number(text, PL_TABLE_CELL_SIZE, record->learning_rate); break;
    case SPEED: pl_words_number(text, PL_TABLE_CELL_SIZE, record->images_per_second); break;
    default: pl_words_number(text, PL_TABLE_CELL_SIZE, record->train_terms[self->terms[column - EPOCH_COLUMNS]]); break;
  }
  if (column == NOTHING) return PL_STYLE_DIM;
  return record->best && column == EPOCH ? PL_STYLE_GOOD : PL_STYLE_NORMAL;
}

// All terms that the newest epoch has, or none when they do not fit.
static void add_terms(epoch_columns *self, int cols) {
  const pl_journal_view *journal = self->journal;
  if (journal->epoch_count == 0) return;
  for (int i = 0; i < self->count; i++) cols -= self->columns[i].cols + 1;
  for (int i = 0; i < PL_LOSS_TERMS; i++) {
    if (isnan(journal->epochs[journal->epoch_count - 1].train_terms[i])) continue;
    snprintf(self->titles[i], WORD, "%s loss", pl_loss_term_name((pl_loss_term)i));
    const int wide = pl_text_columns(self->titles[i]);
    self->terms[self->count - EPOCH_COLUMNS] = (pl_loss_term)i;
    self->columns[self->count++] = (pl_table_column){.title = self->titles[i], .cols = wide, .right = true};
    cols -= wide + 1;
  }
  if (cols < 0) self->count = EPOCH_COLUMNS;
}

static void draw_epochs(const pl_train *self, const pl_canvas *canvas, pl_area area, const pl_run_view *run) {
  epoch_columns columns = {.journal = &run->journal,
                           .count = EPOCH_COLUMNS,
                           .columns = {
                               [EPOCH] = {.title = "epoch ", .cols = 6, .right = true},
                               [TRAIN_LOSS] = {.title = "train", .cols = 8, .right = true},
                               [VALID_LOSS] = {.title = "valid", .cols = 8, .right = true},
                               [DICE_BATCH] = {.title = "dice_batch", .cols = 10, .right = true},
                               [DICE] = {.title = "dice", .cols = 7, .right = true},
                               [DICE_POS] = {.title = "dice_pos", .cols = 8, .right = true},
                               [NOTHING] = {.title = "nothing", .cols = 7, .right = true},
                               [RATE] = {.title = "rate", .cols = 9, .right = true},
                               [SPEED] = {.title = "img/s", .cols = 6, .right = true},
                           }};
  add_terms(&columns, area.cols);
  const pl_table_view view = {.columns = columns.columns,
                              .column_count = (size_t)columns.count,
                              .sorted = -1,
                              .cell = epoch_cell,
                              .context = &columns};
  pl_table_draw(&self->epochs, canvas, area, &view);
  if (run->journal.epoch_count > 0 || area.rows < 2) return;
  const double share = self->app->model->journal_share;
  if (isfinite(share)) {
    pl_canvas_printf(canvas, area.y + 1, area.x + 1, area.cols - 1, PL_STYLE_DIM, "reading the journal ... %.0f %%",
                     100 * share);
  } else {
    pl_canvas_text(canvas, area.y + 1, area.x + 1, area.cols - 1, PL_STYLE_DIM, "no epoch has been evaluated yet");
  }
}

// The core's last words; screen Log has all of them.
static void draw_log(const pl_canvas *canvas, pl_area area, const pl_run_view *run) {
  if (area.rows < 2) return;
  pl_canvas_fill(canvas, (pl_area){area.y, area.x, 1, area.cols}, PL_STYLE_HEAD);
  pl_canvas_text(canvas, area.y, area.x, area.cols, PL_STYLE_HEAD, "log");
  const size_t rows = (size_t)area.rows - 1, first = run->log_count > rows ? run->log_count - rows : 0;
  for (size_t i = first; i < run->log_count; i++) {
    // The day is known; the time and the words need the room.
    const char *line = run->log[i], *space = strchr(line, ' ');
    const bool dated = space != NULL && space - line == 10 && line[4] == '-' && line[7] == '-';
    pl_canvas_text(canvas, area.y + 1 + (int)(i - first), area.x, area.cols, PL_STYLE_DIM, dated ? space + 1 : line);
  }
  if (run->log_count == 0)
    pl_canvas_text(canvas, area.y + 1, area.x, area.cols, PL_STYLE_DIM, "it has said nothing yet");
}

static void draw_run(const pl_train *self, const pl_canvas *canvas, pl_area body, const pl_run_view *run) {
  const pl_train_layout layout = pl_train_layout_of(self);
  (void)body;
  pl_area row = {layout.header.y, layout.header.x + 1, 1, layout.header.cols - 2};
  if (layout.header.rows > 0) draw_title(self, canvas, row, run);
  row.y++;
  if (layout.header.rows > 1) draw_options(canvas, row, run);
  row.y++;
  if (layout.header.rows > 2) draw_note(self, canvas, row, run);
  draw_bars(canvas, (pl_area){layout.bars.y, layout.bars.x + 1, layout.bars.rows, layout.bars.cols - 2}, run);
  for (int i = 0; i < layout.chart_count; i++) {
    pl_canvas_vline(canvas, layout.borders[i], PL_STYLE_DIM);
    pl_pane_draw(&self->panes[i], canvas, layout.charts[i]);
    if (self->previews_at == i) pl_preview_strip_draw(self->previews, canvas, layout.charts[i]);
  }
  draw_epochs(self, canvas, (pl_area){layout.table.y, layout.table.x + 1, layout.table.rows, layout.table.cols - 2},
              run);
  draw_log(canvas, layout.log, run);
}

static void draw(const pl_app *app, const void *data, const pl_canvas *canvas, pl_area body) {
  const pl_train *self = data;
  if (form_shown(self)) {
    pl_train_draw_form(self, canvas);
  } else if (app->model->run != NULL) {
    draw_run(self, canvas, body, app->model->run);
  } else {
    const pl_area box = pl_layout_centre(body, 4, 66);
    pl_canvas_wrapped(canvas, box, PL_STYLE_NORMAL,
                      "There is no run yet, and there are no cases to train on. :import FOLDER brings some.");
    if (app->model->run_problem[0] != '\0') {
      pl_canvas_text(canvas, box.y + 4, box.x, body.cols - 4, PL_STYLE_BAD, app->model->run_problem);
    }
  }
}

static pl_key_result key_pressed(pl_app *app, void *data, int key) {
  (void)app;
  pl_train *self = data;
  if (!form_shown(self) || !self->form_filled) return PL_KEY_IGNORED;
  const bool handled = pl_form_key(&self->form, key);
  pl_train_ask_plan(self);
  return handled ? PL_KEY_HANDLED : PL_KEY_IGNORED;
}

static void mouse(pl_app *app, void *data, const pl_mouse *event) {
  pl_train *self = data;
  const bool wheel = event->kind == PL_MOUSE_WHEEL_UP || event->kind == PL_MOUSE_WHEEL_DOWN;
  if (!form_shown(self) && pl_train_mouse_charts(self, event)) return;
  if (wheel && event->kind == PL_MOUSE_WHEEL_UP) pl_train_up(app, "");
  if (wheel && event->kind == PL_MOUSE_WHEEL_DOWN) pl_train_down(app, "");
}

const pl_screen pl_screen_train = {
    .name = "train",
    .title = "Train",
    .digit = "4",
    .open = open_screen,
    .close = close_screen,
    .changed = changed,
    .draw = draw,
    .key = key_pressed,
    .mouse = mouse,
};
