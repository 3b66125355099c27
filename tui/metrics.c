#include "tui/metrics.h"

#include <math.h>
#include <string.h>

static const char *const axis_names[PL_AXES];

const char *pl_axis_name(pl_axis axis) { return axis_names[axis]; }

size_t pl_metric_find(const char *name) {
  size_t i = 0;
  while (i < pl_metric_count && strcmp(pl_metric_table[i].name, name) != 0) i++;
  return i;
}

void pl_run_curves_clear(pl_run_curves *curves) {
  for (size_t i = 0; i < PL_METRICS_MAX; i++) pl_curve_destroy(curves->of[i].curve);
  *curves = (pl_run_curves){0};
}

double pl_steps_per_epoch(const pl_run_state *state, const pl_journal_view *journal) {
  for (size_t i = journal->epoch_count; i-- > 0;) {
    const pl_epoch_record *record = &journal->epochs[i];
    if (record->epoch > 0 && record->step > 0) return (double)record->step / (double)record->epoch;
  }
  if (state->steps > 0 && state->epochs > 0) return (double)state->steps / (double)state->epochs;
  return 0;
}

// When the run began: the time of its first record, less what had been worked by then.
static double start_of(const pl_journal_view *journal) {
  double start = INFINITY;
  if (journal->step_count > 0) start = fmin(start, journal->steps[0].time - fmax(0, journal->steps[0].active));
  if (journal->epoch_count > 0) start = fmin(start, journal->epochs[0].time - fmax(0, journal->epochs[0].active));
  return start;
}

static double x_of(const pl_run_curves *curves, double step, double epoch, double time, double active) {
  switch (curves->axis) {
    case PL_AXIS_EPOCH: return epoch;
    case PL_AXIS_STEP: return step;
    case PL_AXIS_TIME: return time - curves->start;
    default: return active;
  }
}

static void feed(pl_run_curves *curves, size_t metric, const pl_journal_view *journal) {
  const pl_metric *m = &pl_metric_table[metric];
  pl_curve *curve = curves->of[metric].curve;
  const size_t count = m->step != NULL ? journal->step_count : journal->epoch_count;
  for (size_t i = curves->of[metric].fed; i < count; i++) {
    double x = 0, y = 0;
    if (m->step != NULL) {
      const pl_step_record *r = &journal->steps[i];
      const double epoch = curves->steps_per_epoch > 0 ? (double)r->step / curves->steps_per_epoch : (double)NAN;
      x = x_of(curves, (double)r->step, epoch, r->time, r->active);
      y = m->step(r, m->term);
      curves->of[metric].time = r->time;
    } else {
      const pl_epoch_record *r = &journal->epochs[i];
      x = x_of(curves, (double)r->step, (double)r->epoch, r->time, r->active);
      y = m->epoch(r, m->term);
      curves->of[metric].time = r->time;
    }
    if (isfinite(x) && (isfinite(y) || !m->rare)) pl_curve_append(curve, x, y);
  }
  curves->of[metric].fed = count;
}

// Whether what was taken is still what the journal tells: a resumed run forgets its last steps.
static bool is_stale(const pl_run_curves *curves, size_t metric, const pl_journal_view *journal) {
  const size_t fed = curves->of[metric].fed;
  const bool steps = pl_metric_table[metric].step != NULL;
  if (fed == 0) return false;
  if (fed > (steps ? journal->step_count : journal->epoch_count)) return true;
  return (steps ? journal->steps[fed - 1].time : journal->epochs[fed - 1].time) != curves->of[metric].time;
}

static void forget(pl_run_curves *curves, size_t metric) {
  if (curves->of[metric].curve != NULL) pl_curve_clear(curves->of[metric].curve);
  curves->of[metric].fed = 0;
}

const pl_curve *pl_run_curves_get(pl_run_curves *curves, size_t metric, const pl_curves_wanted *wanted) {
  const pl_journal_view *journal = wanted->journal;
  const double start = start_of(journal);
  if (curves->axis != wanted->axis || curves->steps_per_epoch != wanted->steps_per_epoch || curves->start != start ||
      curves->resumes != journal->resumes) {
    for (size_t i = 0; i < PL_METRICS_MAX; i++) forget(curves, i);
    curves->axis = wanted->axis;
    curves->steps_per_epoch = wanted->steps_per_epoch;
    curves->start = start;
    curves->resumes = journal->resumes;
  }
  if (curves->of[metric].curve == NULL) curves->of[metric].curve = pl_curve_create();
  if (is_stale(curves, metric, journal)) forget(curves, metric);
  pl_curve_smooth(curves->of[metric].curve, wanted->smoothing);
  feed(curves, metric, journal);
  return curves->of[metric].curve;
}

bool pl_metric_is_told(size_t metric, const pl_journal_view *journal) {
  enum { LOOK = 2048 };
  const pl_metric *m = &pl_metric_table[metric];
  const size_t count = m->step != NULL ? journal->step_count : journal->epoch_count;
  for (size_t i = 0; i < count; i++) {
    if (i == LOOK && count - i > LOOK) i = count - LOOK;
    if (isfinite(m->step != NULL ? m->step(&journal->steps[i], m->term) : m->epoch(&journal->epochs[i], m->term))) {
      return true;
    }
  }
  return false;
}

// ---- The values

