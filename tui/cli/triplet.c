// pleura triplet: the three thresholds that score best on what runs held out.
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
#include "core/score/found.h"
#include "tui/cli/cli.h"
#include "tui/cli/ensemble.h"
#include "tui/cli/place.h"
#include "tui/cli/score_words.h"

enum { OPTION_TOPS = 256, OPTION_AREAS, OPTION_BOTTOMS, OPTION_JSON, SEED = 1, TRIPLETS_MAX = 1000000 };

// "FROM:TO:STEP" of the command line; NULL for the grid's own.
typedef struct arguments {
  pl_cli_ensemble ensemble;
  const char *tops, *areas, *bottoms, *output;
  bool json;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &a->ensemble; return 0;
    case OPTION_TOPS: a->tops = arg; return 0;
    case OPTION_AREAS: a->areas = arg; return 0;
    case OPTION_BOTTOMS: a->bottoms = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case 'o': a->output = arg; return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// ---- The grid

// Reads FROM:TO:STEP, or one value, as three doubles.
static bool read_range(double out[3], const char *text) {
  const char *first = strchr(text, ':'), *second = first != NULL ? strchr(first + 1, ':') : NULL;
  if (first == NULL) {
    out[2] = 1;
    return pl_parse_double(&out[0], text, strlen(text)) && pl_parse_double(&out[1], text, strlen(text));
  }
  return second != NULL && pl_parse_double(&out[0], text, (size_t)(first - text)) &&
         pl_parse_double(&out[1], first + 1, (size_t)(second - first - 1)) &&
         pl_parse_double(&out[2], second + 1, strlen(second + 1)) && out[0] <= out[1] && out[2] > 0;
}

static pl_status read_levels(int *first, int *last, int *step, const char *option, const char *text, pl_error *err) {
  if (text == NULL) return PL_OK;
  double range[3];
  pl_level_triplet begin, end;
  const bool good = read_range(range, text) &&
                    pl_level_triplet_of(&begin, &(pl_triplet){.top = range[0], .bottom = range[1]}) &&
                    pl_level_triplet_of(&end, &(pl_triplet){.top = fmin(range[2], 1), .bottom = 0}) && end.top > 0;
  if (!good) {
    return pl_fail(err, PL_E_USAGE, "%s takes FROM:TO:STEP in hundredths, as 0.3:0.9:0.05, not '%.60s'", option, text);
  }
  *first = begin.top;
  *last = begin.bottom;
  *step = end.top;
  return PL_OK;
}

static pl_status read_areas(pl_triplet_grid *g, const char *text, pl_error *err) {
  if (text == NULL) return PL_OK;
  double r[3];
  if (!read_range(r, text) || r[0] < 0 || r[1] > 1e9 || r[2] < 1 || r[0] != floor(r[0]) || r[2] != floor(r[2])) {
    return pl_fail(err, PL_E_USAGE, "--areas takes FROM:TO:STEP in pixels, as 0:3000:200, not '%.60s'", text);
  }
  g->area_first = (uint64_t)r[0];
  g->area_last = (uint64_t)r[1];
  g->area_step = (uint64_t)r[2];
  return PL_OK;
}

static double count_triplets(const pl_triplet_grid *g) {
  return (double)((g->top_last - g->top_first) / g->top_step + 1) *
         (double)((g->bottom_last - g->bottom_first) / g->bottom_step + 1) *
         (double)((g->area_last - g->area_first) / g->area_step + 1);
}

static pl_status make_grid(pl_triplet_grid *out, const arguments *a, const pl_evaluation *e, pl_error *err) {
  const pl_case *c = &e->ensemble.manifest.cases[e->cases.cases[0].index];
  pl_triplet_grid g = pl_triplet_grid_default((uint64_t)c->rows * c->cols);
  pl_status status = read_levels(&g.top_first, &g.top_last, &g.top_step, "--tops", a->tops, err);
  if (status == PL_OK) {
    status = read_levels(&g.bottom_first, &g.bottom_last, &g.bottom_step, "--bottoms", a->bottoms, err);
  }
  if (status == PL_OK) status = read_areas(&g, a->areas, err);
  if (status == PL_OK && g.bottom_first > g.top_last) {
    status = pl_fail(err, PL_E_USAGE, "no bottom threshold of this grid is below a top one");
  }
  if (status == PL_OK && count_triplets(&g) > TRIPLETS_MAX) {
    status = pl_fail(err, PL_E_LIMIT, "%.0f triplets are too many: at most %d; take larger steps", count_triplets(&g),
                     TRIPLETS_MAX);
  }
  if (status == PL_OK) *out = g;
  return status;
}

// ---- The search

typedef struct fold_result {
  int fold;
  size_t images;
  pl_level_triplet best, others;  // of its own cases; of those of the other folds
  double dice, others_dice;       // on its own cases
} fold_result;

typedef struct result {
  pl_triplet_grid grid;
  pl_level_triplet best;
  double dice, half, winner;  // over all; of these triplets
  double held_out;            // each fold by the triplet of the others; NAN with one fold
  pl_interval interval;       // of the best triplet's dice
  fold_result *folds;
  size_t fold_count;
} result;

static double dice_of(const pl_evaluation *e, const bool *use, const pl_level_triplet *t) {
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < e->cases.count; i++) {
    if (use != NULL && !use[i]) continue;
    const pl_score_case c = pl_levels_case(&e->levels[i], t);
    sum += pl_score_dice(&c);
    count++;
  }
  return count > 0 ? sum / (double)count : (double)NAN;
}

