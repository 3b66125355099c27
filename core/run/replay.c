#include "core/run/replay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum { LOG_MAX = 16 << 20, LOG_LINE_MAX = 512, STAMP_LENGTH = 19 };

struct pl_replay {
  const pl_run_view *whole;
  pl_run_view shown;
  double first, last, time;
  char **lines;  // of core.log, safe to print
  double *line_times;
  size_t line_count, line_room;
};

// ---- The log

// "2026-11-23 12:00:50" in front of a line, in local time; NAN when there is none.
static double stamp_of(const char *line) {
  struct tm parts = {.tm_isdst = -1};
  const char *end = strptime(line, "%Y-%m-%d %H:%M:%S", &parts);
  return end == line + STAMP_LENGTH ? (double)mktime(&parts) : (double)NAN;
}

static void add_line(pl_replay *r, const char *line, size_t length) {
  if (r->line_count == r->line_room) {
    r->line_room = r->line_room > 0 ? 2 * r->line_room : 256;
    r->lines = pl_xrealloc(r->lines, r->line_room, sizeof *r->lines);
    r->line_times = pl_xrealloc(r->line_times, r->line_room, sizeof *r->line_times);
  }
  char safe[LOG_LINE_MAX];
  (void)pl_safe_text(safe, sizeof safe, line, length);
  const double time = stamp_of(safe);
  // A line without a time belongs to the one before.
  const double before = r->line_count > 0 ? r->line_times[r->line_count - 1] : r->first;
  r->line_times[r->line_count] = isnan(time) ? before : time;
  r->lines[r->line_count++] = pl_xstrdup(safe);
}

// A log that is too long or cannot be read is left out.
static void read_log(pl_replay *r) {
  char *path = pl_path_join(r->whole->folder, "core.log");
  pl_buf text;
  pl_buf_init(&text, LOG_MAX);
  if (pl_fs_read(&text, path, NULL) == PL_OK) {
    for (const char *at = text.data, *end = text.data + text.length; at < end;) {
      const char *next = memchr(at, '\n', (size_t)(end - at));
      if (next == NULL) next = end;
      add_line(r, at, (size_t)(next - at));
      at = next + 1;
    }
  }
  pl_buf_clear(&text);
  free(path);
}

static void show_log(pl_replay *r) {
  size_t count = 0;
  // Lines have whole seconds.
  while (count < r->line_count && r->line_times[count] <= floor(r->time)) count++;
  if (pl_replay_is_over(r)) count = r->line_count;
  const size_t shown = count < PL_WATCH_LOG_LINES ? count : PL_WATCH_LOG_LINES;
  r->shown.log = (const char *const *)r->lines + (count - shown);
  r->shown.log_count = shown;
}

// ---- The state

// Whether the last word on it was that it shall rest.
static bool is_paused(const pl_journal_view *j) {
  bool paused = false;
  for (size_t i = 0; i < j->message_count; i++) {
    const pl_message_record *m = &j->messages[i];
    if (m->kind == PL_MESSAGE_ACT && pl_begins_with(m->text, "pause (")) paused = true;
    if ((m->kind == PL_MESSAGE_ACT && pl_begins_with(m->text, "resume (")) || m->kind == PL_MESSAGE_RESUME) {
      paused = false;
    }
  }
  return paused;
}

// An epoch whose steps are all done is evaluated next, and so is the untrained network before the first step.
static bool is_evaluating(const pl_journal_view *j, const pl_journal_view *all) {
  const int64_t evaluated = j->epoch_count > 0 ? j->epochs[j->epoch_count - 1].epoch : -1;
  if (j->step_count == 0) return evaluated < 0 && all->epoch_count > 0 && all->epochs[0].epoch == 0;
  const int64_t epoch = j->steps[j->step_count - 1].epoch;
  const bool last = j->step_count == all->step_count || all->steps[j->step_count].epoch > epoch;
  return last && evaluated < epoch;
}

static pl_phase phase_of(const pl_replay *r) {
  const pl_journal_view *j = &r->shown.journal, *all = &r->whole->journal;
  if (pl_replay_is_over(r)) return r->whole->state.phase;
  if (is_paused(j)) return PL_PHASE_PAUSED;
  if (is_evaluating(j, all)) return PL_PHASE_EVALUATING;
  return j->step_count + j->epoch_count > 0 ? PL_PHASE_TRAINING : PL_PHASE_STARTING;
}

// How many of an epoch's steps had been done, and how many there are in all.
static void count_steps(pl_run_state *s, const pl_journal_view *j, const pl_journal_view *all, int64_t epoch) {
  s->epoch_step = s->epoch_steps = 0;
  for (size_t i = j->step_count; i > 0 && j->steps[i - 1].epoch == epoch; i--) s->epoch_step++;
  s->epoch_steps = s->epoch_step;
  for (size_t i = j->step_count; i < all->step_count && all->steps[i].epoch == epoch; i++) s->epoch_steps++;
}

