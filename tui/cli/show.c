// pleura show: one image with its mask over it, into the terminal or into a PNG file.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/filter.h"
#include "core/data/manifest.h"
#include "tui/cli/cli.h"
#include "tui/cli/picture.h"
#include "tui/cli/place.h"
#include "tui/cli/show_batch.h"
#include "tui/cli/show_prediction.h"
#include "tui/cli/show_subject.h"
#include "tui/prediction.h"
#include "viewers/view_case.h"

typedef struct arguments {
  pl_show_source source;
  const char *output, *graphics, *where;
  uint32_t size;
  bool invert;
  pl_mask_mode mask_mode;
  pl_show_batch batch;
  pl_show_prediction prediction;
  const char *run, *epoch;  // of the batch or the prediction; NULL where not given
} arguments;

// For drawing into a terminal.
typedef struct shown {
  const pl_show_subject *subject;
  const arguments *arguments;
} shown;

enum {
  KEY_SIZE = 0x100,
  KEY_NO_MASK,
  KEY_CONTOUR,
  KEY_GRAPHICS,
  KEY_INVERT,
  KEY_WINDOW,
  KEY_WHERE,
  KEY_BATCH,
  KEY_EPOCH,
  KEY_SEED,
  KEY_FOLD,
  KEY_RUN,
  KEY_PRESET,
  KEY_SET,
  KEY_AS,
  KEY_THRESHOLD,
  KEY_LABELS
};

enum { OPTION_COUNT = 22 };
static const struct argp_option OPTIONS[OPTION_COUNT];

// ---- Arguments

// "C,W" is centre and width, anything else names a window of the file.
static bool parse_window(arguments *a, const char *text) {
  const char *comma = strchr(text, ',');
  a->source.has_window = comma != NULL && pl_parse_double(&a->source.centre, text, (size_t)(comma - text)) &&
                         pl_parse_double(&a->source.width, comma + 1, strlen(comma + 1));
  a->source.choice = a->source.has_window ? NULL : text;
  return a->source.has_window ? a->source.width > 0 : text[0] != '\0';
}

static uint64_t number_from_1(struct argp_state *state, const char *text, const char *what) {
  uint64_t number = 0;
  if (!pl_parse_u64(&number, text, strlen(text)) || number == 0) {
    argp_error(state, "%s takes a number from 1, not '%s'", what, text);
  }
  return number;
}

static void add_setting(struct argp_state *state, pl_show_batch *batch, const char *name, const char *text) {
  if (batch->setting_count == PL_SHOW_SETTINGS_MAX) argp_error(state, "at most %d --set", PL_SHOW_SETTINGS_MAX);
  batch->settings[batch->setting_count++] = (pl_show_setting){.name = name, .text = text};
}

// Options of --batch; false for any other.
static bool parse_batch_option(int key, const char *text, struct argp_state *state) {
  pl_show_batch *batch = &((arguments *)state->input)->batch;
  switch (key) {
    case KEY_BATCH:
      batch->wanted = true;
      if (text != NULL) batch->number = number_from_1(state, text, "--batch");
      return true;
    case KEY_SEED: add_setting(state, batch, "seed", text); break;
    case KEY_FOLD: add_setting(state, batch, "fold", text); break;
    case KEY_PRESET: batch->preset = text; break;
    case KEY_SET: add_setting(state, batch, NULL, text); break;
    default: return false;
  }
  batch->configured = true;
  return true;
}

// Options about predictions, and those that a batch has too; false for any other.
static bool parse_prediction_option(int key, const char *text, struct argp_state *state) {
  arguments *a = state->input;
  pl_show_prediction *p = &a->prediction;
  switch (key) {
    case KEY_RUN: a->run = text; return true;
    case KEY_EPOCH: a->epoch = text; return true;
    case KEY_AS:
      p->wanted = true;
      if (!pl_case_shows_parse(&p->shows, text)) {
        argp_error(state, "--as %s: it can be truth, prediction, difference or probability", text);
      }
      return true;
    case KEY_THRESHOLD:
      p->wanted = true;
      if (!pl_parse_double(&p->threshold, text, strlen(text)) || !(p->threshold >= 0 && p->threshold <= 1)) {
        argp_error(state, "--threshold takes a probability from 0 to 1, not '%s'", text);
      }
      return true;
    default: return false;
  }
}

