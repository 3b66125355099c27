// pleura score: any submission against a table of labels.
#include <argp.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/manifest.h"
#include "core/score/submission.h"
#include "tui/cli/cli.h"
#include "tui/cli/label_choice.h"
#include "tui/cli/place.h"
#include "tui/cli/score_words.h"

enum { OPTION_RLE = 256, OPTION_JSON, OPTION_SIZE, OPTION_LABELS, SIZE_DEFAULT = 1024, SEED = 1 };

typedef struct arguments {
  const char *submission, *rle, *workspace;
  pl_cli_label_choice labels;
  uint32_t size;
  bool json;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  uint64_t size = 0;
  switch (key) {
    case OPTION_RLE: a->rle = arg; return 0;
    case OPTION_LABELS: pl_cli_label_choice_take(&a->labels, arg, state); return 0;
    case OPTION_JSON: a->json = true; return 0;
    case 'C': a->workspace = arg; return 0;
    case OPTION_SIZE:
      if (!pl_parse_u64(&size, arg, strlen(arg)) || size < 1 || size > PL_IMAGE_SIDE_MAX) {
        argp_error(state, "--size takes 1 to %d pixels, not '%s'", PL_IMAGE_SIDE_MAX, arg);
      }
      a->size = (uint32_t)size;
      return 0;
    case ARGP_KEY_ARG:
      if (a->submission != NULL) argp_error(state, "'%s' is one submission too many", arg);
      a->submission = arg;
      return 0;
    case ARGP_KEY_END:
      if (a->rle != NULL && a->labels.given)
        argp_error(state, "--labels chooses one of the workspace's tables, --rle another");
      if (a->submission == NULL) argp_error(state, "which submission? A file of ImageId,EncodedPixels");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static pl_status print(const arguments *a, const pl_submission_score *found, const char *rle, pl_error *err) {
  const pl_score_summary scores = pl_score_summarise(found->cases, found->count);
  const pl_score_intervals intervals = pl_score_bootstrap(found->cases, found->count, SEED);
  if (a->json) {
    json_t *o = pl_cli_scores_json(&scores, &intervals, (double)NAN);
    (void)json_object_set_new(o, "not_in_table", json_integer((json_int_t)found->unknown));
    (void)json_object_set_new(o, "not_in_submission", json_integer((json_int_t)found->missing));
    (void)json_object_set_new(o, "unreadable_labels", json_integer((json_int_t)found->damaged));
    return pl_cli_print_json(o, err);
  }
  if (found->unknown > 0) {
    printf("left out    %zu images of %s that are not in %s\n", found->unknown, a->submission, rle);
  }
  if (found->missing > 0) {
    printf("left out    %zu images of %s that are not in %s\n", found->missing, rle, a->submission);
  }
  if (found->damaged > 0) printf("left out    %zu images whose rows in %s cannot be read\n", found->damaged, rle);
  pl_cli_print_scores(&scores, &intervals, (double)NAN);
  return PL_OK;
}

static pl_status score(const arguments *a, const char *rle, pl_error *err) {
  pl_rle_table submission = {0}, labels = {0};
  pl_submission_score found = {0};
  pl_status status = pl_rle_table_load(&submission, a->submission, true, err);
  if (status == PL_OK) status = pl_rle_table_load(&labels, rle, false, err);
  const pl_submission_tables tables = {.submission = &submission,
                                       .labels = &labels,
                                       .submission_name = a->submission,
                                       .labels_name = rle,
                                       .width = a->size,
                                       .height = a->size};
  if (status == PL_OK) status = pl_submission_score_tables(&found, &tables, err);
  if (status == PL_OK) status = print(a, &found, rle, err);
  pl_submission_score_clear(&found);
  pl_rle_table_clear(&labels);
  pl_rle_table_clear(&submission);
  return status;
}

int pl_cli_score(int argc, char **argv) {
  arguments a = {.size = SIZE_DEFAULT};
  const int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  char *workspace = NULL, *rle = NULL;
  pl_status status = PL_OK;
  if (a.rle != NULL) {
    rle = pl_xstrdup(a.rle);
  } else {
    status = pl_cli_workspace(&workspace, a.workspace, &err);
    if (status == PL_OK) status = pl_cli_label_choice_table(&rle, &a.labels, workspace, &err);
  }
  if (status == PL_OK) status = score(&a, rle, &err);
  free(workspace);
  free(rle);
  return status == PL_OK ? 0 : pl_cli_report("score", &err);
}

static const struct argp_option options[] = {
    {.name = "rle",
     .key = OPTION_RLE,
     .arg = "FILE",
     .doc = "The labels: train-rle.csv, or stage_2_train.csv for the test images (default: the workspace's)"},
    {.name = "labels", .key = OPTION_LABELS, .arg = PL_CLI_LABELS_ARGUMENT, .doc = PL_CLI_LABELS_HELP},
    {.name = "size",
     .key = OPTION_SIZE,
     .arg = "PX",
     .doc = "Side of the images (default: 1024). Codes that end behind them are refused; scores do not depend on it"},
    {.name = "json", .key = OPTION_JSON, .doc = "All of it as JSON, with all digits"},
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "Workspace (default: the one around the current folder)"},
    {0},
};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "SUBMISSION.csv",
    .doc =
        "Scores a submission as the competition did: the mean of the images' dice, an empty mask for an image "
        "without one counting 1.\v"
        "An image's mask is the union of its rows. Images that only one of the two tables has are counted and left "
        "out. 95 % of the scores of 2000 draws of the images lie in the interval that is given (bootstrap).\n\n"
        "Example:\n"
        "  pleura score submission.csv --rle stage_2_train.csv",
};
