// The Case screen's predictions: which run's, which epoch's, above which threshold.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/run/find.h"
#include "core/run/rundir.h"
#include "tui/prediction.h"
#include "tui/screens/case_private.h"
#include "tui/screens/data.h"
#include "tui/words.h"
#include "viewers/colormap.h"

enum { NARROW = 100 };  // columns

static const double threshold_step = 0.01;

bool pl_case_has_prediction(const pl_case_screen *self) { return self->predictions.count > 0; }

int64_t pl_case_epoch(const pl_case_screen *self) {
  const pl_case_predictions *p = &self->predictions;
  return p->count > 0 ? p->epochs[p->at] : 0;
}

// ---- What there is

static void forget_epochs(pl_case_predictions *p) {
  free(p->epochs);
  p->epochs = NULL;
  p->count = p->at = 0;
}

void pl_case_clear_predictions(pl_case_screen *self) {
  pl_case_predictions *p = &self->predictions;
  forget_epochs(p);
  pl_previews_clear(&p->previews);
  free(p->chosen);
  free(p->run);
  *p = (pl_case_predictions){.newest = true};
}

static const char *wanted_run(const pl_case_screen *self) {
  const pl_tui_model *model = self->app->model;
  if (self->predictions.chosen != NULL) return self->predictions.chosen;
  return model->selected < model->run_count ? model->runs[model->selected] : NULL;
}

// Another run begins with its newest epoch.
static void take_run(pl_case_screen *self, const char *run) {
  pl_case_predictions *p = &self->predictions;
  const bool same = run == NULL || p->run == NULL ? run == p->run : strcmp(run, p->run) == 0;
  if (!same) {
    pl_previews_clear(&p->previews);
    free(p->run);
    p->run = run != NULL ? pl_xstrdup(run) : NULL;
    p->newest = true;
    p->has_pinned = false;
    p->planned = -1;
    pl_case_view_run(self->view, run);
  }
  pl_run_state state;
  if (run != NULL && pl_run_state_load(&state, run, NULL) == PL_OK) p->planned = state.epochs;
}

static size_t newest_of(const pl_case_predictions *p) { return pl_prediction_newest(p->epochs, p->count); }

// The same epoch as before, or the one before it when it has gone.
static size_t place_of(const pl_case_predictions *p, int64_t epoch) {
  if (epoch == PL_PREDICTION_EVALUATION) return p->count - 1;
  size_t at = 0;
  while (at + 1 < p->count && p->epochs[at + 1] != PL_PREDICTION_EVALUATION && p->epochs[at + 1] <= epoch) at++;
  return at;
}

// Of the case that is shown; before the first was read, of the one that will be.
static const char *id_of(const pl_case_screen *self) {
  const pl_case_file *file = pl_case_view_file(self->view);
  const pl_case *selected = pl_data_selected(self->app);
  if (file != NULL) return file->id;
  return selected != NULL ? selected->id : NULL;
}

bool pl_case_find_predictions(pl_case_screen *self) {
  pl_case_predictions *p = &self->predictions;
  const char *id = id_of(self);
  if (id == NULL) return false;
  const int64_t before = p->count > 0 ? p->epochs[p->at] : INT64_MIN;
  const size_t count_before = p->count;
  take_run(self, wanted_run(self));
  forget_epochs(p);
  p->problem[0] = '\0';
  pl_error err = {0};
  pl_status status = PL_OK;
  if (p->run == NULL) {
    status = pl_fail(&err, PL_E_NOTFOUND, "there is no run yet, so nothing is predicted; S on screen Train starts one");
  }
  if (status == PL_OK) status = pl_previews_update(&p->previews, p->run, NULL, &err);
  if (status == PL_OK) status = pl_prediction_list(&p->epochs, &p->count, &p->previews, p->run, id, &err);
  if (status != PL_OK) {
    pl_safe_text(p->problem, sizeof p->problem, err.message, strlen(err.message));
  } else {
    p->at = p->newest ? newest_of(p) : place_of(p, p->wanted);
  }
  return p->count != count_before || (p->count > 0 && p->epochs[p->at] != before);
}

// Looks for predictions; when there are none says why.
static bool find_or_say(pl_case_screen *self) {
  pl_case_find_predictions(self);
  if (pl_case_has_prediction(self)) return true;
  const char *problem = self->predictions.problem;
  pl_app_say(self->app, "%s", problem[0] != '\0' ? problem : "no case is shown");
  self->app->message_bad = true;
  return false;
}

// ---- Commands

static void show(pl_case_screen *self, pl_case_shows shows) {
  if (shows != PL_CASE_TRUTH && !find_or_say(self)) return;
  self->shows = shows;
  self->mask = true;
  pl_app_say(self->app, "%s", pl_case_shows_name(shows));
  pl_case_redraw(self);
}

