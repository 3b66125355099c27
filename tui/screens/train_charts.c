#include <math.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "tui/chart.h"
#include "tui/screens/train_private.h"
#include "viewers/colormap.h"

enum { LOSS, DICE, SERIES_MAX = 3 };

// Everything that a job needs and gives, by value; the labels are static.
typedef struct chart_job {
  pl_train *self;  // the owner; not touched by the worker
  int which;
  pl_curve_series series[SERIES_MAX];
  pl_curve_reference reference;
  pl_curve_chart chart;
  pl_picture_format format;
  pl_area area;
  uint64_t serial;
  pl_picture picture;
  pl_status status;
} chart_job;

static void job_free(chart_job *job) {
  for (int i = 0; i < SERIES_MAX; i++) free((void *)job->series[i].points);
  pl_picture_clear(&job->picture);
  free(job);
}

static void work(void *data) {
  chart_job *job = data;
  job->status = pl_chart_make(&job->picture, &job->chart, &job->format, job->area, job->serial, NULL);
}

static void ask(pl_train *self, int which);

static void done(void *owner, void *data) {
  chart_job *job = data;
  pl_train *self = job->self;
  pl_train_chart *chart = owner;
  chart->busy = false;
  if (job->status == PL_OK) {
    pl_picture_clear(&chart->picture);
    chart->picture = job->picture;
    chart->area = job->area;
    job->picture = (pl_picture){0};
  }
  const int which = job->which;
  job_free(job);
  if (chart->wanted_again) ask(self, which);
}

static void drop(void *data) { job_free(data); }

static void add_series(chart_job *job, const char *label, pl_curve_point *points, size_t count) {
  const size_t at = job->chart.series_count++;
  job->series[at] = (pl_curve_series){.label = label, .colour = pl_colour_series(at), .points = points, .count = count};
}

// Steps of an epoch, to show steps on an axis of epochs; 0 when unknown.
static double steps_per_epoch(const pl_run_view *run) {
  if (run->state.steps > 0 && run->state.epochs > 0) return (double)run->state.steps / (double)run->state.epochs;
  for (size_t i = run->journal.epoch_count; i-- > 0;) {
    const pl_epoch_record *record = &run->journal.epochs[i];
    if (record->epoch > 0 && record->step > 0) return (double)record->step / (double)record->epoch;
  }
  return 0.0;
}

static pl_curve_point *epoch_points(const pl_run_view *run, double (*value)(const pl_epoch_record *record)) {
  const size_t count = run->journal.epoch_count;
  pl_curve_point *points = pl_xcalloc(count > 0 ? count : 1, sizeof *points);
  for (size_t i = 0; i < count; i++) {
    const pl_epoch_record *record = &run->journal.epochs[i];
    points[i] = (pl_curve_point){(double)record->epoch, value(record)};
  }
  return points;
}

// Without the untrained network's, which says nothing and would flatten all that follows.
static double valid_loss(const pl_epoch_record *r) { return r->epoch > 0 ? r->valid_loss : (double)NAN; }

static double train_loss(const pl_epoch_record *r) { return r->train_loss; }

static double dice_batch(const pl_epoch_record *r) { return r->dice_batch; }

static double dice(const pl_epoch_record *r) { return r->dice; }

static double dice_pos(const pl_epoch_record *r) { return r->dice_pos; }

static void fill_loss(chart_job *job, const pl_run_view *run) {
  const double per_epoch = steps_per_epoch(run);
  const size_t count = per_epoch > 0.0 ? run->journal.step_count : 0;
  pl_curve_point *points = pl_xcalloc(count > 0 ? count : 1, sizeof *points);
  for (size_t i = 0; i < count; i++) {
    const pl_step_record *record = &run->journal.steps[i];
    points[i] = (pl_curve_point){(double)record->step / per_epoch, record->loss};
  }
  job->chart.title = "loss";
  add_series(job, "batch", points, count);
  add_series(job, "train", epoch_points(run, train_loss), run->journal.epoch_count);
  add_series(job, "valid", epoch_points(run, valid_loss), run->journal.epoch_count);
  // Both charts begin at epoch 0, so that they can be read one below the other.
  job->chart.x_range_set = count > 0;
  job->chart.x_max = count > 0 ? (double)run->journal.steps[count - 1].step / per_epoch : 0.0;
}

static void fill_dice(chart_job *job, const pl_run_view *run) {
  const size_t count = run->journal.epoch_count;
  job->chart.title = "dice";
  add_series(job, "dice_batch", epoch_points(run, dice_batch), count);
  add_series(job, "dice", epoch_points(run, dice), count);
  add_series(job, "dice_pos", epoch_points(run, dice_pos), count);
  job->reference = (pl_curve_reference){"nothing", count > 0 ? run->journal.epochs[count - 1].nothing : NAN};
  job->chart.references = &job->reference;
  job->chart.reference_count = 1;
  // Scores always on the same scale, so that runs can be compared by looking.
  job->chart.y_range_set = true;
  job->chart.y_min = 0.0;
  job->chart.y_max = 1.0;
}

static void ask(pl_train *self, int which) {
  pl_app *app = self->app;
  pl_train_chart *chart = &self->charts[which];
  const pl_run_view *run = app->model->run;
  const pl_area area = pl_layout_train(pl_app_body(app)).charts[which];
  if (run == NULL || pl_area_empty(area) || app->format.graphics == PL_GRAPHICS_NONE) return;
  chart->wanted_again = chart->busy;
  if (chart->busy) return;
  chart->busy = true;
  chart_job *job = pl_xcalloc(1, sizeof *job);
  job->self = self;
  job->which = which;
  job->format = app->format;
  job->area = area;
  job->serial = ++app->next_serial;
  job->chart = (pl_curve_chart){.x_label = "epoch", .series = job->series};
  if (which == LOSS) {
    fill_loss(job, run);
  } else {
    fill_dice(job, run);
  }
  pl_jobs_submit(app->jobs, &(pl_job){.work = work, .done = done, .drop = drop, .owner = chart, .data = job});
}

void pl_train_ask_charts(pl_train *self) {
  ask(self, LOSS);
  ask(self, DICE);
}

void pl_train_forget_charts(pl_train *self) {
  for (int i = 0; i < PL_TRAIN_CHARTS; i++) {
    pl_jobs_cancel(self->app->jobs, &self->charts[i]);
    pl_picture_clear(&self->charts[i].picture);
    self->charts[i] = (pl_train_chart){0};
  }
}
