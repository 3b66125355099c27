// pleura labels: corrected labels, how they stand, what was done to them, and the files that are made from them.
#include "tui/cli/labels.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "tui/cli/cli.h"
#include "tui/cli/place.h"

enum { OPTION_WHY = 256, OPTION_JSON, OPTION_PAINT, OPTION_ERASE, OPTION_SET_ASIDE, STROKES_MAX = 1000 };

typedef struct stroke {
  bool erase;
  const char *text;
} stroke;

typedef struct arguments {
  const char *verb, *name, *workspace, *why, *output;
  bool json, set_aside;
  stroke strokes[STROKES_MAX];
  size_t count;
} arguments;

static const struct argp parser;

static void check_arguments(const arguments *a, struct argp_state *state) {
  static const char *const of_a_case[] = {"log", "draw", "revert"};
  bool needs = false;
  for (size_t i = 0; i < sizeof of_a_case / sizeof of_a_case[0]; i++)
    needs = needs || strcmp(a->verb, of_a_case[i]) == 0;
  if (!needs && strcmp(a->verb, "status") != 0 && strcmp(a->verb, "export") != 0) {
    argp_error(state, "'%s' is none of status, log, draw, revert, export", a->verb);
  }
  if (needs && a->name == NULL) argp_error(state, "which case? Its number, its id, or an ending of the id");
  if (!needs && a->name != NULL) argp_error(state, "'%s' is one word too many", a->name);
  const bool draw = strcmp(a->verb, "draw") == 0, revert = strcmp(a->verb, "revert") == 0;
  if ((draw || (revert && !a->set_aside)) && a->why == NULL) argp_error(state, "say why, with --why TEXT");
  if (draw && a->count == 0) argp_error(state, "say what to draw, with --paint and --erase");
  if (!draw && a->count > 0) argp_error(state, "--paint and --erase go with draw");
  if (!revert && a->set_aside) argp_error(state, "--set-aside goes with revert");
  if (strcmp(a->verb, "export") != 0 && a->output != NULL) argp_error(state, "-o goes with export");
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case 'o': a->output = arg; return 0;
    case OPTION_WHY: a->why = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_SET_ASIDE: a->set_aside = true; return 0;
    case OPTION_PAINT:
    case OPTION_ERASE:
      if (a->count == STROKES_MAX) argp_error(state, "at most %d strokes at a time", STROKES_MAX);
      a->strokes[a->count++] = (stroke){.erase = key == OPTION_ERASE, .text = arg};
      return 0;
    case ARGP_KEY_ARG:
      if (state->arg_num > 1) argp_error(state, "'%s' is one word too many", arg);
      if (state->arg_num == 0) a->verb = arg;
      if (state->arg_num == 1) a->name = arg;
      return 0;
    case ARGP_KEY_END:
      if (a->verb == NULL) a->verb = "status";
      check_arguments(a, state);
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// ---- Drawing: "RADIUS X,Y X,Y ..."

static bool read_point(int64_t *x, int64_t *y, const char *at, size_t length) {
  const char *comma = memchr(at, ',', length);
  if (comma == NULL) return false;
  return pl_parse_i64(x, at, (size_t)(comma - at)) && pl_parse_i64(y, comma + 1, length - (size_t)(comma - at) - 1);
}

static pl_status draw_stroke(pl_label_edit *edit, const stroke *s, pl_error *err) {
  const char *at = s->text + strspn(s->text, " ");
  size_t length = strcspn(at, " "), points = 0;
  uint64_t radius = 0;
  pl_status status = PL_OK;
  bool good = pl_parse_u64(&radius, at, length) && radius <= PL_BRUSH_RADIUS_MAX;
  const pl_brush brush = {.erase = s->erase, .radius = (int)(good ? radius : 0)};
  for (at += length + strspn(at + length, " "); good && *at != '\0' && status == PL_OK; points++) {
    int64_t x = 0, y = 0;
    length = strcspn(at, " ");
    good = read_point(&x, &y, at, length);
    at += length + strspn(at + length, " ");
    if (!good) break;
    status = points == 0 ? pl_label_edit_press(edit, brush, x, y, err) : pl_label_edit_move(edit, x, y, err);
  }
  if (status != PL_OK) return status;
  if (!good || points == 0) {
    return pl_fail(err, PL_E_USAGE,
                   "a stroke is a radius from 0 to %d and points, as in '12 300,410 320,415', not '%.60s'",
                   PL_BRUSH_RADIUS_MAX, s->text);
  }
  return pl_label_edit_lift(edit, err);
}

static pl_status export(const arguments *a, const char *workspace, pl_error *err) {
  size_t count = 0;
  pl_status status = pl_labels_export(&count, workspace, err);
  if (status != PL_OK) return status;
  if (count == 0) {
    printf("no corrected label: there is nothing to export\n");
    return PL_OK;
  }
  char *path = pl_label_table_path(workspace, PL_LABELS_CORRECTED);
  printf("%zu corrected label%s in %s\n", count, count == 1 ? "" : "s", path);
  if (a->output != NULL) {
    pl_buf text;
    pl_buf_init(&text, PL_LABEL_TABLE_MAX);
    status = pl_fs_read(&text, path, err);
    if (status == PL_OK) status = pl_fs_replace(a->output, text.data, text.length, err);
    if (status == PL_OK) printf("copied to %s\n", a->output);
    pl_buf_clear(&text);
  }
  free(path);
  return status;
}

static void print_change(const pl_label_edit *edit, const pl_case *c) {
  const pl_label_counts n = pl_label_edit_counts(edit);
  printf("#%" PRIu32 "  %" PRIu64 " pixels, %" PRIu64 " before: %" PRIu64 " added, %" PRIu64 " removed\n", c->number,
         n.area, n.original_area, n.added, n.removed);
}

// Nothing is kept unless all of it is.
static pl_status draw(const arguments *a, const pl_manifest *manifest, const pl_case *c, pl_error *err) {
  pl_label_edit *edit = NULL;
  pl_status status = pl_label_edit_open(&edit, manifest->workspace, c, err);
  if (status != PL_OK) return status;
  const pl_label_counts before = pl_label_edit_counts(edit);
  if (before.strokes + before.undone > 0) {
    status =
        pl_fail(err, PL_E_BUSY,
                "case #%" PRIu32 " has %zu strokes that were not finished; finish or drop them in the workbench first",
                c->number, before.strokes);
    pl_label_edit_close(edit);
    return status;
  }
  for (size_t i = 0; i < a->count && status == PL_OK; i++) status = draw_stroke(edit, &a->strokes[i], err);
  if (status == PL_OK) status = pl_label_edit_finish(edit, a->why, err);
  if (status != PL_OK) (void)pl_label_edit_drop(edit, NULL);
  if (status == PL_OK) print_change(edit, c);
  pl_label_edit_close(edit);
  return status == PL_OK ? export(a, manifest->workspace, err) : status;
}

static pl_status revert(const arguments *a, const pl_manifest *manifest, const pl_case *c, pl_error *err) {
  pl_status status = PL_OK;
  if (a->set_aside) {
    status = pl_label_set_aside(manifest->workspace, c->id, err);
  } else {
    pl_label_edit *edit = NULL;
    status = pl_label_edit_open(&edit, manifest->workspace, c, err);
    if (status == PL_OK) status = pl_label_edit_revert(edit, a->why, err);
    pl_label_edit_close(edit);
  }
  if (status != PL_OK) return status;
  printf("#%" PRIu32 "  has its original label again\n", c->number);
  return export(a, manifest->workspace, err);
}

static pl_status run(const arguments *a, pl_error *err) {
  char *workspace = NULL;
  pl_manifest manifest = {0};
  size_t index = 0;
  const bool reads = strcmp(a->verb, "log") == 0 || strcmp(a->verb, "status") == 0;
  pl_status status = reads ? pl_cli_workspace(&workspace, a->workspace, err)
                           : pl_cli_workspace_to_write(&workspace, a->workspace, err);
  if (status == PL_OK) status = pl_cli_check_output(a->output, err);
  if (status == PL_OK) status = pl_manifest_load(&manifest, workspace, err);
  if (status == PL_OK && a->name != NULL) status = pl_manifest_find(&index, &manifest, a->name, err);
  const pl_case *c = status == PL_OK && a->name != NULL ? &manifest.cases[index] : NULL;
  if (status != PL_OK) {
    // Said below.
  } else if (strcmp(a->verb, "log") == 0) {
    status = pl_cli_labels_log(&manifest, c, a->json, err);
  } else if (strcmp(a->verb, "draw") == 0) {
    status = draw(a, &manifest, c, err);
  } else if (strcmp(a->verb, "revert") == 0) {
    status = revert(a, &manifest, c, err);
  } else if (strcmp(a->verb, "export") == 0) {
    status = export(a, workspace, err);
  } else {
    status = pl_cli_labels_status(&manifest, a->json, err);
  }
  pl_manifest_clear(&manifest);
  free(workspace);
  return status;
}

int pl_cli_labels(int argc, char **argv) {
  arguments *a = pl_xcalloc(1, sizeof *a);
  int code = pl_cli_parse(&parser, argc, argv, a);
  pl_error err = {0};
  if (code == 0 && run(a, &err) != PL_OK) code = pl_cli_report("labels", &err);
  free(a);
  return code;
}

static const struct argp_option options[] = {
    {.name = "why", .key = OPTION_WHY, .arg = "TEXT", .doc = "draw, revert: the reason, kept with the label"},
    {.name = "paint",
     .key = OPTION_PAINT,
     .arg = "\"R X,Y ...\"",
     .doc = "draw: a stroke through these pixels of the label, the brush being 2R+1 pixels across"},
    {.name = "erase", .key = OPTION_ERASE, .arg = "\"R X,Y ...\"", .doc = "draw: the same with the eraser"},
    {.name = "set-aside",
     .key = OPTION_SET_ASIDE,
     .doc = "revert: rename the case's journal, for one that is damaged or does not fit train-rle.csv any more"},
    {.name = "output", .key = 'o', .arg = "CSV", .doc = "export: copy the corrected table to this file, too"},
    {.name = "json", .key = OPTION_JSON, .doc = "status, log: as JSON"},
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "Workspace (default: the one around the current folder)"},
    {0},
};

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[status]\nlog CASE\ndraw CASE --why TEXT --paint \"R X,Y ...\"\nrevert CASE --why TEXT\nexport",
    .doc =
        "Tells which labels are corrected, by whom, when and why; corrects one from the command line; and makes "
        "corrected-rle.csv anew.\v"
        "In the workbench 'E' on the Case screen corrects a label with mouse or keys. Every stroke is kept in "
        "corrections/ID.jsonl. train-rle.csv is never changed: a finished correction makes corrected-rle.csv, in which "
        "the rows of all other cases are the same bytes, and masks-corrected/ID.png. 'pleura train', 'split' and "
        "'score' "
        "read them with --labels corrected.\n\n"
        "Examples:\n"
        "  pleura labels\n"
        "  pleura labels log 17\n"
        "  pleura labels draw 17 --why \"skin fold\" --erase \"20 310,200 330,420\"\n"
        "  pleura labels export -o corrected.csv",
};
