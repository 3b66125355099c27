// pleura compare: two predictions of the same cases, case by case.
#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/score/submission.h"
#include "tui/cli/cli.h"
#include "tui/cli/ensemble.h"
#include "tui/cli/masks.h"
#include "tui/cli/place.h"
#include "tui/cli/score_words.h"

enum { OPTION_RLE = 256, OPTION_SIZE, OPTION_SHOW, OPTION_JSON, SEED = 1, SIZE_DEFAULT = 1024 };

typedef struct arguments {
  pl_cli_masks masks;
  pl_cli_ensemble ensemble;  // its names are the two sides
  const char *rle;
  uint64_t show, size;
  bool json;
} arguments;

// What is compared: a run's held-out cases, or a submission.
typedef struct side {
  const char *name;
  char **ids;  // sorted
  pl_score_case *scores;
  size_t count;
} side;

// A case that both have.
typedef struct pair {
  const char *id;  // borrowed from side a
  pl_score_case a, b;
  double delta;  // dice of b less dice of a
} pair;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      state->child_inputs[0] = &a->masks;
      state->child_inputs[1] = &a->ensemble;
      return 0;
    case OPTION_RLE: a->rle = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_SHOW:
      if (!pl_parse_u64(&a->show, arg, strlen(arg))) argp_error(state, "--show takes a number, not '%s'", arg);
      return 0;
    case OPTION_SIZE:
      if (!pl_parse_u64(&a->size, arg, strlen(arg)) || a->size < 1 || a->size > PL_IMAGE_SIDE_MAX) {
        argp_error(state, "--size takes 1 to %d pixels, not '%s'", PL_IMAGE_SIDE_MAX, arg);
      }
      return 0;
    case ARGP_KEY_END:
      if (a->ensemble.count != 2) argp_error(state, "two things to compare: runs, or submissions");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// ---- The two sides

static void clear_side(side *s) {
  for (size_t i = 0; i < s->count; i++) free(s->ids[i]);
  free(s->ids);
  free(s->scores);
}

typedef struct by_id_entry {
  char *id;
  pl_score_case score;
} by_id_entry;

static int by_id(const void *a, const void *b) {
  return strcmp(((const by_id_entry *)a)->id, ((const by_id_entry *)b)->id);
}

static void fill_side(side *s, by_id_entry *entries, size_t count) {
  if (count > 1) qsort(entries, count, sizeof *entries, by_id);
  s->ids = pl_xcalloc(count + 1, sizeof *s->ids);
  s->scores = pl_xcalloc(count + 1, sizeof *s->scores);
  s->count = count;
  for (size_t i = 0; i < count; i++) {
    s->ids[i] = entries[i].id;
    s->scores[i] = entries[i].score;
  }
  free(entries);
}

static pl_status load_run(side *s, const arguments *a, const char *name, pl_error *err) {
  pl_cli_ensemble one = a->ensemble;
  one.names[0] = name;
  one.count = 1;
  one.checkpoint = NULL;
  pl_cli_masks_rule rule;
  pl_evaluation e = {.scores = NULL};
  pl_status status = pl_cli_ensemble_evaluate(&e, &one, a->json, err);
  if (status == PL_OK) status = pl_cli_masks_choose(&rule, &a->masks, &e.ensemble, err);
  if (status == PL_OK) status = pl_evaluation_score(&e, &rule.binarizer, err);
  if (status == PL_OK) {
    by_id_entry *entries = pl_xcalloc(e.cases.count + 1, sizeof *entries);
    for (size_t i = 0; i < e.cases.count; i++) {
      const pl_case *c = &e.ensemble.manifest.cases[e.cases.cases[i].index];
      entries[i] = (by_id_entry){pl_xstrdup(c->id), e.scores[i]};
    }
    fill_side(s, entries, e.cases.count);
  }
  pl_evaluation_clear(&e);
  pl_cli_ensemble_clear(&one);
  return status;
}

static pl_status load_submission(side *s, const arguments *a, const char *name, const char *rle, pl_error *err) {
  pl_rle_table submission = {0}, labels = {0};
  pl_submission_score found = {0};
  pl_status status = pl_rle_table_load(&submission, name, true, err);
  if (status == PL_OK) status = pl_rle_table_load(&labels, rle, false, err);
  const pl_submission_tables tables = {.submission = &submission,
                                       .labels = &labels,
                                       .submission_name = name,
                                       .labels_name = rle,
                                       .width = (uint32_t)a->size,
                                       .height = (uint32_t)a->size};
  if (status == PL_OK) status = pl_submission_score_tables(&found, &tables, err);
  if (status == PL_OK) {
    by_id_entry *entries = pl_xcalloc(found.count + 1, sizeof *entries);
    for (size_t i = 0; i < found.count; i++) entries[i] = (by_id_entry){pl_xstrdup(found.ids[i]), found.cases[i]};
    fill_side(s, entries, found.count);
  }
  pl_submission_score_clear(&found);
  pl_rle_table_clear(&labels);
  pl_rle_table_clear(&submission);
  return status;
}

