#include "tui/review_count.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/image/agreement.h"
#include "core/run/evaluation.h"
#include "core/run/tables.h"
#include "core/score/binarize.h"
#include "core/score/truth.h"
#include "tui/shellwords.h"

static const double part_seconds = 0.15;  // after which the screen gets what there is

typedef enum part_kind { PART_COUNT, PART_DIFFER, PART_EXACT } part_kind;

// What a worker has at hand. It belongs to the job that is under way, else to the counter: one job at a time. The
// atomics are looked at by both meanwhile.
typedef struct baton {
  pl_jobs *jobs;
  char *workspace, *runs, *against;
  pl_label_choice labels;
  pl_evaluation evaluation, other;
  pl_review_info info;
  pl_truth truth;
  atomic_size_t done, total;
  atomic_bool unwanted;
  _Atomic uint64_t generation;  // of the binarizer that is wanted now
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
  pl_review_info info;
  size_t *row_of;  // by case of the evaluation; `count` for none
  size_t case_count, next_differ, next_exact;
  bool counted, wants_exact, wants_differ;
  pl_binarizer binarizer;
  uint64_t generation;  // of the binarizer
  char problem[PL_ERROR_MESSAGE_MAX];
  baton *baton;  // NULL while a job has it
  baton *lent;   // that one
};

// ---- On a worker

pl_status pl_review_open_runs(pl_ensemble *out, const char *workspace, const char *line, pl_error *err) {
  char **words = NULL;
  size_t count = 0;
  pl_status status = pl_shellwords_split(&words, &count, line, err);
  if (status != PL_OK) return status;
  const pl_ensemble_request request = {.words = (const char *const *)words, .count = count, .workspace = workspace};
  status = pl_ensemble_open(out, NULL, &request, err);
  pl_fs_free_names(words, count);
  return status;
}

static bool on_counted(void *context, size_t done, size_t total) {
  baton *b = context;
  atomic_store(&b->total, total);
  atomic_store(&b->done, done);
  return !atomic_load(&b->unwanted) && !pl_jobs_ending(b->jobs);
}

// Opens the runs of a line for what they held out.
static pl_status begin(pl_evaluation *out, const baton *b, const char *line, pl_error *err) {
  pl_ensemble ensemble = {0};
  pl_status status = pl_review_open_runs(&ensemble, b->workspace, line, err);
  if (status != PL_OK) return status;
  const pl_evaluation_request what = {.labels = b->labels, .force = true};
  return pl_evaluation_begin_take(out, &ensemble, &what, err);
}

// `pleura eval` would refuse, or say so.
static void warn(char out[PL_REVIEW_WARNING_SIZE], const pl_evaluation *e) {
  unsigned changed = 0;
  char words[96], ours[160] = "";
  const bool others = pl_ensemble_trained_on_others(&e->ensemble, e->labels) > 0;
  out[0] = '\0';
  if (pl_ensemble_changed(&changed, &e->ensemble, NULL) != PL_OK) return;
  pl_tables_changed_words(words, sizeof words, changed, "");
  if (others) {
    const char *own = pl_label_choice_name(e->labels == PL_LABELS_ORIGINAL ? PL_LABELS_CORRECTED : PL_LABELS_ORIGINAL);
    (void)snprintf(ours, sizeof ours, "trained on %s labels, scored on %s ones: ':labels %s' shows its own score", own,
                   pl_label_choice_name(e->labels), own);
  }
  if (words[0] == '\0') {
    (void)snprintf(out, PL_REVIEW_WARNING_SIZE, "%s", ours);
  } else {
    (void)snprintf(out, PL_REVIEW_WARNING_SIZE,
                   "%s changed since training: these cases may have been trained on; put the old ones back, or train "
                   "anew%s%s",
                   words, ours[0] != '\0' ? "; " : "", ours);
  }
}

static void describe(pl_review_info *info, const pl_evaluation *e) {
  info->names = pl_ensemble_names(&e->ensemble);
  info->runs = e->ensemble.count;
  for (size_t i = 0; i < e->cases.count; i++) {
    if (e->cases.cases[i].source_count > info->most) info->most = e->cases.cases[i].source_count;
  }
  warn(info->warning, e);
}