static void search_folds(result *r, const pl_evaluation *e) {
  bool *own = pl_xcalloc(e->cases.count + 1, sizeof *own), *others = pl_xcalloc(e->cases.count + 1, sizeof *others);
  const int folds = e->ensemble.manifest.fold_count;
  r->folds = pl_xcalloc((size_t)folds + 1, sizeof *r->folds);
  double sum = 0;
  for (int fold = 0; fold < folds; fold++) {
    fold_result f = {.fold = fold, .others_dice = (double)NAN};
    for (size_t i = 0; i < e->cases.count; i++) {
      own[i] = pl_evaluation_fold_of(e, i) == fold;
      others[i] = !own[i];
      f.images += own[i];
    }
    if (f.images == 0) continue;
    f.best = pl_triplet_search(&f.dice, e->levels, own, e->cases.count, &r->grid);
    if (f.images < e->cases.count) {
      f.others = pl_triplet_search(NULL, e->levels, others, e->cases.count, &r->grid);
      f.others_dice = dice_of(e, own, &f.others);
      sum += f.others_dice * (double)f.images;
    }
    r->folds[r->fold_count++] = f;
  }
  r->held_out = r->fold_count > 1 ? sum / (double)e->cases.count : (double)NAN;
  free(own);
  free(others);
}

static pl_interval interval_of(const pl_evaluation *e, const pl_level_triplet *t) {
  double *dice = pl_xcalloc(e->cases.count + 1, sizeof *dice);
  for (size_t i = 0; i < e->cases.count; i++) {
    const pl_score_case c = pl_levels_case(&e->levels[i], t);
    dice[i] = pl_score_dice(&c);
  }
  const pl_interval interval = pl_bootstrap_mean(dice, e->cases.count, SEED);
  free(dice);
  return interval;
}

static void search(result *r, const pl_evaluation *e) {
  const pl_triplet half = pl_triplet_half(), winner = pl_triplet_winner();
  pl_level_triplet t;
  r->best = pl_triplet_search(&r->dice, e->levels, NULL, e->cases.count, &r->grid);
  r->interval = interval_of(e, &r->best);
  r->half = pl_level_triplet_of(&t, &half) ? dice_of(e, NULL, &t) : (double)NAN;
  r->winner = pl_level_triplet_of(&t, &winner) ? dice_of(e, NULL, &t) : (double)NAN;
  search_folds(r, e);
}

// ---- What is told

static const char *text_of(char out[PL_TRIPLET_TEXT_SIZE], const pl_level_triplet *t) {
  const pl_triplet values = pl_level_triplet_values(t);
  pl_triplet_text(out, &values);
  return out;
}

static json_t *folds_json(const result *r) {
  json_t *list = json_array();
  for (size_t k = 0; k < r->fold_count; k++) {
    const fold_result *f = &r->folds[k];
    char best[PL_TRIPLET_TEXT_SIZE], others[PL_TRIPLET_TEXT_SIZE];
    json_t *o = json_pack("{s:i, s:I, s:s, s:o}", "fold", f->fold, "images", (json_int_t)f->images, "triplet",
                          text_of(best, &f->best), "dice", pl_cli_number_json(f->dice));
    if (r->fold_count > 1) {
      (void)json_object_set_new(o, "others_triplet", json_string(text_of(others, &f->others)));
      (void)json_object_set_new(o, "others_dice", pl_cli_number_json(f->others_dice));
    }
    (void)json_array_append_new(list, o);
  }
  return list;
}

// Also what the file holds that `submit` and `eval --triplet found` read.
static json_t *result_json(const result *r, const pl_evaluation *e) {
  char best[PL_TRIPLET_TEXT_SIZE], *names = pl_ensemble_names(&e->ensemble);
  json_t *o = json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:I, s:o, s:o, s:o, s:o}", "format", 1, "triplet",
                        text_of(best, &r->best), "by", "pleura triplet", "dice", pl_cli_number_json(r->dice), "dice_95",
                        pl_cli_interval_json(r->interval), "runs", names, "images", (json_int_t)e->cases.count,
                        "held_out_dice", pl_cli_number_json(r->held_out), "half_dice", pl_cli_number_json(r->half),
                        "winner_dice", pl_cli_number_json(r->winner), "folds", folds_json(r));
  free(names);
  return o;
}

static pl_status write_result(const char *path, const result *r, const pl_evaluation *e, pl_error *err) {
  json_t *o = result_json(r, e);
  char *text = o != NULL ? json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(o);
  if (text == NULL) return pl_fail(err, PL_E_FORMAT, "the names of the runs are not UTF-8");
  pl_status status = pl_fs_replace(path, text, strlen(text), err);
  free(text);
  return status;
}