static void check_batch(struct argp_state *state, arguments *a) {
  if (a->where != NULL) argp_error(state, "--where chooses the cases: no --batch beside it");
  if (a->prediction.wanted) argp_error(state, "--as and --threshold are about a case, not about a batch");
  if (a->source.has_window || a->source.choice != NULL) {
    argp_error(state, "a batch is shown as the network sees it: no --window");
  }
  if (a->source.labels.given) {
    add_setting(state, &a->batch, "labels", pl_label_choice_name(a->source.labels.labels));
  }
  a->batch.run = a->run;
  if (a->epoch != NULL) a->batch.epoch = number_from_1(state, a->epoch, "--epoch");
  // "--batch 3" is meant as "--batch=3".
  if (a->source.name != NULL) a->batch.number = number_from_1(state, a->source.name, "--batch");
}

static void check_prediction(struct argp_state *state, arguments *a) {
  pl_show_prediction *p = &a->prediction;
  uint64_t epoch = 0;
  p->wanted = p->wanted || a->run != NULL || a->epoch != NULL;
  p->run = a->run;
  if (a->epoch == NULL || strcmp(a->epoch, "newest") == 0) return;
  p->has_epoch = true;
  p->epoch = PL_PREDICTION_EVALUATION;
  if (strcmp(a->epoch, "evaluation") == 0) return;
  if (!pl_parse_u64(&epoch, a->epoch, strlen(a->epoch)) || epoch > INT32_MAX) {
    argp_error(state, "--epoch takes a number from 0, 'newest' or 'evaluation', not '%s'", a->epoch);
  }
  p->epoch = (int64_t)epoch;
}

static void check_end(struct argp_state *state, arguments *a) {
  if (!a->batch.wanted && a->batch.configured) argp_error(state, "--seed, --fold, --preset and --set are for --batch");
  if (!a->batch.wanted && a->source.name == NULL && a->where == NULL) argp_error(state, "say which case to show");
  if (a->where != NULL && a->source.name != NULL) argp_error(state, "--where chooses the cases: no case beside it");
  if (a->batch.wanted) {
    check_batch(state, a);
  } else {
    check_prediction(state, a);
  }
}

