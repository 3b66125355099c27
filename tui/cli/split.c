// pleura split: folds for cross validation.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/manifest.h"
#include "core/data/split.h"
#include "tui/cli/cli.h"

enum { OPTION_RLE = 256, OPTION_FOLDS, OPTION_BY, OPTION_SEED, OPTION_STRICT, PROBLEMS_SHOWN = 5 };

typedef struct arguments {
  const char *rle, *output, *workspace;
  int folds;
  bool by_row, strict;
  uint64_t seed;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  uint64_t value = 0;
  switch (key) {
    case OPTION_RLE: a->rle = arg; return 0;
    case OPTION_STRICT: a->strict = true; return 0;
    case 'o': a->output = arg; return 0;
    case 'C': a->workspace = arg; return 0;
    case OPTION_FOLDS:
      if (!pl_parse_u64(&value, arg, strlen(arg)) || value < 2 || value > PL_FOLDS_MAX) {
        argp_error(state, "--folds takes a number from 2 to %d, not '%s'", PL_FOLDS_MAX, arg);
      }
      a->folds = (int)value;
      return 0;
    case OPTION_SEED:
      if (!pl_parse_u64(&a->seed, arg, strlen(arg))) argp_error(state, "--seed takes a number from 0, not '%s'", arg);
      return 0;
    case OPTION_BY:
      if (strcmp(arg, "image") != 0 && strcmp(arg, "row") != 0)
        argp_error(state, "--by takes image or row, not '%s'", arg);
      a->by_row = strcmp(arg, "row") == 0;
      return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is one word too many; --rle names the table", arg); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// Where the table is and where the folds go. A bare table without -o goes into the current folder.
static pl_status find_files(const arguments *a, char **workspace, char **rle, char **output, pl_error *err) {
  if (a->workspace != NULL || a->rle == NULL) {
    pl_status status = pl_workspace_find(workspace, a->workspace != NULL ? a->workspace : ".", err);
    if (status != PL_OK) return status;
  }
  *rle = a->rle != NULL ? pl_xstrdup(a->rle) : pl_path_join(*workspace, "train-rle.csv");
  if (a->output != NULL)
    *output = pl_xstrdup(a->output);
  else
    *output = pl_path_join(*workspace != NULL ? *workspace : ".", "folds.csv");
  return PL_OK;
}

// Which of the table's images the workspace has with a label, or NULL when it has no cases; the caller frees.
static pl_status find_present(bool **present, const char *workspace, const pl_rle_table *table, pl_error *err) {
  pl_manifest m = {0};
  pl_status status = pl_manifest_load(&m, workspace, err);
  if (status != PL_OK) return status;
  if (m.count > 0) {
    *present = pl_xcalloc(table->image_count, sizeof **present);
    for (size_t i = 0; i < m.count; i++) {
      const pl_case *c = &m.cases[i];
      const pl_rle_image *image = pl_rle_table_find(table, c->id);
      if (image != NULL && c->part == PL_PART_TRAIN && c->status == PL_CASE_OK)
        (*present)[image - table->images] = true;
    }
  }
  pl_manifest_clear(&m);
  return PL_OK;
}

static void print_problems(const pl_rle_table *table) {
  if (table->problem_count == 0) return;
  fprintf(stderr, "%zu bad rows were left out:\n", table->problem_count);
  for (size_t i = 0; i < table->problem_count && i < PROBLEMS_SHOWN; i++) {
    const pl_row_problem *p = &table->problems[i];
    fprintf(stderr, "  line %zu%s%s: %s\n", p->line, p->id[0] != '\0' ? " " : "", p->id, p->message);
  }
}

static void print_sizes(const arguments *a, const pl_rle_table *table, const int *folds, const char *output) {
  pl_fold_size sizes[PL_FOLDS_MAX], total = {0};
  size_t spread = pl_split_count(sizes, table, folds, a->folds);
  printf("fold    rows  images  positives\n");
  for (int f = 0; f < a->folds; f++) {
    printf("%4d  %6zu  %6zu  %9zu\n", f, sizes[f].rows, sizes[f].images, sizes[f].positives);
    total.rows += sizes[f].rows;
  }
  for (size_t i = 0; i < table->image_count; i++) total.positives += table->images[i].has_mask;
  printf(" all  %6zu  %6zu  %9zu\n", total.rows, table->image_count, total.positives);
  printf("written to %s\n", output);
  if (spread > 0) {
    printf(
        "note: %zu images have rows in more than one fold, so validation sees images that were trained on; --by image "
        "avoids that\n",
        spread);
  }
}

static pl_status split(const arguments *a, const char *workspace, const char *rle, const char *output, pl_error *err) {
  pl_rle_table table = {0};
  pl_status status = pl_rle_table_load(&table, rle, a->strict, err);
  if (status != PL_OK) return status;
  print_problems(&table);
  bool *present = NULL;
  int *folds = pl_xcalloc(table.count, sizeof *folds);
  if (a->by_row) {
    status = pl_split_by_row(folds, &table, a->folds, err);
  } else {
    if (workspace != NULL) status = find_present(&present, workspace, &table, err);
    if (status == PL_OK) status = pl_split_by_image(folds, &table, present, a->folds, a->seed, err);
  }
  if (status == PL_OK) status = pl_folds_save(output, &table, folds, err);
  if (status == PL_OK) print_sizes(a, &table, folds, output);
  free(folds);
  free(present);
  pl_rle_table_clear(&table);
  return status;
}

int pl_cli_split(int argc, char **argv) {
  arguments a = {.folds = PL_FOLDS_DEFAULT, .seed = PL_SPLIT_SEED_DEFAULT};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  char *workspace = NULL, *rle = NULL, *output = NULL;
  pl_status status = find_files(&a, &workspace, &rle, &output, &err);
  if (status == PL_OK) status = split(&a, workspace, rle, output, &err);
  free(workspace);
  free(rle);
  free(output);
  return status == PL_OK ? 0 : pl_cli_report("split", &err);
}

static const struct argp_option options[] = {
    {.name = "rle", .key = OPTION_RLE, .arg = "CSV", .doc = "Table to split (default: the workspace's train-rle.csv)"},
    {.name = "folds", .key = OPTION_FOLDS, .arg = "K", .doc = "Number of folds, 2 to 100 (default: 5)"},
    {.name = "by", .key = OPTION_BY, .arg = "image|row", .doc = "What is dealt to the folds (default: image)"},
    {.name = "seed", .key = OPTION_SEED, .arg = "N", .doc = "Seed of the split by image (default: 42)"},
    {.name = "strict", .key = OPTION_STRICT, .doc = "Stop at the first bad row, instead of leaving it out"},
    {.name = "output", .key = 'o', .arg = "CSV", .doc = "File to write (default: folds.csv in the workspace, or here)"},
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "Workspace (default: the one around the current folder)"},
    {0},
};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .doc =
        "Deals images to folds, with the same share of positives in each, and writes ImageId, EncodedPixels, has_mask, "
        "kfold.\v"
        "By image, all rows of one image are in one fold, whatever the order of the rows. By row, the folds are "
        "exactly "
        "those of scikit-learn's StratifiedKFold() on the rows of the table, which puts images that have several rows "
        "into several folds.\n\n"
        "Examples:\n"
        "  pleura split\n"
        "  pleura split --rle train-rle.csv --by row -o folds.csv",
};