static pl_status load_side(side *s, const arguments *a, const char *name, pl_error *err) {
  s->name = name;
  if (!pl_fs_is_file(name)) return load_run(s, a, name, err);
  char *workspace = NULL, *rle = a->rle != NULL ? pl_xstrdup(a->rle) : NULL;
  pl_status status = PL_OK;
  if (rle == NULL) {
    status = pl_cli_workspace(&workspace, a->ensemble.workspace, err);
    if (status == PL_OK) status = pl_cli_label_choice_table(&rle, &a->ensemble.labels, workspace, err);
  }
  if (status == PL_OK) status = load_submission(s, a, name, rle, err);
  free(workspace);
  free(rle);
  return status;
}

// ---- The comparison

typedef struct comparison {
  pair *pairs;  // by falling delta
  double *deltas;
  size_t count;
  pl_score_summary a, b;
  double delta;
  pl_interval interval;
  bool noise;  // the interval includes 0
  size_t better, worse, equal;
} comparison;

static int by_delta(const void *a, const void *b) {
  const pair *x = a, *y = b;
  if (x->delta != y->delta) return x->delta < y->delta ? 1 : -1;
  return strcmp(x->id, y->id);
}

static pl_status match(comparison *out, const side *a, const side *b, pl_error *err) {
  comparison c = {.pairs = pl_xcalloc(a->count + 1, sizeof *c.pairs),
                  .deltas = pl_xcalloc(a->count + 1, sizeof(double))};
  pl_score_case *one = pl_xcalloc(a->count + 1, sizeof *one), *two = pl_xcalloc(a->count + 1, sizeof *two);
  for (size_t i = 0, k = 0; i < a->count; i++) {
    while (k < b->count && strcmp(b->ids[k], a->ids[i]) < 0) k++;
    if (k == b->count || strcmp(b->ids[k], a->ids[i]) != 0) continue;
    one[c.count] = a->scores[i];
    two[c.count] = b->scores[k];
    const double delta = pl_score_dice(&two[c.count]) - pl_score_dice(&one[c.count]);
    c.deltas[c.count] = delta;
    c.pairs[c.count] = (pair){a->ids[i], one[c.count], two[c.count], delta};
    c.better += delta > 0;
    c.worse += delta < 0;
    c.equal += delta == 0;
    c.count++;
  }
  c.a = pl_score_summarise(one, c.count);
  c.b = pl_score_summarise(two, c.count);
  free(one);
  free(two);
  *out = c;
  if (c.count > 0) return PL_OK;
  return pl_fail(err, PL_E_USAGE,
                 "%.60s has %zu cases and %.60s %zu, and none of them is in both: runs of different folds hold out "
                 "different cases",
                 a->name, a->count, b->name, b->count);
}

static void measure(comparison *c) {
  c->delta = c->b.dice - c->a.dice;
  c->interval = pl_bootstrap_mean(c->deltas, c->count, SEED);
  c->noise = c->interval.low <= 0 && c->interval.high >= 0;
  qsort(c->pairs, c->count, sizeof *c->pairs, by_delta);
}

static void print_pair(const pair *p) {
  char id[160];
  (void)pl_safe_text(id, sizeof id, p->id, strlen(p->id));
  printf("  %+.4f  %.4f  %.4f  %8" PRIu64 "  %s\n", p->delta, pl_score_dice(&p->a), pl_score_dice(&p->b), p->a.truth,
         id);
}

static void print_score(const char *name, double a, double b) {
  char n[2][PL_CLI_NUMBER_SIZE];
  printf("%-10s  %8s  %8s", name, pl_cli_number(n[0], a), pl_cli_number(n[1], b));
  printf(isnan(b - a) ? "\n" : "  %+.4f\n", b - a);
}

