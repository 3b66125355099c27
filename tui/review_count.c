#include "tui/review_count.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/evaluation.h"
#include "core/score/binarize.h"
#include "core/score/truth.h"

static const double part_seconds = 0.15;  // after which the screen gets what there is

typedef enum part_kind { PART_COUNT, PART_DIFFER, PART_EXACT } part_kind;

// What a worker has at hand. It belongs to the job that is under way, else to the counter: one job at a time.
typedef struct baton {
  char *workspace, *run, *other_maps;
  pl_label_choice labels;
  pl_evaluation evaluation;
  pl_truth truth;
} baton;

typedef struct part_job {
  baton *baton;
  part_kind kind;
  size_t first, done;  // cases of the evaluation
  pl_binarizer binarizer;
  uint64_t generation;
  double *differ;
  pl_score_case *exact;
  pl_status status;
  pl_error error;
} part_job;

struct pl_review_counter {
  pl_jobs *jobs;
  void (*ready)(void *context);
  void *context;
  pl_review_row *rows;
  size_t count;
  size_t *row_of;  // by case of the evaluation; `count` for none
  size_t case_count, next_differ, next_exact;
  bool counted, wants_exact, wants_differ;
  pl_binarizer binarizer;
  uint64_t generation;  // of the binarizer
  char problem[PL_ERROR_MESSAGE_MAX];
  baton *baton;  // NULL while a job has it
};

// ---- On a worker

static pl_status count(baton *b, pl_error *err) {
  pl_ensemble ensemble = {0};
  const char *const names[] = {b->run};
  const pl_ensemble_request request = {.names = names, .count = 1};
  pl_status status = pl_ensemble_open(&ensemble, NULL, &request, err);
  if (status != PL_OK) return status;
  const pl_evaluation_request what = {.labels = b->labels, .force = true};
  status = pl_evaluation_begin_take(&b->evaluation, &ensemble, &what, err);
  if (status == PL_OK) status = pl_evaluation_count(&b->evaluation, err);
  if (status == PL_OK) status = pl_truth_load(&b->truth, b->workspace, b->labels, err);
  return status;
}

static const pl_case *case_of(const baton *b, size_t i) {
  return &b->evaluation.ensemble.manifest.cases[b->evaluation.cases.cases[i].index];
}

static pl_status read_map(pl_image *map, const baton *b, size_t i, pl_error *err) {
  const pl_evaluate_case *e = &b->evaluation.cases.cases[i];
  const pl_case *c = case_of(b, i);
  return pl_maps_read(map, e->sources, e->source_count, c->id, c->cols, c->rows, err);
}

// 1 - dice of the two runs' masks at 0.5, at the label's size; NAN when the other has no map of the case.
static double differ(const baton *b, size_t i) {
  const pl_case *c = case_of(b, i);
  const pl_map_source source = {.folder = b->other_maps, .weight = 1};
  const pl_binarizer half = {.triplet = pl_triplet_half()};
  pl_image maps[2] = {{0}, {0}}, masks[2] = {{0}, {0}};
  pl_score_case score;
  pl_status status = read_map(&maps[0], b, i, NULL);
  if (status == PL_OK) status = pl_maps_read(&maps[1], &source, 1, c->id, c->cols, c->rows, NULL);
  for (int k = 0; k < 2 && status == PL_OK; k++) status = pl_binarize(&masks[k], &maps[k], &half, NULL);
  if (status == PL_OK) status = pl_score_masks(&score, &masks[0], &masks[1], NULL);
  for (int k = 0; k < 2; k++) {
    pl_image_clear(&maps[k]);
    pl_image_clear(&masks[k]);
  }
  return status == PL_OK ? 1 - pl_score_dice(&score) : (double)NAN;
}

