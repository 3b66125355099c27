// pleura eval: runs scored on what they held out.
#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/csvio.h"
#include "tui/cli/cli.h"
#include "tui/cli/ensemble.h"
#include "tui/cli/masks.h"
#include "tui/cli/place.h"
#include "tui/cli/score_words.h"
#include "tui/cli/toll.h"

enum { OPTION_CASES = 256, OPTION_JSON, OPTION_PATIENTS, SEED = 1 };

typedef struct arguments {
  pl_cli_masks masks;
  pl_cli_ensemble ensemble;
  const char *cases, *patients;
  bool json;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &a->masks;
      state->child_inputs[1] = &a->ensemble;
      return 0;
    case OPTION_CASES: a->cases = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_PATIENTS: a->patients = arg; return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// ---- The table of cases

static pl_status write_cases(const char *path, const pl_evaluation *e, const pl_cli_toll *toll, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, PL_CSV_FILE_MAX);
  (void)pl_buf_add_text(&text, "number,ImageId,fold,has_mask,area,predicted,tp,fp,fn,dice,leak\n");
  for (size_t i = 0; i < e->cases.count; i++) {
    const pl_case *c = &e->ensemble.manifest.cases[e->cases.cases[i].index];
    const pl_score_case *s = &e->scores[i];
    (void)pl_buf_printf(&text, "%u,", (unsigned)c->number);
    pl_csv_add_field(&text, c->id);
    (void)pl_buf_printf(&text, ",%d,%d,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%.17g,%s\n", c->fold,
                        s->truth > 0, s->truth, s->predicted, s->hits, s->predicted - s->hits, s->truth - s->hits,
                        pl_score_dice(s), pl_cli_toll_word(toll, i));
  }
  pl_status status = PL_OK;
  if (text.failed) {
    status = pl_fail(err, PL_E_LIMIT, "the table of cases is too long");
  } else if (strcmp(path, "-") == 0) {
    (void)fwrite(text.data, 1, text.length, stdout);
  } else {
    status = pl_fs_replace(path, text.data, text.length, err);
  }
  pl_buf_clear(&text);
  return status;
}

// ---- Text and JSON

// How many folds the cases are of.
static int count_folds(const pl_evaluation *e) {
  int folds = 0;
  for (int fold = 0; fold < e->ensemble.manifest.fold_count; fold++) {
    size_t count = 0;
    free(pl_evaluation_fold(&count, e, fold));
    folds += count > 0;
  }
  return folds;
}

static void print_folds(const pl_evaluation *e) {
  printf("\nfold  images  positives  dice_batch    dice  dice_pos  dice_neg  nothing\n");
  for (int fold = 0; fold < e->ensemble.manifest.fold_count; fold++) {
    size_t count = 0;
    pl_score_case *scores = pl_evaluation_fold(&count, e, fold);
    if (count > 0) {
      const pl_score_summary s = pl_score_summarise(scores, count);
      char n[5][PL_CLI_NUMBER_SIZE];
      printf("%4d  %6zu  %9zu  %10s  %6s  %8s  %8s  %7s\n", fold, s.cases, s.positives,
             pl_cli_number(n[0], pl_evaluation_dice_batch(e, fold)), pl_cli_number(n[1], s.dice),
             pl_cli_number(n[2], s.dice_pos), pl_cli_number(n[3], s.dice_neg), pl_cli_number(n[4], s.nothing));
    }
    free(scores);
  }
}

static json_t *folds_json(const pl_evaluation *e) {
  json_t *list = json_array();
  for (int fold = 0; fold < e->ensemble.manifest.fold_count; fold++) {
    size_t count = 0;
    pl_score_case *scores = pl_evaluation_fold(&count, e, fold);
    if (count > 0) {
      const pl_score_summary s = pl_score_summarise(scores, count);
      const pl_score_intervals i = pl_score_bootstrap(scores, count, SEED);
      json_t *o = pl_cli_scores_json(&s, &i, pl_evaluation_dice_batch(e, fold));
      (void)json_object_set_new(o, "fold", json_integer(fold));
      (void)json_array_append_new(list, o);
    }
    free(scores);
  }
  return list;
}