void pl_case_show(pl_app *app, const char *args) {
  pl_case_screen *self = pl_case_self(app);
  pl_case_shows shows = (self->shows + 1) % PL_CASE_SHOWS_COUNT;
  if (args[0] == '\0' || pl_case_shows_parse(&shows, args)) {
    show(self, shows);
    return;
  }
  pl_app_say(app, "show takes truth, prediction, difference or probability, not '%s'", args);
  app->message_bad = true;
}

// What is about predictions shows one.
static bool show_prediction(pl_case_screen *self) {
  if (!find_or_say(self)) return false;
  if (self->shows == PL_CASE_TRUTH) self->shows = PL_CASE_PREDICTION;
  self->mask = true;
  return true;
}

static void go_to(pl_case_screen *self, size_t at) {
  pl_case_predictions *p = &self->predictions;
  p->at = at;
  p->wanted = p->epochs[at];
  p->newest = at == newest_of(p);
  pl_case_redraw(self);
}

static void step(pl_app *app, int delta) {
  pl_case_screen *self = pl_case_self(app);
  pl_case_predictions *p = &self->predictions;
  const bool showed = self->shows != PL_CASE_TRUTH;
  if (!show_prediction(self)) return;
  if (!showed) {
    // From the truth the first step only shows where one is.
    pl_case_redraw(self);
  } else if (delta < 0 && p->at == 0) {
    pl_app_say(app, "this is the first epoch that was predicted");
  } else if (delta > 0 && p->at + 1 == p->count) {
    pl_app_say(app, "this is the newest; a newer one appears by itself");
  } else {
    go_to(self, delta > 0 ? p->at + 1 : p->at - 1);
  }
}

void pl_case_epoch_previous(pl_app *app, const char *args) { (void)args, step(app, -1); }

void pl_case_epoch_next(pl_app *app, const char *args) { (void)args, step(app, 1); }

void pl_case_go_epoch(pl_app *app, const char *args) {
  pl_case_screen *self = pl_case_self(app);
  pl_case_predictions *p = &self->predictions;
  int64_t epoch = 0;
  const bool evaluation = strcmp(args, "evaluation") == 0, newest = strcmp(args, "newest") == 0;
  if (evaluation) epoch = PL_PREDICTION_EVALUATION;
  if (!evaluation && !newest && (!pl_parse_i64(&epoch, args, strlen(args)) || epoch < 0)) {
    pl_app_say(app, "epoch takes a number from 0, 'newest' or 'evaluation', not '%s'", args);
    app->message_bad = true;
    return;
  }
  if (!find_or_say(self)) return;
  const size_t at = newest ? newest_of(p) : place_of(p, epoch);
  if (!newest && p->epochs[at] != epoch) {
    pl_app_say(app, evaluation ? "this case was not evaluated" : "epoch %s was not predicted", args);
    app->message_bad = true;
  } else if (show_prediction(self)) {
    go_to(self, at);
  }
}

void pl_case_pin(pl_app *app, const char *args) {
  (void)args;
  pl_case_screen *self = pl_case_self(app);
  pl_case_predictions *p = &self->predictions;
  if (!show_prediction(self)) return;
  char words[64];
  p->has_pinned = !p->has_pinned || p->pinned != p->epochs[p->at];
  p->pinned = p->epochs[p->at];
  pl_prediction_words(words, sizeof words, p->pinned, p->planned);
  pl_app_say(app, p->has_pinned ? "%s is what v and b compare with" : "%s is no longer compared with", words);
  pl_case_redraw(self);
}

static void set_threshold(pl_case_screen *self, double threshold) {
  if (!show_prediction(self)) return;
  self->threshold = fmin(1, fmax(0, round(threshold / threshold_step) * threshold_step));
  pl_case_redraw(self);
}

void pl_case_threshold_lower(pl_app *app, const char *args) {
  (void)args;
  set_threshold(pl_case_self(app), pl_case_self(app)->threshold - threshold_step);
}

void pl_case_threshold_higher(pl_app *app, const char *args) {
  (void)args;
  set_threshold(pl_case_self(app), pl_case_self(app)->threshold + threshold_step);
}

void pl_case_threshold(pl_app *app, const char *args) {
  double threshold = 0;
  if (pl_parse_double(&threshold, args, strlen(args)) && threshold >= 0 && threshold <= 1) {
    set_threshold(pl_case_self(app), threshold);
    return;
  }
  pl_app_say(app, "threshold takes a probability from 0 to 1, not '%s'", args);
  app->message_bad = true;
}

