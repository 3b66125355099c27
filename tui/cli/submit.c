// pleura submit: a submission for the competition, from runs.
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/score/submission.h"
#include "tui/cli/cli.h"
#include "tui/cli/ensemble.h"
#include "tui/cli/masks.h"
#include "tui/cli/place.h"

enum { OPTION_SAMPLE = 256, OPTION_MISSING };

typedef struct arguments {
  pl_cli_masks masks;
  pl_cli_ensemble ensemble;
  const char *sample, *output;
  bool missing;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &a->masks;
      state->child_inputs[1] = &a->ensemble;
      return 0;
    case OPTION_SAMPLE: a->sample = arg; return 0;
    case OPTION_MISSING: a->missing = true; return 0;
    case 'o': a->output = arg; return 0;
    case ARGP_KEY_END:
      if (a->ensemble.where != NULL) argp_error(state, "the sample says which images: --where is not for this command");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// The sample's images as cases of the workspace.
typedef struct wanted {
  size_t *cases;   // by sample->images: index into the manifest, or SIZE_MAX
  size_t *rising;  // those that there are, for the ensemble
  size_t count, missing;
  const char *first_missing;
} wanted;

typedef struct by_id_entry {
  const char *id;
  size_t index;
} by_id_entry;

static int by_id(const void *a, const void *b) {
  return strcmp(((const by_id_entry *)a)->id, ((const by_id_entry *)b)->id);
}

static int by_number(const void *a, const void *b) {
  const size_t x = *(const size_t *)a, y = *(const size_t *)b;
  return (x > y) - (x < y);
}

static void find_wanted(wanted *w, const pl_rle_table *sample, const pl_manifest *m) {
  by_id_entry *entries = pl_xcalloc(m->count + 1, sizeof *entries);
  for (size_t i = 0; i < m->count; i++) entries[i] = (by_id_entry){m->cases[i].id, i};
  if (m->count > 1) qsort(entries, m->count, sizeof *entries, by_id);
  w->cases = pl_xcalloc(sample->image_count + 1, sizeof *w->cases);
  w->rising = pl_xcalloc(sample->image_count + 1, sizeof *w->rising);
  for (size_t i = 0; i < sample->image_count; i++) {
    const by_id_entry key = {.id = sample->images[i].id};
    const by_id_entry *found = m->count > 0 ? bsearch(&key, entries, m->count, sizeof *entries, by_id) : NULL;
    const bool there = found != NULL && m->cases[found->index].status != PL_CASE_BAD;
    w->cases[i] = there ? found->index : SIZE_MAX;
    if (there) {
      w->rising[w->count++] = found->index;
    } else if (w->missing++ == 0) {
      w->first_missing = key.id;
    }
  }
  if (w->count > 1) qsort(w->rising, w->count, sizeof *w->rising, by_number);
  free(entries);
}

static pl_status check_wanted(const wanted *w, const arguments *a, pl_error *err) {
  if (w->missing == 0 || (a->missing && w->count > 0)) return PL_OK;
  return pl_fail(
      err, PL_E_NOTFOUND,
      "%zu images of the sample are not in the workspace or cannot be read, the first is %.80s: import the test "
      "images%s",
      w->missing, w->first_missing, w->count > 0 ? ", or leave them empty with --missing-empty" : "");
}

// ---- The masks

static pl_status put_mask(pl_submission *s, size_t image, const pl_evaluate_case *one, const pl_case *c,
                          const pl_binarizer *binarizer, pl_error *err) {
  pl_image map = {0}, mask = {0};
  pl_status status = pl_maps_read(&map, one->sources, one->source_count, c->id, c->cols, c->rows, err);
  if (status == PL_OK) status = pl_binarize(&mask, &map, binarizer, err);
  if (status == PL_OK) status = pl_submission_put(s, image, &mask, err);
  pl_image_clear(&map);
  pl_image_clear(&mask);
  return status;
}

static pl_status put_empty(pl_submission *s, size_t image, pl_error *err) {
  pl_image mask = {0};
  pl_status status = pl_image_init(&mask, 1, 1, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status == PL_OK) status = pl_submission_put(s, image, &mask, err);
  pl_image_clear(&mask);
  return status;
}

static pl_status put_all(pl_submission *s, const wanted *w, const pl_ensemble *e, const pl_rle_table *sample,
                         const pl_binarizer *binarizer, pl_error *err) {
  pl_map_source sources[PL_ENSEMBLE_MAX];
  for (size_t m = 0; m < e->count; m++) sources[m] = (pl_map_source){e->members[m].maps, e->members[m].weight};
  pl_status first = PL_OK;
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < sample->image_count; i++) {
    pl_error problem = {0};
    const pl_evaluate_case one = {.index = w->cases[i], .sources = sources, .source_count = e->count};
    const pl_status status = w->cases[i] == SIZE_MAX
                                 ? put_empty(s, i, &problem)
                                 : put_mask(s, i, &one, &e->manifest.cases[one.index], binarizer, &problem);
    if (status == PL_OK) continue;
#pragma omp critical
    if (first == PL_OK) {
      first = status;
      if (err != NULL) *err = problem;
    }
  }
  return first;
}