static double step_loss(const pl_step_record *r, int term) { return (void)term, r->loss; }
static double step_term(const pl_step_record *r, int term) { return r->terms[term]; }
static double step_rate(const pl_step_record *r, int term) { return (void)term, r->learning_rate; }
static double step_norm(const pl_step_record *r, int term) { return (void)term, r->gradient_norm; }
static double step_speed(const pl_step_record *r, int term) { return (void)term, r->images_per_second; }
static double step_cpu(const pl_step_record *r, int term) { return (void)term, r->cpu; }
static double step_gpu(const pl_step_record *r, int term) { return (void)term, r->gpu; }
static double step_gpu_memory(const pl_step_record *r, int term) { return (void)term, r->gpu_memory; }
static double epoch_train(const pl_epoch_record *r, int term) { return (void)term, r->train_loss; }
static double epoch_dice_batch(const pl_epoch_record *r, int term) { return (void)term, r->dice_batch; }
static double epoch_dice(const pl_epoch_record *r, int term) { return (void)term, r->dice; }
static double epoch_dice_pos(const pl_epoch_record *r, int term) { return (void)term, r->dice_pos; }
static double epoch_dice_image(const pl_epoch_record *r, int term) { return (void)term, r->dice_image; }

// Without the untrained network's losses, which would flatten all that follows.
static double epoch_valid(const pl_epoch_record *r, int term) {
  (void)term;
  return r->epoch > 0 ? r->valid_loss : (double)NAN;
}
static double epoch_valid_term(const pl_epoch_record *r, int term) {
  return r->epoch > 0 ? r->valid_terms[term] : (double)NAN;
}

static const char *const axis_names[PL_AXES] = {
    [PL_AXIS_EPOCH] = "epoch", [PL_AXIS_STEP] = "step", [PL_AXIS_TIME] = "time", [PL_AXIS_ACTIVE] = "active"};

const pl_metric pl_metric_table[] = {
    {.name = "batch loss", .label = "batch", .chart = "loss", .step = step_loss},
    {.name = "train loss", .label = "train", .chart = "loss", .epoch = epoch_train},
    {.name = "valid loss", .label = "valid", .chart = "loss", .epoch = epoch_valid},
    {.name = "dice_batch", .label = "dice_batch", .chart = "dice", .share = true, .epoch = epoch_dice_batch},
    {.name = "dice", .label = "dice", .chart = "dice", .share = true, .epoch = epoch_dice},
    {.name = "dice_pos", .label = "dice_pos", .chart = "dice", .share = true, .epoch = epoch_dice_pos},
    {.name = "dice_image", .label = "dice_image", .chart = "dice", .share = true, .epoch = epoch_dice_image},
    {.name = "bce", .label = "bce", .chart = "terms", .term = PL_LOSS_BCE, .step = step_term},
    {.name = "dice loss", .label = "dice", .chart = "terms", .term = PL_LOSS_DICE, .step = step_term},
    {.name = "focal", .label = "focal", .chart = "terms", .term = PL_LOSS_FOCAL, .step = step_term},
    {.name = "jaccard", .label = "jaccard", .chart = "terms", .term = PL_LOSS_JACCARD, .step = step_term},
    {.name = "lovasz", .label = "lovasz", .chart = "terms", .term = PL_LOSS_LOVASZ, .step = step_term},
    {.name = "lovasz_sigmoid",
     .label = "lovasz_sigmoid",
     .chart = "terms",
     .term = PL_LOSS_LOVASZ_SIGMOID,
     .step = step_term},
    {.name = "valid bce", .label = "bce", .chart = "valid terms", .term = PL_LOSS_BCE, .epoch = epoch_valid_term},
    {.name = "valid dice loss",
     .label = "dice",
     .chart = "valid terms",
     .term = PL_LOSS_DICE,
     .epoch = epoch_valid_term},
    {.name = "valid focal", .label = "focal", .chart = "valid terms", .term = PL_LOSS_FOCAL, .epoch = epoch_valid_term},
    {.name = "valid jaccard",
     .label = "jaccard",
     .chart = "valid terms",
     .term = PL_LOSS_JACCARD,
     .epoch = epoch_valid_term},
    {.name = "valid lovasz",
     .label = "lovasz",
     .chart = "valid terms",
     .term = PL_LOSS_LOVASZ,
     .epoch = epoch_valid_term},
    {.name = "valid lovasz_sigmoid",
     .label = "lovasz_sigmoid",
     .chart = "valid terms",
     .term = PL_LOSS_LOVASZ_SIGMOID,
     .epoch = epoch_valid_term},
    {.name = "learning rate", .label = "rate", .chart = "learning rate", .step = step_rate},
    {.name = "images/s", .label = "images/s", .chart = "speed", .step = step_speed},
    {.name = "cpu", .label = "CPU", .chart = "load", .share = true, .rare = true, .step = step_cpu},
    {.name = "gpu", .label = "GPU", .chart = "load", .share = true, .rare = true, .step = step_gpu},
    {.name = "gpu memory",
     .label = "GPU memory",
     .chart = "load",
     .share = true,
     .rare = true,
     .step = step_gpu_memory},
    {.name = "gradient norm", .label = "norm", .chart = "gradient norm", .step = step_norm},
};
const size_t pl_metric_count = sizeof pl_metric_table / sizeof pl_metric_table[0];
_Static_assert(sizeof pl_metric_table / sizeof pl_metric_table[0] <= PL_METRICS_MAX, "a curve for each metric");