static pl_status score_exactly(pl_score_case *out, const baton *b, size_t i, const pl_binarizer *binarizer,
                               pl_error *err) {
  pl_image map = {0}, truth = {0}, mask = {0};
  pl_status status = read_map(&map, b, i, err);
  if (status == PL_OK) status = pl_truth_read(&truth, &b->truth, case_of(b, i), err);
  if (status == PL_OK) status = pl_binarize(&mask, &map, binarizer, err);
  if (status == PL_OK) status = pl_score_masks(out, &truth, &mask, err);
  pl_image_clear(&map);
  pl_image_clear(&truth);
  pl_image_clear(&mask);
  return status;
}

static void work(void *data) {
  part_job *job = data;
  if (job->kind == PART_COUNT) {
    job->status = count(job->baton, &job->error);
    return;
  }
  const pl_clock clock = pl_clock_system();
  const double begin = pl_clock_monotonic(&clock);
  const size_t total = job->baton->evaluation.cases.count;
  job->differ = pl_xcalloc(total + 1, sizeof *job->differ);
  job->exact = pl_xcalloc(total + 1, sizeof *job->exact);
  for (size_t i = job->first; i < total && pl_clock_monotonic(&clock) - begin < part_seconds; i++) {
    if (job->kind == PART_DIFFER) job->differ[i] = differ(job->baton, i);
    // A file that vanished since the counting: the case keeps the score of its counts.
    if (job->kind == PART_EXACT &&
        score_exactly(&job->exact[i], job->baton, i, &job->binarizer, &job->error) != PL_OK) {
      pl_level_triplet triplet = {.top = 0};
      (void)pl_level_triplet_of(&triplet, &job->binarizer.triplet);
      job->exact[i] = pl_levels_case(&job->baton->evaluation.levels[i], &triplet);
    }
    job->done++;
  }
}

// ---- On the owner's thread

static void baton_free(baton *b) {
  if (b == NULL) return;
  pl_evaluation_clear(&b->evaluation);
  pl_truth_clear(&b->truth);
  free(b->workspace);
  free(b->run);
  free(b->other_maps);
  free(b);
}

static void job_free(part_job *job) {
  baton_free(job->baton);
  free(job->differ);
  free(job->exact);
  free(job);
}

static void drop(void *data) { job_free(data); }

static void take_counts(pl_review_counter *counter, const part_job *job) {
  counter->counted = true;
  (void)pl_copy_text(counter->problem, sizeof counter->problem, job->status == PL_OK ? "" : job->error.message);
  if (job->status != PL_OK) return;
  const pl_evaluation *e = &job->baton->evaluation;
  counter->case_count = counter->count = e->cases.count;
  counter->rows = pl_xcalloc(counter->count + 1, sizeof *counter->rows);
  counter->row_of = pl_xcalloc(counter->count + 1, sizeof *counter->row_of);
  for (size_t i = 0; i < counter->count; i++) {
    const size_t index = e->cases.cases[i].index;
    counter->row_of[i] = i;
    counter->rows[i] = (pl_review_row){.index = index,
                                       .number = e->ensemble.manifest.cases[index].number,
                                       .levels = e->levels[i],
                                       .disagreement = (double)NAN};
  }
}

static void take_part(pl_review_counter *counter, const part_job *job) {
  for (size_t i = job->first; i < job->first + job->done; i++) {
    if (counter->row_of[i] >= counter->count) continue;
    pl_review_row *row = &counter->rows[counter->row_of[i]];
    if (job->kind == PART_DIFFER) row->disagreement = job->differ[i];
    if (job->kind == PART_EXACT) row->exact = job->exact[i], row->has_exact = true;
  }
}

static void go_on(pl_review_counter *counter);

static void done(void *owner, void *data) {
  pl_review_counter *counter = owner;
  part_job *job = data;
  counter->baton = job->baton;
  job->baton = NULL;
  if (job->kind == PART_COUNT) {
    job->baton = counter->baton;
    take_counts(counter, job);
    job->baton = NULL;
  } else if (job->kind == PART_DIFFER) {
    take_part(counter, job);
    counter->next_differ += job->done;
  } else if (job->generation == counter->generation) {
    take_part(counter, job);
    counter->next_exact += job->done;
  }
  job_free(job);
  go_on(counter);
  counter->ready(counter->context);
}