// ---- What is told

static double training_rate(const pl_manifest *m) {
  size_t labelled = 0, positive = 0;
  for (size_t i = 0; i < m->count; i++) {
    const pl_case *c = &m->cases[i];
    if (c->part != PL_PART_TRAIN || c->label == PL_LABEL_UNKNOWN) continue;
    labelled++;
    positive += c->label == PL_LABEL_POSITIVE;
  }
  return labelled > 0 ? 100.0 * (double)positive / (double)labelled : 0;
}

static void print(const arguments *a, const pl_submission *s, const pl_rle_table *sample, const pl_ensemble *e,
                  const wanted *w, const pl_cli_masks_rule *rule) {
  char path[256];
  (void)pl_safe_text(path, sizeof path, a->output, strlen(a->output));
  pl_cli_masks_print(rule);
  if (w->missing > 0) printf("missing     %zu images are not in the workspace: their rows are -1\n", w->missing);
  printf("written     %s: %zu rows of %zu images, read back and found right\n", path, sample->count,
         sample->image_count);
  printf("positives   %.1f %% of the images; %.1f %% of the training images have a pneumothorax\n",
         100.0 * (double)pl_submission_positives(s) / (double)sample->image_count, training_rate(&e->manifest));
  printf("\nkaggle competitions submit -c siim-acr-pneumothorax-segmentation -f '%s' -m 'pleura %s'\n", path,
         rule->triplet);
}

static pl_status write_submission(const arguments *a, const pl_ensemble *e, const pl_rle_table *sample, wanted *w,
                                  pl_error *err) {
  pl_ensemble_cases cases = {.count = 0};
  pl_cli_masks_rule rule;
  pl_status status = pl_cli_masks_choose(&rule, &a->masks, e, err);
  find_wanted(w, sample, &e->manifest);
  if (status == PL_OK) status = check_wanted(w, a, err);
  if (status != PL_OK) return status;
  pl_ensemble_select(&cases, e, w->rising, w->count);
  status = pl_cli_ensemble_predict(&a->ensemble, e, &cases, NULL, false, err);
  pl_ensemble_cases_clear(&cases);
  if (status != PL_OK) return status;
  pl_submission *s = pl_submission_create(sample);
  status = put_all(s, w, e, sample, &rule.binarizer, err);
  if (status == PL_OK) status = pl_submission_write(s, a->output, err);
  if (status == PL_OK) print(a, s, sample, e, w, &rule);
  pl_submission_destroy(s);
  return status;
}

static pl_status submit(void *input, pl_error *err) {
  arguments *a = input;
  pl_ensemble e = {.count = 0};
  pl_rle_table sample = {0};
  wanted w = {.count = 0};
  char *path = NULL;
  pl_status status = pl_cli_check_output(a->output, err);
  if (status == PL_OK) status = pl_cli_ensemble_open(&e, &a->ensemble, err);
  if (status == PL_OK) status = pl_cli_ensemble_take_labels(&e, &a->ensemble, err);
  if (status == PL_OK) {
    path = a->sample != NULL ? pl_xstrdup(a->sample) : pl_path_join(e.manifest.workspace, "sample_submission.csv");
    status = pl_rle_table_load(&sample, path, true, err);
  }
  if (status == PL_OK) status = write_submission(a, &e, &sample, &w, err);
  pl_rle_table_clear(&sample);
  free(w.cases);
  free(w.rising);
  free(path);
  pl_ensemble_clear(&e);
  pl_cli_ensemble_clear(&a->ensemble);
  return status;
}

int pl_cli_submit(int argc, char **argv) {
  arguments a = {.masks = {.otherwise = "found"}, .output = "submission.csv"};
  return pl_cli_run(&parser, argc, argv, &a, submit);
}

static const struct argp_option options[] = {
    {.name = "sample",
     .key = OPTION_SAMPLE,
     .arg = "FILE",
     .doc = "Which rows are asked for (default: the workspace's sample_submission.csv)"},
    {.name = "output", .key = 'o', .arg = "FILE", .doc = "The submission (default: submission.csv)"},
    {.name = "missing-empty", .key = OPTION_MISSING, .doc = "Give images that the workspace lacks an empty mask"},
    {0},
};
static const struct argp_child children[] = {
    {&pl_cli_masks_argp, 0, NULL, 0}, {&pl_cli_ensemble_argp, 0, "Runs and their networks", 1}, {0}};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .children = children,
    .args_doc = "[RUN[:WEIGHT]|GROUP[:WEIGHT]...]",
    .doc =
        "Writes a submission: predicts what is not predicted yet, averages the runs, applies the thresholds at the "
        "images' own size (1024 x 1024 on SIIM) and writes the run lengths, -1 for an empty mask.\v"
        "The rows are those of the sample, in its order; an image with several rows gets its mask in each. The file is "
        "read back and every mask compared before it replaces an older one.\n\n"
        "Example:\n"
        "  pleura submit fold0 fold1 fold2 fold3 fold4 --tta -o submission.csv",
};
