// pleura split: folds for cross validation.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/folds.h"
#include "core/data/leaks.h"
#include "core/data/manifest.h"
#include "core/data/split.h"
#include "tui/cli/cli.h"
#include "tui/cli/label_choice.h"
#include "tui/cli/leaks.h"
#include "tui/cli/place.h"

enum {
  OPTION_RLE = 256,
  OPTION_FOLDS,
  OPTION_BY,
  OPTION_SEED,
  OPTION_STRICT,
  OPTION_PATIENTS,
  OPTION_LABELS,
  PROBLEMS_SHOWN = 5
};

typedef struct arguments {
  const char *rle, *output, *workspace;
  pl_split_options split;
  pl_cli_label_choice labels;
  bool by_set, strict;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  uint64_t value = 0;
  switch (key) {
    case OPTION_RLE: a->rle = arg; return 0;
    case OPTION_LABELS: pl_cli_label_choice_take(&a->labels, arg, state); return 0;
    case OPTION_STRICT: a->strict = true; return 0;
    case 'o': a->output = arg; return 0;
    case 'C': a->workspace = arg; return 0;
    case OPTION_FOLDS:
      if (!pl_parse_u64(&value, arg, strlen(arg)) || value < 2 || value > PL_FOLDS_MAX) {
        argp_error(state, "--folds takes a number from 2 to %d, not '%s'", PL_FOLDS_MAX, arg);
      }
      a->split.fold_count = (int)value;
      return 0;
    case OPTION_SEED:
      if (!pl_parse_u64(&a->split.seed, arg, strlen(arg)))
        argp_error(state, "--seed takes a number from 0, not '%s'", arg);
      return 0;
    case OPTION_BY:
      a->by_set = true;
      if (!pl_split_by_find(&a->split.by, arg)) argp_error(state, "--by takes patient, image or row, not '%s'", arg);
      return 0;
    case OPTION_PATIENTS: a->split.patients = arg; return 0;
    case ARGP_KEY_END:
      if (a->rle != NULL && a->labels.given)
        argp_error(state, "--labels chooses one of the workspace's tables, --rle another");
      // A map is only of use for this.
      if (a->split.patients != NULL && !a->by_set) a->split.by = PL_SPLIT_BY_PATIENT;
      if (a->split.patients != NULL && a->split.by != PL_SPLIT_BY_PATIENT) {
        argp_error(state, "--patients goes with --by patient, not with --by %s", pl_split_by_name(a->split.by));
      }
      return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is one word too many; --rle names the table", arg); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// Where the table is and where the folds go. A bare table without -o goes into the current folder.
static pl_status find_files(const arguments *a, char **workspace, char **rle, char **output, pl_error *err) {
  if (a->workspace != NULL || a->rle == NULL) {
    pl_status status = pl_cli_workspace(workspace, a->workspace, err);
    if (status != PL_OK) return status;
  }
  if (a->rle != NULL) {
    *rle = pl_xstrdup(a->rle);
  } else {
    pl_status status = pl_cli_label_choice_table(rle, &a->labels, *workspace, err);
    if (status != PL_OK) return status;
  }
  if (a->output != NULL)
    *output = pl_xstrdup(a->output);
  else
    *output = pl_path_join(*workspace != NULL ? *workspace : ".", "folds.csv");
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

// What was written is read again, so that what is told is true of the file.
static pl_status print_folds(const char *output, const char *source, const arguments *a, const pl_manifest *manifest,
                             pl_error *err) {
  pl_folds folds = {0};
  pl_leak_report report = {0};
  pl_status status = pl_folds_load(&folds, output, err);
  if (status != PL_OK) return status;
  const pl_leak_sources sources = {.patients = a->split.patients, .manifest = manifest, .skip_pictures = true};
  status = pl_leaks_find(&report, &folds, &sources, err);
  if (status == PL_OK) {
    pl_cli_print_fold_table(&report, &folds);
    if (source[0] != '\0') printf("patients by %s\n", source);
    printf("written to %s\n", output);
    pl_cli_print_leak_counts(&report, &folds);
  }
  pl_leak_report_clear(&report);
  pl_folds_clear(&folds);
  return status;
}

static pl_status split(const arguments *a, const char *workspace, const char *rle, const char *output, pl_error *err) {
  pl_rle_table table = {0};
  pl_manifest manifest = {0};
  char source[PL_PATIENTS_SOURCE_SIZE] = "";
  pl_status status = pl_rle_table_load(&table, rle, a->strict, err);
  if (status != PL_OK) return status;
  print_problems(&table);
  int *folds = pl_xcalloc(table.count, sizeof *folds);
  if (workspace != NULL) status = pl_manifest_load(&manifest, workspace, err);
  const pl_manifest *known = workspace != NULL ? &manifest : NULL;
  if (status == PL_OK) status = pl_split_make(folds, source, &table, known, &a->split, err);
  if (status == PL_OK) status = pl_folds_save(output, &table, folds, err);
  if (status == PL_OK) status = print_folds(output, source, a, known, err);
  free(folds);
  pl_manifest_clear(&manifest);
  pl_rle_table_clear(&table);
  return status;
}

int pl_cli_split(int argc, char **argv) {
  arguments a = {.split = {.by = PL_SPLIT_BY_IMAGE, .fold_count = PL_FOLDS_DEFAULT, .seed = PL_SPLIT_SEED_DEFAULT}};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  char *workspace = NULL, *rle = NULL, *output = NULL;
  pl_status status = find_files(&a, &workspace, &rle, &output, &err);
  if (status == PL_OK) status = pl_cli_check_output(output, &err);
  if (status == PL_OK) status = split(&a, workspace, rle, output, &err);
  free(workspace);
  free(rle);
  free(output);
  return status == PL_OK ? 0 : pl_cli_report("split", &err);
}

static const struct argp_option options[] = {
    {.name = "rle", .key = OPTION_RLE, .arg = "CSV", .doc = "Table to split (default: the workspace's train-rle.csv)"},
    {.name = "labels", .key = OPTION_LABELS, .arg = PL_CLI_LABELS_ARGUMENT, .doc = PL_CLI_LABELS_HELP},
    {.name = "folds", .key = OPTION_FOLDS, .arg = "K", .doc = "Number of folds, 2 to 100 (default: 5)"},
    {.name = "by",
     .key = OPTION_BY,
     .arg = "patient|image|row",
     .doc = "What is dealt to the folds (default: image; patient with --patients)"},
    {.name = "patients",
     .key = OPTION_PATIENTS,
     .arg = "MAP.csv",
     .doc = "Who is on which image: ImageId,patient, or NIH's table, or ImageId and NIH file name (default: the "
            "workspace's patients.csv, else the DICOM files' patient ids)"},
    {.name = "seed", .key = OPTION_SEED, .arg = "N", .doc = "Seed of the split by patient or image (default: 42)"},
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
        "By patient, all images of a patient are in one fold, and the folds still have even numbers of images and of "
        "positives. By image, all rows of one image are in one fold. Neither depends on the order of the rows. By row, "
        "the folds are exactly those of scikit-learn's StratifiedKFold() on the rows of the table, which puts images "
        "that have several rows into several folds. 'pleura leaks' tells what is in several folds.\n\n"
        "Examples:\n"
        "  pleura split --by patient --patients siim-to-nih-id.csv\n"
        "  pleura split --rle train-rle.csv --by row -o folds.csv",
};