void pl_case_open_prediction(pl_app *app, const char *id, int64_t epoch, bool newest) {
  pl_case_screen *self = pl_case_self(app);
  pl_case_predictions *p = &self->predictions;
  free(p->chosen);
  p->chosen = NULL;
  take_run(self, wanted_run(self));
  if (self->shows == PL_CASE_TRUTH) self->shows = PL_CASE_DIFFERENCE;
  self->mask = true;
  p->wanted = epoch;
  p->newest = newest;
  pl_case_enter(app, id);
  pl_case_find_predictions(self);
  pl_case_redraw(self);
}

void pl_case_prediction(pl_app *app, const char *args) {
  pl_case_screen *self = pl_case_self(app);
  pl_case_predictions *p = &self->predictions;
  char *folder = NULL;
  pl_error err = {0};
  if (app->model->workspace == NULL) {
    pl_app_say(app, "there is no workspace here, so there are no runs");
    return;
  }
  if (args[0] != '\0' && pl_run_find(&folder, app->model->workspace, args, &err) != PL_OK) {
    pl_app_complain(app, &err);
    return;
  }
  free(p->chosen);
  p->chosen = folder;  // NULL: the workbench's run again
  if (!show_prediction(self)) return;
  pl_app_say(app, "predictions of %s", pl_path_base(p->run));
  pl_case_redraw(self);
}

// ---- Drawing

static int draw_swatches(const pl_canvas *canvas, int y, int x, int right, pl_colour_depth colours) {
  static const struct {
    pl_colour colour;
    const char *word;
  } parts[] = {{PL_COLOUR_HIT, "hit"}, {PL_COLOUR_FALSE_ALARM, "false alarm"}, {PL_COLOUR_MISSED, "missed"}};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    const int cols = 3 + pl_text_columns(parts[i].word);
    pl_cells cells = {0};
    pl_bitmap square = {0};
    if (x + cols > right || pl_bitmap_init(&square, 1, 2, NULL) != PL_OK) return x;
    pl_bitmap_fill(&square, pl_colour_rgb(parts[i].colour));
    if (pl_blocks(&cells, &square, colours, canvas->utf8, NULL) == PL_OK) {
      pl_canvas_cells(canvas, (pl_area){y, x, 1, 1}, &cells);
    }
    pl_cells_clear(&cells);
    pl_bitmap_clear(&square);
    pl_canvas_text(canvas, y, x + 2, right - x - 2, PL_STYLE_DIM, parts[i].word);
    x += cols;
  }
  return x;
}

// "truth | " before what is right of it, when the screen is split or blinks.
static void words_beside(char *out, size_t size, const pl_case_screen *self) {
  const pl_case_predictions *p = &self->predictions;
  char other[64] = "truth";
  out[0] = '\0';
  if (!self->split && !self->blink) return;
  if (p->has_pinned) pl_prediction_words(other, sizeof other, p->pinned, p->planned);
  snprintf(out, size, self->split ? "%s | " : "%s / ", other);
}

void pl_case_draw_prediction(const pl_case_screen *self, const pl_canvas *canvas, pl_area row) {
  const pl_case_predictions *p = &self->predictions;
  const pl_case_result *result = pl_case_view_result(self->view, PL_CASE_MAIN);
  int x = row.x + 1;
  const int right = row.x + row.cols;
  if (p->count == 0) {
    pl_canvas_text(canvas, row.y, x, right - x, PL_STYLE_WARN, p->problem);
    return;
  }
  char epoch[64], beside[80], dice[32];
  pl_prediction_words(epoch, sizeof epoch, p->epochs[p->at], p->planned);
  words_beside(beside, sizeof beside, self);
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_STRONG, "%s%s, %s", beside,
                        pl_case_shows_name(self->shows), epoch);
  // The workbench's run stands in the status bar too.
  if (p->chosen != NULL || row.cols >= NARROW) {
    x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, " of %s", pl_path_base(p->run));
  }
  x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_NORMAL, "  p > %.2f  ", self->threshold);
  if (result->status == PL_OK && result->compared) {
    pl_words_score(dice, sizeof dice, pl_agreement_dice(&result->agreement));
    x += pl_canvas_printf(canvas, row.y, x, right - x, PL_STYLE_STRONG, "dice %s  ", dice);
  } else if (result->status == PL_OK && result->width > 0) {
    x += pl_canvas_text(canvas, row.y, x, right - x, PL_STYLE_DIM, "no label to compare with  ");
  }
  // Where pictures are pixels the legend is in them.
  const pl_picture_format *format = &self->app->format;
  if (self->shows == PL_CASE_DIFFERENCE && format->graphics == PL_GRAPHICS_BLOCKS) {
    draw_swatches(canvas, row.y, x, right, format->colours);
  }
}