static void take_best(pl_run_state *s, const pl_journal_view *j, const pl_run_info *info) {
  s->best = (double)NAN;
  s->best_epoch = -1;
  for (size_t i = 0; i < j->epoch_count; i++) {
    const pl_epoch_record *e = &j->epochs[i];
    if (!e->best) continue;
    const char *by = info != NULL ? info->config.best_by : "";
    s->best = strcmp(by, "dice") == 0         ? e->dice
              : strcmp(by, "dice_pos") == 0   ? e->dice_pos
              : strcmp(by, "dice_image") == 0 ? e->dice_image
                                              : e->dice_batch;
    s->best_epoch = e->epoch;
  }
}

static void make_state(pl_replay *r) {
  const pl_run_state *now = &r->whole->state;
  const pl_journal_view *j = &r->shown.journal;
  pl_run_state *s = &r->shown.state;
  *s = *now;
  if (pl_replay_is_over(r)) return;
  s->phase = phase_of(r);
  s->phase_done = s->phase_total = s->exit_code = -1;
  s->step = s->epoch = s->epoch_step = s->epoch_steps = -1;
  s->loss = s->learning_rate = s->images_per_second = s->elapsed = (double)NAN;
  s->last_error[0] = s->message[0] = '\0';
  s->eta = r->last - r->time;
  take_best(s, j, r->whole->info);
  if (j->epoch_count > 0) s->epoch = j->epochs[j->epoch_count - 1].epoch;
  if (j->step_count > 0) {
    const pl_step_record *step = &j->steps[j->step_count - 1];
    s->step = step->step;
    s->epoch = step->epoch;
    s->loss = step->loss_mean;
    s->learning_rate = step->learning_rate;
    s->images_per_second = step->images_per_second;
    s->elapsed = step->active;
    count_steps(s, j, &r->whole->journal, step->epoch);
  }
}

// ---- Going

static double earliest(const pl_journal_view *j) {
  double first = j->step_count > 0 ? j->steps[0].time : (double)INFINITY;
  if (j->epoch_count > 0) first = fmin(first, j->epochs[0].time);
  if (j->message_count > 0) first = fmin(first, j->messages[0].time);
  return first;
}

static double latest(const pl_journal_view *j) {
  double last = j->step_count > 0 ? j->steps[j->step_count - 1].time : -(double)INFINITY;
  if (j->epoch_count > 0) last = fmax(last, j->epochs[j->epoch_count - 1].time);
  if (j->message_count > 0) last = fmax(last, j->messages[j->message_count - 1].time);
  return last;
}

pl_status pl_replay_open(pl_replay **out, const pl_run_view *whole, pl_error *err) {
  const double first = earliest(&whole->journal), last = latest(&whole->journal);
  if (!isfinite(first) || !isfinite(last)) return pl_fail(err, PL_E_NOTFOUND, "%s has no journal yet", whole->name);
  pl_replay *r = pl_xcalloc(1, sizeof *r);
  r->whole = whole;
  r->first = first;
  r->last = last;
  r->shown = *whole;
  r->shown.alive = PL_ALIVE_NO;
  read_log(r);
  pl_replay_go(r, first);
  *out = r;
  return PL_OK;
}

void pl_replay_close(pl_replay *r) {
  if (r == NULL) return;
  for (size_t i = 0; i < r->line_count; i++) free(r->lines[i]);
  free(r->lines);
  free(r->line_times);
  free(r);
}

double pl_replay_first(const pl_replay *r) { return r->first; }

double pl_replay_last(const pl_replay *r) { return r->last; }

double pl_replay_time(const pl_replay *r) { return r->time; }

bool pl_replay_is_over(const pl_replay *r) { return r->time >= r->last; }

void pl_replay_go(pl_replay *r, double time) {
  r->time = fmin(fmax(time, r->first), r->last);
  r->shown.journal = pl_journal_view_until(r->whole->journal, r->time);
  make_state(r);
  show_log(r);
}

double pl_replay_epoch(const pl_replay *r, int by) {
  const pl_journal_view *all = &r->whole->journal;
  double found = by < 0 ? r->first : r->last;
  for (size_t i = 0; i < all->epoch_count; i++) {
    const double time = all->epochs[i].time;
    if (by < 0 && time < r->time) found = time;
    if (by > 0 && time > r->time) return time;
  }
  return found;
}

const pl_run_view *pl_replay_view(const pl_replay *r) { return &r->shown; }