static pl_status count(baton *b, pl_error *err) {
  pl_status status = begin(&b->evaluation, b, b->runs, err);
  if (status != PL_OK) return status;
  describe(&b->info, &b->evaluation);
  status = pl_ensemble_check_maps(&b->evaluation.ensemble, &b->evaluation.cases, err);
  if (status == PL_OK && b->against != NULL) status = begin(&b->other, b, b->against, err);
  b->evaluation.progress = on_counted;
  b->evaluation.context = b;
  if (status == PL_OK) status = pl_evaluation_count(&b->evaluation, err);
  if (status == PL_OK) status = pl_truth_load(&b->truth, b->workspace, b->labels, err);
  return status;
}

static const pl_case *case_of(const baton *b, size_t i) {
  return &b->evaluation.ensemble.manifest.cases[b->evaluation.cases.cases[i].index];
}

static pl_status read_map(pl_image *map, const pl_evaluate_case *e, const pl_case *c, pl_error *err) {
  return pl_maps_read(map, e->sources, e->source_count, c->id, c->cols, c->rows, err);
}

// How the other runs see a case of the evaluation; NULL when none of them held it out.
static const pl_evaluate_case *other_of(const baton *b, size_t index) {
  size_t first = 0, behind = b->other.cases.count;
  while (first < behind) {
    const size_t middle = first + (behind - first) / 2;
    if (b->other.cases.cases[middle].index < index) {
      first = middle + 1;
    } else {
      behind = middle;
    }
  }
  const pl_evaluate_case *found = &b->other.cases.cases[first];
  return first < b->other.cases.count && found->index == index ? found : NULL;
}

// Who says something about a case: these runs and the others, or each run by itself. Returns how many.
static size_t list_voices(pl_evaluate_case voices[PL_ENSEMBLE_MAX], const baton *b, size_t i) {
  const pl_evaluate_case *e = &b->evaluation.cases.cases[i];
  if (b->against != NULL) {
    const pl_evaluate_case *other = other_of(b, e->index);
    voices[0] = *e;
    if (other != NULL) voices[1] = *other;
    return other != NULL ? 2 : 1;
  }
  for (size_t k = 0; k < e->source_count; k++) {
    voices[k] = (pl_evaluate_case){.index = e->index, .sources = &e->sources[k], .source_count = 1};
  }
  return e->source_count;
}

// The mean of 1 - dice over each two of the masks.
static double disagreement_of(const pl_image *masks, size_t count) {
  double sum = 0;
  for (size_t k = 1; k < count; k++) {
    for (size_t j = 0; j < k; j++) {
      pl_agreement agreement;
      if (pl_agreement_count(&agreement, &masks[j], &masks[k], NULL) != PL_OK) return (double)NAN;
      sum += 1 - pl_agreement_dice(&agreement);
    }
  }
  return sum / ((double)count * (double)(count - 1) / 2);
}

// NAN when there is nobody to disagree, or a map is missing.
static double differ(const baton *b, size_t i) {
  const pl_binarizer half = {.triplet = pl_triplet_half()};
  pl_evaluate_case voices[PL_ENSEMBLE_MAX];
  const size_t count = list_voices(voices, b, i);
  pl_image *masks = pl_xcalloc(count + 1, sizeof *masks);
  pl_status status = PL_OK;
  for (size_t k = 0; k < count && count > 1 && status == PL_OK; k++) {
    pl_image map = {0};
    status = read_map(&map, &voices[k], case_of(b, i), NULL);
    if (status == PL_OK) status = pl_binarize(&masks[k], &map, &half, NULL);
    pl_image_clear(&map);
  }
  const double found = count > 1 && status == PL_OK ? disagreement_of(masks, count) : (double)NAN;
  for (size_t k = 0; k < count; k++) pl_image_clear(&masks[k]);
  free(masks);
  return found;
}

// A case's counts at the thresholds of a binarizer, components and all. Files are read only where there is something
// that could be removed, and something that could stay.
static pl_status score_exactly(pl_score_case *out, const baton *b, size_t i, const pl_binarizer *binarizer,
                               pl_error *err) {
  pl_level_triplet triplet = {.top = 0};
  (void)pl_level_triplet_of(&triplet, &binarizer->triplet);
  *out = pl_levels_case(&b->evaluation.levels[i], &triplet);
  if (out->predicted < binarizer->min_component) {
    out->predicted = out->hits = 0;
    return PL_OK;
  }
  pl_image map = {0}, truth = {0}, mask = {0};
  pl_status status = read_map(&map, &b->evaluation.cases.cases[i], case_of(b, i), err);
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
    if (job->kind == PART_EXACT && job->generation != atomic_load(&job->baton->generation)) break;
    if (job->kind == PART_DIFFER) job->differ[i] = differ(job->baton, i);
    // Where a file vanished since the counting the case keeps the score of its counts.
    if (job->kind == PART_EXACT) (void)score_exactly(&job->exact[i], job->baton, i, &job->binarizer, NULL);
    job->done++;
  }
}