static void print(const comparison *c, const side *a, const side *b, size_t show) {
  char name[2][100];
  (void)pl_safe_text(name[0], sizeof name[0], a->name, strlen(a->name));
  (void)pl_safe_text(name[1], sizeof name[1], b->name, strlen(b->name));
  printf("A           %s\nB           %s\ncases       %zu of both; %zu of A alone, %zu of B alone\n\n", name[0],
         name[1], c->count, a->count - c->count, b->count - c->count);
  printf("                   A         B    B - A\n");
  print_score("dice", c->a.dice, c->b.dice);
  print_score("dice_pos", c->a.dice_pos, c->b.dice_pos);
  print_score("dice_neg", c->a.dice_neg, c->b.dice_neg);
  print_score("precision", c->a.precision, c->b.precision);
  print_score("recall", c->a.recall, c->b.recall);
  printf("\nB - A       %+.4f, 95 %% from %+.4f to %+.4f: %s\n", c->delta, c->interval.low, c->interval.high,
         c->noise ? "within noise" : (c->delta > 0 ? "B is better" : "A is better"));
  printf("            better on %zu, worse on %zu, equal on %zu\n", c->better, c->worse, c->equal);
  const size_t best = c->better < show ? c->better : show, worst = c->worse < show ? c->worse : show;
  if (best > 0) printf("\nMost improved: B - A, A, B, area of the label\n");
  for (size_t i = 0; i < best; i++) print_pair(&c->pairs[i]);
  if (worst > 0) printf("\nMost worse\n");
  for (size_t i = 0; i < worst; i++) print_pair(&c->pairs[c->count - 1 - i]);
}

static json_t *compare_json(const comparison *c, const side *a, const side *b) {
  json_t *cases = json_array();
  for (size_t i = 0; i < c->count; i++) {
    const pair *p = &c->pairs[i];
    (void)json_array_append_new(
        cases, json_pack("{s:s, s:o, s:f, s:f, s:I}", "id", p->id, "delta", json_real(p->delta), "a",
                         pl_score_dice(&p->a), "b", pl_score_dice(&p->b), "area", (json_int_t)p->a.truth));
  }
  return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:o}", "cases", (json_int_t)c->count,
                   "only_a", (json_int_t)(a->count - c->count), "only_b", (json_int_t)(b->count - c->count), "dice_a",
                   pl_cli_number_json(c->a.dice), "dice_b", pl_cli_number_json(c->b.dice), "delta",
                   pl_cli_number_json(c->delta), "delta_95", pl_cli_interval_json(c->interval), "within_noise",
                   (int)c->noise, "better", (json_int_t)c->better, "worse", (json_int_t)c->worse, "equal",
                   (json_int_t)c->equal, "by_case", cases);
}

static pl_status compare(void *input, pl_error *err) {
  const arguments *a = input;
  side one = {.name = NULL}, two = {.name = NULL};
  comparison c = {.pairs = NULL};
  pl_status status = load_side(&one, a, a->ensemble.names[0], err);
  if (status == PL_OK) status = load_side(&two, a, a->ensemble.names[1], err);
  if (status == PL_OK) status = match(&c, &one, &two, err);
  if (status == PL_OK) measure(&c);
  if (status == PL_OK && a->json) {
    status = pl_cli_print_json(compare_json(&c, &one, &two), err);
  } else if (status == PL_OK) {
    print(&c, &one, &two, a->show);
  }
  free(c.pairs);
  free(c.deltas);
  clear_side(&one);
  clear_side(&two);
  return status;
}

int pl_cli_compare(int argc, char **argv) {
  arguments a = {.masks = {.otherwise = "half"}, .show = 10, .size = SIZE_DEFAULT};
  return pl_cli_run(&parser, argc, argv, &a, compare);
}

static const struct argp_option options[] = {
    {.name = "rle",
     .key = OPTION_RLE,
     .arg = "FILE",
     .doc = "The labels that submissions are scored by (default: the workspace's, see --labels)"},
    {.name = "size", .key = OPTION_SIZE, .arg = "PX", .doc = "Side of a submission's images (default: 1024)"},
    {.name = "show", .key = OPTION_SHOW, .arg = "N", .doc = "How many cases to list at either end (default: 10)"},
    {.name = "json", .key = OPTION_JSON, .doc = "All cases as JSON"},
    {0},
};
static const struct argp_child children[] = {
    {&pl_cli_masks_argp, 0, NULL, 0}, {&pl_cli_ensemble_argp, 0, "Runs and their networks", 1}, {0}};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .children = children,
    .args_doc = "A B",
    .doc =
        "Compares two runs on the cases that both held out, or a run with a submission, or two submissions.\v"
        "The difference is told with the interval that 95 % of 2000 draws of the cases give it (paired bootstrap); "
        "when that includes 0 the two differ by no more than chance does.\n\n"
        "Examples:\n"
        "  pleura compare 2026-11-23-a 2026-11-24-a\n"
        "  pleura compare submission-1.csv submission-2.csv --rle stage_2_train.csv",
};
