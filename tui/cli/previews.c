// pleura previews: what the network made of a run's chosen cases, epoch by epoch.
#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/loader.h"
#include "core/data/manifest.h"
#include "core/run/previews.h"
#include "core/run/rundir.h"
#include "tui/cli/cli.h"
#include "tui/cli/label_choice.h"
#include "tui/cli/place.h"

enum { OPTION_JSON = 256, OPTION_THRESHOLD, OPTION_CASE, OPTION_EPOCH, OPTION_LABELS };

typedef struct arguments {
  const char *workspace, *run, *only;
  double threshold;
  int64_t epoch;  // -1 for all
  bool json;
  pl_cli_label_choice labels;
} arguments;

// A run with its previews and the workspace that it was made from.
typedef struct looked_at {
  char *folder;
  pl_run_info *info;
  pl_manifest manifest;
  pl_previews previews;
} looked_at;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_LABELS: pl_cli_label_choice_take(&a->labels, arg, state); return 0;
    case OPTION_CASE: a->only = arg; return 0;
    case OPTION_EPOCH:
      if (!pl_parse_i64(&a->epoch, arg, strlen(arg)) || a->epoch < 0)
        argp_error(state, "--epoch takes a number from 0");
      return 0;
    case OPTION_THRESHOLD:
      if (!pl_parse_double(&a->threshold, arg, strlen(arg)) || !(a->threshold >= 0 && a->threshold <= 1)) {
        argp_error(state, "--threshold takes a probability from 0 to 1");
      }
      return 0;
    case ARGP_KEY_ARG:
      if (a->run != NULL) argp_error(state, "'%s' is one word too many", arg);
      a->run = arg;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static pl_status look(looked_at *l, const arguments *a, pl_error *err) {
  pl_status status = pl_cli_find_run(&l->folder, a->workspace, a->run, err);
  if (status == PL_OK) status = pl_run_load(l->info, l->folder, err);
  if (status == PL_OK) status = pl_cli_label_choice_manifest(&l->manifest, &a->labels, l->info->workspace, err);
  if (status == PL_OK) status = pl_previews_update(&l->previews, l->folder, NULL, err);
  if (status == PL_OK && l->previews.epoch_count == 0) {
    status = pl_fail(err, PL_E_NOTFOUND,
                     "%s has no previews yet; they are made after each evaluation, unless it was started with "
                     "--previews 0",
                     l->info->name);
  }
  return status;
}

// The case's mask at the size of training, as the network was asked for it.
static pl_status read_mask(pl_image *mask, const looked_at *l, const pl_preview_case *c, pl_error *err) {
  size_t index = 0;
  const uint32_t side = (uint32_t)l->info->config.size;
  pl_status status = pl_manifest_find(&index, &l->manifest, c->id, err);
  if (status == PL_OK) status = pl_image_init(mask, side, side, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status != PL_OK) return status;
  uint8_t *image = pl_xmalloc((size_t)side * side);
  status = pl_loader_read(image, mask->u8, &l->manifest, index, side, err);
  free(image);
  return status;
}

// *found is false where the epoch has no map of the case.
static pl_status score(pl_preview_score *out, bool *found, const looked_at *l, const pl_preview_case *c, int64_t epoch,
                       const pl_image *mask, double threshold, pl_error *err) {
  pl_image map = {0};
  pl_status status = pl_previews_load(&map, l->folder, epoch, c->id, err);
  *found = status == PL_OK;
  if (status == PL_E_NOTFOUND) return PL_OK;
  if (status == PL_OK) status = pl_previews_score(out, &map, mask, threshold, err);
  pl_image_clear(&map);
  return status;
}

static void print_score(const arguments *a, json_t *list, const looked_at *l, int64_t epoch, const pl_preview_score *s,
                        const pl_preview_case *c) {
  if (!a->json) {
    printf("  epoch %-5" PRId64 " dice %.4f  found %" PRIu64 " px, right %" PRIu64 "\n", epoch, s->dice, s->predicted,
           s->both);
    return;
  }
  char *path = pl_previews_path(l->folder, epoch, c->id);
  json_t *o = json_object();
  (void)json_object_set_new(o, "epoch", json_integer(epoch));
  (void)json_object_set_new(o, "dice", json_real(s->dice));
  (void)json_object_set_new(o, "predicted", json_integer((json_int_t)s->predicted));
  (void)json_object_set_new(o, "both", json_integer((json_int_t)s->both));
  (void)json_object_set_new(o, "file", json_string(path));
  (void)json_array_append_new(list, o);
  free(path);
}