// Submits the next part: first the counts, then what is asked about components, then where two runs differ.
static void go_on(pl_review_counter *counter) {
  if (counter->baton == NULL) return;
  part_kind kind = PART_COUNT;
  if (counter->counted) {
    const bool exact = counter->wants_exact && counter->next_exact < counter->case_count;
    const bool differs = counter->wants_differ && counter->next_differ < counter->case_count;
    if (!exact && !differs) return;
    kind = exact ? PART_EXACT : PART_DIFFER;
  }
  part_job *job = pl_xcalloc(1, sizeof *job);
  job->kind = kind;
  job->first = kind == PART_EXACT ? counter->next_exact : counter->next_differ;
  job->binarizer = counter->binarizer;
  job->generation = counter->generation;
  job->baton = counter->baton;
  counter->baton = NULL;
  pl_jobs_submit(counter->jobs, &(pl_job){.work = work, .done = done, .drop = drop, .owner = counter, .data = job});
}

static void clear(pl_review_counter *counter) {
  pl_jobs_cancel(counter->jobs, counter);
  baton_free(counter->baton);
  free(counter->rows);
  free(counter->row_of);
  *counter = (pl_review_counter){.jobs = counter->jobs,
                                 .ready = counter->ready,
                                 .context = counter->context,
                                 .generation = counter->generation + 1};
}

pl_review_counter *pl_review_counter_create(pl_jobs *jobs, void (*ready)(void *context), void *context) {
  pl_review_counter *counter = pl_xcalloc(1, sizeof *counter);
  counter->jobs = jobs;
  counter->ready = ready;
  counter->context = context;
  return counter;
}

void pl_review_counter_destroy(pl_review_counter *counter) {
  if (counter == NULL) return;
  clear(counter);
  free(counter);
}

void pl_review_counter_open(pl_review_counter *counter, const char *workspace, const char *run, const char *other,
                            pl_label_choice labels) {
  clear(counter);
  baton *b = pl_xcalloc(1, sizeof *b);
  b->workspace = pl_xstrdup(workspace);
  b->run = pl_xstrdup(run);
  b->labels = labels;
  counter->wants_differ = other != NULL;
  if (other != NULL) b->other_maps = pl_run_maps_folder(other);
  counter->baton = b;
  go_on(counter);
}

const pl_review_row *pl_review_counter_rows(const pl_review_counter *counter, size_t *rows) {
  *rows = counter->count;
  return counter->rows;
}

bool pl_review_counter_busy(const pl_review_counter *counter) { return !counter->counted; }

const char *pl_review_counter_problem(const pl_review_counter *counter) { return counter->problem; }

void pl_review_counter_update(pl_review_counter *counter, const pl_manifest *manifest) {
  size_t kept = 0;
  size_t *places = pl_xcalloc(counter->count + 1, sizeof *places);
  for (size_t i = 0, at = 0; i < counter->count; i++) {
    // Both are in the order of their numbers.
    while (at < manifest->count && manifest->cases[at].number < counter->rows[i].number) at++;
    const bool there = at < manifest->count && manifest->cases[at].number == counter->rows[i].number;
    places[i] = there ? kept : SIZE_MAX;
    if (!there) continue;
    counter->rows[kept] = counter->rows[i];
    counter->rows[kept++].index = at;
  }
  for (size_t i = 0; i < counter->case_count; i++) {
    if (counter->row_of[i] < counter->count) counter->row_of[i] = places[counter->row_of[i]];
  }
  counter->count = kept;
  free(places);
}

void pl_review_counter_components(pl_review_counter *counter, const pl_triplet *triplet, uint64_t least) {
  counter->generation++;
  counter->next_exact = 0;
  counter->wants_exact = least > 0;
  counter->binarizer = (pl_binarizer){.triplet = *triplet, .min_component = least};
  for (size_t i = 0; i < counter->count; i++) counter->rows[i].has_exact = false;
  go_on(counter);
}

bool pl_review_counter_exact(const pl_review_counter *counter) {
  return counter->wants_exact && counter->next_exact == counter->case_count;
}