static pl_status print(const arguments *a, const pl_evaluation *e, const pl_cli_masks_rule *rule,
                       const pl_cli_toll *toll, pl_error *err) {
  const pl_score_summary scores = pl_score_summarise(e->scores, e->cases.count);
  const pl_score_intervals intervals = pl_score_bootstrap(e->scores, e->cases.count, SEED);
  const double dice_batch = pl_evaluation_dice_batch(e, -1);
  if (a->json) {
    json_t *o = pl_cli_scores_json(&scores, &intervals, dice_batch);
    char *names = pl_ensemble_names(&e->ensemble);
    (void)json_object_set_new(o, "runs", json_string(names));
    (void)json_object_set_new(o, "labels", json_string(pl_label_choice_name(e->labels)));
    (void)json_object_set_new(o, "trained_on_other_labels",
                              json_integer((json_int_t)pl_ensemble_trained_on_others(&e->ensemble, e->labels)));
    (void)json_object_set_new(o, "triplet", json_string(rule->triplet));
    (void)json_object_set_new(o, "min_component", json_integer((json_int_t)rule->binarizer.min_component));
    (void)json_object_set_new(o, "folds", folds_json(e));
    (void)json_object_set_new(o, "leaks", pl_cli_toll_json(toll));
    free(names);
    return pl_cli_print_json(o, err);
  }
  pl_cli_masks_print(rule);
  const size_t others = pl_ensemble_trained_on_others(&e->ensemble, e->labels);
  if (others > 0 || e->labels != PL_LABELS_ORIGINAL) printf("labels      %s", pl_label_choice_name(e->labels));
  if (others > 0) printf("; %zu of %zu runs trained on other ones", others, e->ensemble.count);
  printf("%s\n", others > 0 || e->labels != PL_LABELS_ORIGINAL ? "\n" : "");
  pl_cli_print_scores(&scores, &intervals, dice_batch);
  if (count_folds(e) > 1) print_folds(e);
  printf("\n");
  pl_cli_print_toll(toll);
  return PL_OK;
}

static pl_status evaluate(void *input, pl_error *err) {
  arguments *a = input;
  const bool only_table = a->cases != NULL && strcmp(a->cases, "-") == 0;
  pl_cli_masks_rule rule;
  pl_cli_toll toll = {.kinds = NULL};
  pl_evaluation e = {.scores = NULL};
  pl_status status = pl_cli_check_output(a->cases, err);
  if (status == PL_OK) status = pl_cli_ensemble_evaluate(&e, &a->ensemble, a->json || only_table, err);
  if (status == PL_OK) status = pl_cli_masks_choose(&rule, &a->masks, &e.ensemble, err);
  if (status == PL_OK) status = pl_evaluation_score(&e, &rule.binarizer, err);
  if (status == PL_OK) status = pl_cli_toll_find(&toll, &e, a->patients, err);
  if (status == PL_OK && a->cases != NULL) status = write_cases(a->cases, &e, &toll, err);
  if (status == PL_OK && !only_table) status = print(a, &e, &rule, &toll, err);
  pl_cli_toll_clear(&toll);
  pl_evaluation_clear(&e);
  pl_cli_ensemble_clear(&a->ensemble);
  return status;
}

int pl_cli_eval(int argc, char **argv) {
  arguments a = {.masks = {.otherwise = "half"}};
  return pl_cli_run(&parser, argc, argv, &a, evaluate);
}

static const struct argp_option options[] = {
    {.name = "cases",
     .key = OPTION_CASES,
     .arg = "FILE",
     .doc =
         "Write a table of the cases: areas of label and prediction, true and false positives, false negatives, dice; "
         "- prints it"},
    {.name = "patients",
     .key = OPTION_PATIENTS,
     .arg = "MAP.csv",
     .doc = "Who is on which image, for the toll of leaks; see 'pleura leaks --help'"},
    {.name = "json", .key = OPTION_JSON, .doc = "All of it as JSON, with all digits"},
    {0},
};
static const struct argp_child children[] = {
    {&pl_cli_masks_argp, 0, NULL, 0}, {&pl_cli_ensemble_argp, 0, "Runs and their networks", 1}, {0}};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .children = children,
    .args_doc = "[RUN[:WEIGHT]|GROUP[:WEIGHT]|RUN/ckpt/STEP...]",
    .doc =
        "Scores runs on the cases that they held out, with 95 % intervals by bootstrap.\v"
        "Each case is judged by the runs that did not train on it: the runs of all folds together give the scores out "
        "of fold; several runs of a fold are averaged. GROUP is a training of all folds ('train --all-folds') and "
        "stands for its runs. Masks are compared at the labels' own size (1024 on SIIM), "
        "where a training compares them at its own, so that the numbers differ a little.\n\n"
        "The network's probabilities are kept in RUN/prob as 16-bit PNG, which 'triplet', 'submit' and later "
        "evaluations read; they are made anew when --checkpoint, --top, --tta or the images change, and stay as they "
        "were asked for when these are not given. Two empty masks score 1.\n\n"
        "Examples:\n"
        "  pleura eval\n"
        "  pleura eval fold0 fold1 fold2 fold3 fold4 --top 3 --tta --triplet found",
};