static pl_status print_case(const arguments *a, json_t *cases, const looked_at *l, const pl_preview_case *c,
                            pl_error *err) {
  pl_image mask = {0};
  pl_status status = read_mask(&mask, l, c, err);
  uint64_t target = 0;
  for (size_t i = 0; status == PL_OK && i < (size_t)mask.width * mask.height; i++) target += mask.u8[i] != 0;
  if (status == PL_OK && !a->json) printf("#%u %s, mask %" PRIu64 " px\n", c->number, c->id, target);
  json_t *list = json_array();
  for (size_t i = 0; i < l->previews.epoch_count && status == PL_OK; i++) {
    const int64_t epoch = l->previews.epochs[i];
    if (a->epoch >= 0 && epoch != a->epoch) continue;
    pl_preview_score s;
    bool found = false;
    status = score(&s, &found, l, c, epoch, &mask, a->threshold, err);
    if (found && status == PL_OK) print_score(a, list, l, epoch, &s, c);
  }
  json_t *o = json_object();
  (void)json_object_set_new(o, "id", json_string(c->id));
  (void)json_object_set_new(o, "number", json_integer((json_int_t)c->number));
  (void)json_object_set_new(o, "mask", json_integer((json_int_t)target));
  (void)json_object_set_new(o, "epochs", list);
  (void)json_array_append_new(cases, o);
  pl_image_clear(&mask);
  return status;
}

static pl_status print_all(const arguments *a, const looked_at *l, pl_error *err) {
  size_t only = l->previews.case_count;
  pl_status status = PL_OK;
  if (a->only != NULL) {
    size_t index = 0;
    status = pl_manifest_find(&index, &l->manifest, a->only, err);
    if (status != PL_OK) return status;
    only = pl_previews_find(&l->previews, l->manifest.cases[index].id);
    if (only == l->previews.case_count) {
      return pl_fail(err, PL_E_NOTFOUND, "%s does not preview case #%u; 'pleura previews %s' lists those that it does",
                     l->info->name, l->manifest.cases[index].number, l->info->name);
    }
  }
  json_t *cases = json_array();
  for (size_t i = 0; i < l->previews.case_count && status == PL_OK; i++) {
    if (a->only == NULL || i == only) status = print_case(a, cases, l, &l->previews.cases[i], err);
  }
  if (status == PL_OK && a->json) {
    json_t *o = json_object();
    (void)json_object_set_new(o, "run", json_string(l->info->name));
    (void)json_object_set_new(o, "threshold", json_real(a->threshold));
    (void)json_object_set_new(o, "size", json_integer((json_int_t)l->info->config.size));
    (void)json_object_set_new(o, "cases", json_incref(cases));
    char *text = json_dumps(o, JSON_REAL_PRECISION(9) | JSON_INDENT(1));
    if (text != NULL) printf("%s\n", text);
    free(text);
    json_decref(o);
  }
  json_decref(cases);
  return status;
}

static const struct argp_option options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "The workspace (default: found from here upwards)"},
    {.name = "case", .key = OPTION_CASE, .arg = "CASE", .doc = "Only this case: its number, its id, or its ending"},
    {.name = "epoch", .key = OPTION_EPOCH, .arg = "N", .doc = "Only this epoch; 0 is the untrained network"},
    {.name = "threshold", .key = OPTION_THRESHOLD, .arg = "P", .doc = "What counts as found is above this (0.5)"},
    {.name = "labels", .key = OPTION_LABELS, .arg = PL_CLI_LABELS_ARGUMENT, .doc = PL_CLI_LABELS_HELP},
    {.name = "json", .key = OPTION_JSON, .doc = "Print a JSON object, with the files of the maps"},
    {0},
};

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[RUN]",
    .doc =
        "Tells what the network made of the cases that a run shows, after every epoch: the dice at the size of "
        "training, "
        "and the areas.\v"
        "RUN is a name, its unique beginning or ending, 'latest', or a folder; without one the run made last. "
        "'pleura train --previews N' sets how many cases are shown, --preview-cases FILTER which. The maps are 16-bit "
        "PNG files below the run's preview/: a value is round(p * 65535).",
};

int pl_cli_previews(int argc, char **argv) {
  arguments a = {.threshold = 0.5, .epoch = -1};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  if (a.run == NULL) a.run = "latest";
  looked_at l = {.info = pl_xcalloc(1, sizeof *l.info)};
  pl_error err = {0};
  pl_status status = look(&l, &a, &err);
  if (status == PL_OK) status = print_all(&a, &l, &err);
  pl_previews_clear(&l.previews);
  pl_manifest_clear(&l.manifest);
  free(l.info);
  free(l.folder);
  return status == PL_OK ? 0 : pl_cli_report("previews", &err);
}