static error_t parse_option(int key, char *text, struct argp_state *state) {
  arguments *a = state->input;
  uint64_t number = 0;
  if (parse_batch_option(key, text, state) || parse_prediction_option(key, text, state)) return 0;
  switch (key) {
    case 'C': a->source.workspace = text; return 0;
    case 'o': a->output = text; return 0;
    case KEY_SIZE:
      if (!pl_parse_u64(&number, text, strlen(text)) || number == 0 || number > PL_BITMAP_SIDE_MAX) {
        argp_error(state, "--size %s is not a number of pixels from 1 to %d", text, PL_BITMAP_SIDE_MAX);
      }
      a->size = (uint32_t)number;
      return 0;
    case KEY_WHERE: a->where = text; return 0;
    case KEY_LABELS: pl_cli_label_choice_take(&a->source.labels, text, state); return 0;
    case KEY_NO_MASK: a->mask_mode = PL_MASK_OFF; return 0;
    case KEY_CONTOUR: a->mask_mode = PL_MASK_CONTOUR; return 0;
    case KEY_GRAPHICS:
      if (!pl_graphics_is_choice(text)) argp_error(state, "--graphics %s: it can be " PL_GRAPHICS_CHOICES, text);
      a->graphics = text;
      return 0;
    case KEY_INVERT: a->invert = true; return 0;
    case KEY_WINDOW:
      if (!parse_window(a, text)) {
        argp_error(state, "--window %s: give centre and width above 0, as in 128,200, or a window's number or name",
                   text);
      }
      return 0;
    case ARGP_KEY_ARG:
      if (a->source.name != NULL) argp_error(state, "one case, not also %s", text);
      a->source.name = text;
      return 0;
    case ARGP_KEY_END: check_end(state, a); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// ---- Showing

static pl_status draw(pl_bitmap *out, const pl_show_subject *s, const arguments *a, uint32_t width, uint32_t height,
                      double pixel_aspect, pl_error *err) {
  pl_view_case_options options = pl_view_case_defaults(width, height);
  options.pixel_aspect = pixel_aspect;
  options.invert = a->invert;
  options.mask_mode = a->mask_mode;
  if (a->source.has_window && !s->is_windowed) {
    options.window_centre = a->source.centre;
    options.window_width = a->source.width;
  }
  return pl_view_case(out, &s->image, s->has_mask ? &s->mask : NULL, &options, err);
}

static pl_status write_file(const pl_show_subject *s, const arguments *a, const char *path, pl_error *err) {
  uint32_t width = a->size > 0 ? a->size : s->image.width, height = a->size > 0 ? a->size : s->image.height;
  pl_bitmap bitmap = {0};
  pl_status status = draw(&bitmap, s, a, width, height, 1, err);
  if (status == PL_OK) status = pl_bitmap_save(&bitmap, path, err);
  if (status == PL_OK) printf("%s\n", s->caption);
  pl_bitmap_clear(&bitmap);
  return status;
}

static pl_status draw_for_terminal(pl_bitmap *out, const void *context, uint32_t width, uint32_t height,
                                   double pixel_aspect, pl_error *err) {
  const shown *what = context;
  return draw(out, what->subject, what->arguments, width, height, pixel_aspect, err);
}

static pl_status print_terminal(const pl_show_subject *s, const arguments *a, pl_error *err) {
  const shown what = {.subject = s, .arguments = a};
  const pl_cli_picture picture = {
      .draw = draw_for_terminal, .context = &what, .caption = s->caption, .graphics = a->graphics, .size = a->size};
  return pl_cli_print(&picture, err);
}

static pl_status show_one(const arguments *a, pl_error *err) {
  pl_show_subject s = {.has_mask = false};
  pl_status status = pl_show_read(&s, &a->source, err);
  if (status == PL_OK) status = a->output != NULL ? write_file(&s, a, a->output, err) : print_terminal(&s, a, err);
  pl_show_subject_clear(&s);
  return status;
}

static pl_status show_case(const pl_manifest *manifest, size_t index, const arguments *a, pl_error *err) {
  pl_show_subject s = {.has_mask = false};
  char *path = a->output != NULL ? pl_xprintf("%s/%s.png", a->output, manifest->cases[index].id) : NULL;
  pl_status status = pl_show_read_case(&s, manifest, index, &a->source, err);
  if (status == PL_OK) status = path != NULL ? write_file(&s, a, path, err) : print_terminal(&s, a, err);
  pl_show_subject_clear(&s);
  free(path);
  return status;
}

// All cases for which the filter holds, one after the other; those that could not be imported are named.
static pl_status show_where(const arguments *a, pl_error *err) {
  char *workspace = NULL;
  pl_manifest manifest = {0};
  pl_filter filter;
  size_t fitting = 0;
  pl_status status = pl_filter_parse(&filter, a->where, err);
  if (status == PL_OK) {
    status = pl_cli_workspace(&workspace, a->source.workspace, err);
  }
  if (status == PL_OK) status = pl_cli_label_choice_manifest(&manifest, &a->source.labels, workspace, err);
  if (status == PL_OK && a->output != NULL) status = pl_fs_make_folders(a->output, err);
  for (size_t i = 0; i < manifest.count && status == PL_OK; i++) {
    const pl_case *c = &manifest.cases[i];
    if (!pl_filter_holds(&filter, c)) continue;
    fitting++;
    if (c->status == PL_CASE_BAD) {
      printf("#%u has no picture: it could not be imported\n", c->number);
    } else {
      status = show_case(&manifest, i, a, err);
    }
  }
  if (status == PL_OK && fitting == 0) status = pl_fail(err, PL_E_NOTFOUND, "no case fits '%s'", filter.text);
  pl_manifest_clear(&manifest);
  free(workspace);
  return status;
}

static pl_status show(arguments *a, pl_error *err) {
  pl_status status = pl_cli_check_output(a->output, err);
  if (status != PL_OK) return status;
  const pl_show_how how = {.workspace = a->source.workspace,
                           .output = a->output,
                           .graphics = a->graphics,
                           .size = a->size,
                           .invert = a->invert,
                           .mask_mode = a->mask_mode};
  if (a->batch.wanted) return pl_show_batch_print(&a->batch, &how, err);
  if (a->prediction.wanted) return pl_show_prediction_print(&a->prediction, &a->source, a->where, &how, err);
  a->source.masked = a->mask_mode != PL_MASK_OFF;
  return a->where != NULL ? show_where(a, err) : show_one(a, err);
}

int pl_cli_show(int argc, char **argv) {
  arguments a = {.graphics = "auto",
                 .mask_mode = PL_MASK_FILL,
                 .batch = {.number = 1, .epoch = 1},
                 .prediction = {.shows = PL_CASE_PREDICTION, .threshold = 0.5}};
  const struct argp parser = {
      .options = OPTIONS,
      .parser = parse_option,
      .args_doc = "CASE\nCASE --run RUN\n--where FILTER\n--batch [N]",
      .doc =
          "Prints one image with its mask over it into the terminal: as sixel where the terminal can, else as "
          "coloured half blocks; into anything but a terminal only the caption. With -o it writes a PNG file. "
          "With --as, --run, --epoch or --threshold it shows what a run predicts about the case, which it does of "
          "its preview cases after every epoch, and of others when it is evaluated. "
          "--batch shows the first nine images of a training batch as the network gets them.\v"
          "CASE is a case's number (12 or '#12'), its id, the unique ending of an id, or the path of a .dcm or .png "
          "file. A file whose name is a case of the workspace is shown with that case's mask; any other file "
          "needs no workspace and has no mask. PLEURA_GRAPHICS (auto, sixel, blocks, ascii, none) is the default of "
          "--graphics.\n\nExamples:\n"
          "  pleura show 12 --contour\n"
          "  pleura show --where 'positive mask<500' -o small\n"
          "  pleura show 12 --run last --epoch 7 --as difference -o case-12.png\n"
          "  pleura show --batch 3 --epoch 2 -o batch.png\n"
          "  pleura show --batch --run last --set augment=winner",
  };
  char name[] = "pleura show";
  argv[0] = name;
  argp_err_exit_status = 2;
  if (argp_parse(&parser, argc, argv, 0, NULL, &a) != 0) return 2;
  pl_error err = {0};
  return show(&a, &err) == PL_OK ? 0 : pl_cli_report("show", &err);
}

static const struct argp_option OPTIONS[OPTION_COUNT] = {
    {"workspace", 'C', "FOLDER", 0, "the workspace, instead of the one around the current folder", 0},
    {"output", 'o', "FILE.png", 0, "write a PNG file, by default with the image's own size", 0},
    {"size", KEY_SIZE, "PX", 0, "fit the picture into PX by PX pixels (characters and half rows for blocks)", 0},
    {"no-mask", KEY_NO_MASK, NULL, 0, "without the mask", 0},
    {"contour", KEY_CONTOUR, NULL, 0, "only the mask's edge", 0},
    {"graphics", KEY_GRAPHICS, "HOW", 0, PL_GRAPHICS_CHOICES "; all but auto also into a file or pipe", 0},
    {"invert", KEY_INVERT, NULL, 0, "black for white", 0},
    {"window", KEY_WINDOW, "WINDOW", 0,
     "centre and width as C,W, in the values of the file after its rescale; or one of the DICOM file's own windows and "
     "tables by its number or name (the first is the default); or full, from its smallest to its largest value",
     0},
    {"where", KEY_WHERE, "FILTER", 0,
     "every case that fits the filter, as in fold=2 mask>2000; -o then names a folder for ID.png each", 0},
    {"labels", KEY_LABELS, PL_CLI_LABELS_ARGUMENT, 0, PL_CLI_LABELS_HELP, 0},
    {NULL, 0, NULL, 0, "Predictions of a case:", 1},
    {"as", KEY_AS, "WHAT", 0,
     "truth, prediction, difference (hit, false alarm, missed) or probability; prediction by default", 1},
    {"run", KEY_RUN, "RUN", 0, "of this run, instead of the latest", 1},
    {"epoch", KEY_EPOCH, "E", 0, "after this epoch, from 0, the untrained network; 'newest' (default); or 'evaluation'",
     1},
    {"threshold", KEY_THRESHOLD, "P", 0, "predicted is what is above this probability (0.5)", 1},
    {NULL, 0, NULL, 0, "Training batches:", 2},
    {"batch", KEY_BATCH, "N", OPTION_ARG_OPTIONAL,
     "show batch N of an epoch, augmented, with its masks (1); --epoch is then from 1, and --run takes the options of "
     "a "
     "run instead of those of a new one, from pleura.yaml",
     2},
    {"seed", KEY_SEED, "S", 0, "the run's seed", 2},
    {"fold", KEY_FOLD, "F", 0, "the fold that is held out", 2},
    {"preset", KEY_PRESET, "NAME", 0, "with a preset of 'pleura train'", 2},
    {"set", KEY_SET, "OPTION=VALUE", 0, "with any option of 'pleura train', such as size=256; may be repeated", 2},
    {0},
};