static void print(const result *r, const pl_evaluation *e, const char *path) {
  char best[PL_TRIPLET_TEXT_SIZE], others[PL_TRIPLET_TEXT_SIZE];
  char n[3][PL_CLI_NUMBER_SIZE];
  const pl_triplet_grid *g = &r->grid;
  printf("grid        tops %.2f to %.2f, bottoms %.2f to %.2f, areas %" PRIu64 " to %" PRIu64
         " pixels: %.0f triplets\n",
         g->top_first / 100.0, g->top_last / 100.0, g->bottom_first / 100.0, g->bottom_last / 100.0, g->area_first,
         g->area_last, count_triplets(g));
  printf("\nfold  images  best triplet        dice  others' triplet     dice\n");
  for (size_t k = 0; k < r->fold_count; k++) {
    const fold_result *f = &r->folds[k];
    const bool several = r->fold_count > 1;
    printf("%4d  %6zu  %-16s  %6s  %-16s  %6s\n", f->fold, f->images, text_of(best, &f->best),
           pl_cli_number(n[0], f->dice), several ? text_of(others, &f->others) : "-",
           pl_cli_number(n[1], f->others_dice));
  }
  printf(" all  %6zu  %-16s  %6s  %-16s  %6s\n", e->cases.count, text_of(best, &r->best), pl_cli_number(n[0], r->dice),
         "", pl_cli_number(n[1], r->held_out));
  printf("\ntriplet     %s: dice %s, 95 %% from %s to %s\n", best, pl_cli_number(n[0], r->dice),
         pl_cli_number(n[1], r->interval.low), pl_cli_number(n[2], r->interval.high));
  printf("            a threshold of 0.5 alone %s, the winner's 0.75,2000,0.3 %s\n", pl_cli_number(n[0], r->half),
         pl_cli_number(n[1], r->winner));
  printf("written     %s, for 'pleura submit' and 'pleura eval --triplet found'\n", path);
}

static pl_status find(const arguments *a, pl_evaluation *e, pl_error *err) {
  result r = {.folds = NULL};
  pl_status status = make_grid(&r.grid, a, e, err);
  if (status == PL_OK) status = pl_evaluation_count(e, err);
  if (status != PL_OK) return status;
  search(&r, e);
  char *path = a->output != NULL ? pl_xstrdup(a->output) : pl_path_join(e->ensemble.manifest.workspace, PL_FOUND_FILE);
  status = write_result(path, &r, e, err);
  if (status == PL_OK && a->json) {
    status = pl_cli_print_json(result_json(&r, e), err);
  } else if (status == PL_OK) {
    print(&r, e, path);
  }
  free(path);
  free(r.folds);
  return status;
}

static pl_status open_and_find(void *input, pl_error *err) {
  arguments *a = input;
  pl_evaluation e = {.scores = NULL};
  if (a->output == NULL) a->ensemble.keeps = PL_FOUND_FILE;
  pl_status status = pl_cli_check_output(a->output, err);
  if (status == PL_OK) status = pl_cli_ensemble_evaluate(&e, &a->ensemble, a->json, err);
  if (status == PL_OK) status = find(a, &e, err);
  pl_evaluation_clear(&e);
  pl_cli_ensemble_clear(&a->ensemble);
  return status;
}

int pl_cli_triplet(int argc, char **argv) {
  arguments a = {.json = false};
  return pl_cli_run(&parser, argc, argv, &a, open_and_find);
}

static const struct argp_option options[] = {
    {.name = "tops", .key = OPTION_TOPS, .arg = "FROM:TO:STEP", .doc = "Top thresholds in hundredths (0.20:0.95:0.05)"},
    {.name = "areas",
     .key = OPTION_AREAS,
     .arg = "FROM:TO:STEP",
     .doc = "Areas in pixels of the label's size (0:3000:200 at 1024 x 1024, scaled to other sizes)"},
    {.name = "bottoms", .key = OPTION_BOTTOMS, .arg = "FROM:TO:STEP", .doc = "Bottom thresholds (0.05:0.95:0.05)"},
    {.name = "output",
     .key = 'o',
     .arg = "FILE",
     .doc = "Where the result goes (default: the workspace's triplet.json)"},
    {.name = "json", .key = OPTION_JSON, .doc = "Print all of it as JSON"},
    {0},
};
static const struct argp_child children[] = {{&pl_cli_ensemble_argp, 0, "Runs and their networks", 1}, {0}};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .children = children,
    .args_doc = "[RUN[:WEIGHT]|GROUP[:WEIGHT]...]",
    .doc =
        "Searches the competition winner's three thresholds on the cases that the runs held out: an image has a "
        "pneumothorax when at least AREA pixels are above TOP; its mask is then every pixel above BOTTOM.\v"
        "The best triplet of each fold, and of all together (out of fold). Because a triplet that was chosen on the "
        "same images scores too well on them, each fold is also scored by the triplet of the others. Of equal ones "
        "the first is taken, by rising top, area and bottom.\n\n"
        "Example:\n"
        "  pleura triplet fold0 fold1 fold2 fold3 fold4",
};