// ---- On the owner's thread

static void baton_free(baton *b) {
  if (b == NULL) return;
  pl_evaluation_clear(&b->evaluation);
  pl_evaluation_clear(&b->other);
  pl_truth_clear(&b->truth);
  free(b->info.names);
  free(b->workspace);
  free(b->runs);
  free(b->against);
  free(b);
}

static void job_free(part_job *job) {
  baton_free(job->baton);
  free(job->differ);
  free(job->exact);
  free(job);
}

static void drop(void *data) { job_free(data); }

static void take_info(pl_review_counter *counter, const baton *b) {
  free(counter->info.names);
  counter->info = b->info;
  counter->info.names = pl_xstrdup(b->info.names != NULL ? b->info.names : "");
}

static void take_counts(pl_review_counter *counter, const part_job *job) {
  counter->counted = true;
  take_info(counter, job->baton);
  (void)pl_copy_text(counter->problem, sizeof counter->problem, job->status == PL_OK ? "" : job->error.message);
  if (job->status != PL_OK) return;
  counter->wants_differ = job->baton->against != NULL || counter->info.most > 1;
  const pl_evaluation *e = &job->baton->evaluation;
  counter->case_count = counter->count = e->cases.count;
  counter->rows = pl_xcalloc(counter->count + 1, sizeof *counter->rows);
  counter->row_of = pl_xcalloc(counter->count + 1, sizeof *counter->row_of);
  for (size_t i = 0; i < counter->count; i++) {
    const size_t index = e->cases.cases[i].index;
    counter->row_of[i] = i;
    counter->rows[i] = (pl_review_row){.index = index,
                                       .number = e->ensemble.manifest.cases[index].number,
                                       .sources = e->cases.cases[i].sources,
                                       .source_count = e->cases.cases[i].source_count,
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
  counter->lent = NULL;
  if (job->kind == PART_COUNT) {
    take_counts(counter, job);
  } else if (job->kind == PART_DIFFER) {
    take_part(counter, job);
    counter->next_differ += job->done;
  } else if (job->generation == counter->generation) {
    take_part(counter, job);
    counter->next_exact += job->done;
  }
  job->baton = NULL;
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
  atomic_store(&counter->baton->generation, counter->generation);
  job->baton = counter->lent = counter->baton;
  counter->baton = NULL;
  pl_jobs_submit(
      counter->jobs,
      &(pl_job){.work = work, .done = done, .drop = drop, .owner = counter, .data = job, .behind = kind != PART_COUNT});
}

static void clear(pl_review_counter *counter) {
  // Before the job may be dropped, and what was lent with it.
  if (counter->lent != NULL) atomic_store(&counter->lent->unwanted, true);
  pl_jobs_cancel(counter->jobs, counter);
  baton_free(counter->baton);
  free(counter->info.names);
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
  counter->info.names = pl_xstrdup("");
  return counter;
}

void pl_review_counter_destroy(pl_review_counter *counter) {
  if (counter == NULL) return;
  clear(counter);
  free(counter);
}

void pl_review_counter_open(pl_review_counter *counter, const pl_review_request *request) {
  clear(counter);
  baton *b = pl_xcalloc(1, sizeof *b);
  b->jobs = counter->jobs;
  b->workspace = pl_xstrdup(request->workspace);
  b->runs = pl_xstrdup(request->runs);
  b->labels = request->labels;
  if (request->against != NULL) b->against = pl_xstrdup(request->against);
  take_info(counter, b);
  counter->baton = b;
  go_on(counter);
}

const pl_review_row *pl_review_counter_rows(const pl_review_counter *counter, size_t *rows) {
  *rows = counter->count;
  return counter->rows;
}

const pl_review_info *pl_review_counter_info(const pl_review_counter *counter) { return &counter->info; }

void pl_review_counter_progress(const pl_review_counter *counter, size_t *done, size_t *total) {
  *done = counter->lent != NULL ? atomic_load(&counter->lent->done) : 0;
  *total = counter->lent != NULL ? atomic_load(&counter->lent->total) : 0;
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
  if (counter->lent != NULL) atomic_store(&counter->lent->generation, counter->generation);
  for (size_t i = 0; i < counter->count; i++) counter->rows[i].has_exact = false;
  go_on(counter);
}

bool pl_review_counter_exact(const pl_review_counter *counter) {
  return counter->wants_exact && counter->next_exact == counter->case_count;
}
