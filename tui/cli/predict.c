// pleura predict: maps of probabilities of cases.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/image/probability.h"
#include "tui/cli/cli.h"
#include "tui/cli/ensemble.h"
#include "tui/cli/place.h"

enum { OPTION_PART = 256 };

typedef struct arguments {
  pl_cli_ensemble ensemble;
  const char *output, *part;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->ensemble; return 0;
    case 'o': a->output = arg; return 0;
    case OPTION_PART:
      if (strcmp(arg, "test") != 0 && strcmp(arg, "train") != 0 && strcmp(arg, "all") != 0) {
        argp_error(state, "--part is test, train or all, not '%s'", arg);
      }
      a->part = arg;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// Rising indices of the cases that are meant; the caller frees.
static pl_status select_cases(size_t **out, size_t *count, const arguments *a, const pl_manifest *m, pl_error *err) {
  pl_filter where = {.count = 0};
  pl_status status = pl_cli_ensemble_filter(&where, &a->ensemble, err);
  if (status != PL_OK) return status;
  const char *part = a->part != NULL ? a->part : (a->ensemble.where != NULL ? "all" : "test");
  size_t *cases = pl_xcalloc(m->count + 1, sizeof *cases);
  *count = 0;
  for (size_t i = 0; i < m->count; i++) {
    const pl_case *c = &m->cases[i];
    if (c->status == PL_CASE_BAD || (strcmp(part, "all") != 0 && strcmp(part, pl_part_name(c->part)) != 0)) continue;
    if (pl_filter_holds(&where, c)) cases[(*count)++] = i;
  }
  if (*count > 0) {
    *out = cases;
    return PL_OK;
  }
  free(cases);
  return pl_fail(err, PL_E_USAGE, "no case to predict: part %s%s%s", part, a->ensemble.where != NULL ? ", where " : "",
                 where.text);
}

// The mean of several runs' maps, at the images' own size.
static pl_status write_means(const char *folder, const pl_ensemble *e, const pl_ensemble_cases *cases, pl_error *err) {
  char *names = pl_ensemble_names(e), *recipe = pl_xprintf("{\"format\":1,\"mean_of\":\"%s\"}", names);
  int lock = -1;
  pl_status status = pl_maps_begin(&lock, folder, recipe, err);
  free(names);
  free(recipe);
  for (size_t i = 0; i < cases->count && status == PL_OK; i++) {
    const pl_evaluate_case *one = &cases->cases[i];
    const pl_case *c = &e->manifest.cases[one->index];
    char *path = pl_maps_path(folder, c->id);
    pl_image map = {0};
    status = pl_maps_read(&map, one->sources, one->source_count, c->id, c->cols, c->rows, err);
    if (status == PL_OK) status = pl_probability_write(path, &map, err);
    pl_image_clear(&map);
    free(path);
  }
  if (lock >= 0) (void)close(lock);
  return status;
}

static pl_status predict(const arguments *a, const pl_ensemble *e, pl_error *err) {
  size_t *indices = NULL, count = 0;
  pl_ensemble_cases cases = {.count = 0};
  pl_status status = select_cases(&indices, &count, a, &e->manifest, err);
  if (status != PL_OK) return status;
  pl_ensemble_select(&cases, e, indices, count);
  const bool mean = a->output != NULL && e->count > 1;
  status = pl_cli_ensemble_predict(&a->ensemble, e, &cases, mean ? NULL : a->output, false, err);
  if (status == PL_OK && mean) status = write_means(a->output, e, &cases, err);
  if (status == PL_OK && mean) {
    printf("%zu maps, the mean of %zu runs, in %s\n", count, e->count, a->output);
  } else if (status == PL_OK) {
    printf("%zu maps in %s\n", count,
           a->output != NULL ? a->output : (e->count > 1 ? "prob of each run" : e->members[0].maps));
  }
  pl_ensemble_cases_clear(&cases);
  free(indices);
  return status;
}

static pl_status open_and_predict(void *input, pl_error *err) {
  arguments *a = input;
  pl_ensemble e = {.count = 0};
  pl_status status = pl_cli_check_output(a->output, err);
  if (status == PL_OK) status = pl_cli_ensemble_open(&e, &a->ensemble, err);
  if (status == PL_OK) status = pl_cli_ensemble_take_labels(&e, &a->ensemble, err);
  if (status == PL_OK) status = predict(a, &e, err);
  pl_ensemble_clear(&e);
  pl_cli_ensemble_clear(&a->ensemble);
  return status;
}

int pl_cli_predict(int argc, char **argv) {
  arguments a = {.output = NULL};
  return pl_cli_run(&parser, argc, argv, &a, open_and_predict);
}

static const struct argp_option options[] = {
    {.name = "part",
     .key = OPTION_PART,
     .arg = "PART",
     .doc = "Cases of the part test (the default), train, or all (the default with --where)"},
    {.name = "output",
     .key = 'o',
     .arg = "DIR",
     .doc = "Where the maps go (default: RUN/prob); of several runs their mean, at the images' own size"},
    {0},
};
static const struct argp_child children[] = {{&pl_cli_ensemble_argp, 0, "Runs and their networks", 1}, {0}};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .children = children,
    .args_doc = "[RUN[:WEIGHT]|GROUP[:WEIGHT]|RUN/ckpt/STEP...]",
    .doc =
        "Writes what a run's network makes of cases: 16-bit PNG, round(p * 65535).\v"
        "Maps that are there already are kept, so that an interrupted command goes on where it was. Interpolation, "
        "thresholds and masks come later: see 'pleura submit'.\n\n"
        "Examples:\n"
        "  pleura predict fold0 --tta\n"
        "  pleura predict fold0 --where 'flag=check' -o maps",
};
