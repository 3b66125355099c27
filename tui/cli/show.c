// pleura show: one image with its mask over it, into the terminal or into a PNG file.
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/fs.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/manifest.h"
#include "core/data/source.h"
#include "core/image/decode.h"
#include "core/image/lut.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"
#include "tui/cli/cli.h"
#include "tui/cli/picture.h"
#include "tui/cli/show_batch.h"
#include "viewers/view_case.h"

typedef struct arguments {
  const char *name, *workspace, *output, *graphics;
  uint32_t size;
  bool invert;
  const char *choice;  // a window of the file: its number, its name or "full"; NULL for the first
  bool has_window;     // centre and width were given
  double centre, width;
  pl_mask_mode mask_mode;
  pl_show_batch batch;
} arguments;

// What is shown: an image, a mask perhaps, and words about it.
typedef struct subject {
  pl_image image, mask;
  bool has_mask;
  bool is_windowed;  // the window is applied already
  char caption[320];
} subject;

// For drawing into a terminal.
typedef struct shown {
  const subject *subject;
  const arguments *arguments;
} shown;

enum {
  KEY_SIZE = 0x100,
  KEY_NO_MASK,
  KEY_CONTOUR,
  KEY_GRAPHICS,
  KEY_INVERT,
  KEY_WINDOW,
  KEY_BATCH,
  KEY_EPOCH,
  KEY_SEED,
  KEY_FOLD,
  KEY_RUN,
  KEY_PRESET,
  KEY_SET
};

enum { OPTION_COUNT = 17 };
static const struct argp_option OPTIONS[OPTION_COUNT];

// ---- Arguments

// "C,W" is centre and width, anything else names a window of the file.
static bool parse_window(arguments *a, const char *text) {
  const char *comma = strchr(text, ',');
  a->has_window = comma != NULL && pl_parse_double(&a->centre, text, (size_t)(comma - text)) &&
                  pl_parse_double(&a->width, comma + 1, strlen(comma + 1));
  a->choice = a->has_window ? NULL : text;
  return a->has_window ? a->width > 0 : text[0] != '\0';
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
    case KEY_EPOCH: batch->epoch = number_from_1(state, text, "--epoch"); break;
    case KEY_SEED: add_setting(state, batch, "seed", text); break;
    case KEY_FOLD: add_setting(state, batch, "fold", text); break;
    case KEY_RUN: batch->run = text; break;
    case KEY_PRESET: batch->preset = text; break;
    case KEY_SET: add_setting(state, batch, NULL, text); break;
    default: return false;
  }
  batch->configured = true;
  return true;
}

static void check_end(struct argp_state *state, arguments *a) {
  if (!a->batch.wanted && a->batch.configured) {
    argp_error(state, "--epoch, --seed, --fold, --run, --preset and --set are for --batch");
  }
  if (!a->batch.wanted && a->name == NULL) argp_error(state, "say which case to show");
  if (!a->batch.wanted) return;
  if (a->has_window || a->choice != NULL) argp_error(state, "a batch is shown as the network sees it: no --window");
  // "--batch 3" is meant as "--batch=3".
  if (a->name != NULL) a->batch.number = number_from_1(state, a->name, "--batch");
}

static error_t parse_option(int key, char *text, struct argp_state *state) {
  arguments *a = state->input;
  uint64_t number = 0;
  if (parse_batch_option(key, text, state)) return 0;
  switch (key) {
    case 'C': a->workspace = text; return 0;
    case 'o': a->output = text; return 0;
    case KEY_SIZE:
      if (!pl_parse_u64(&number, text, strlen(text)) || number == 0 || number > PL_BITMAP_SIDE_MAX) {
        argp_error(state, "--size %s is not a number of pixels from 1 to %d", text, PL_BITMAP_SIDE_MAX);
      }
      a->size = (uint32_t)number;
      return 0;
    case KEY_NO_MASK: a->mask_mode = PL_MASK_OFF; return 0;
    case KEY_CONTOUR: a->mask_mode = PL_MASK_CONTOUR; return 0;
    case KEY_GRAPHICS:
      if (!pl_cli_is_graphics(text)) argp_error(state, "--graphics %s: it can be auto, sixel or blocks", text);
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
      if (a->name != NULL) argp_error(state, "one case, not also %s", text);
      a->name = text;
      return 0;
    case ARGP_KEY_END: check_end(state, a); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// ---- Finding and reading

static bool has_ending(const char *text, const char *ending) {
  size_t length = strlen(text), tail = strlen(ending);
  return length > tail && strcasecmp(text + length - tail, ending) == 0;
}

// A path is what exists as a file and looks like one of the two kinds that we read.
static bool is_path(const char *text) {
  return (has_ending(text, ".dcm") || has_ending(text, ".png") || strchr(text, '/') != NULL) && pl_fs_is_file(text);
}

// Which of the file's windows, and what to say about it.
static pl_status choose_window(pl_window *window, subject *s, const pl_dicom *dicom, const arguments *a,
                               pl_error *err) {
  size_t choice = 0, count = pl_lut_choices(dicom), length = strlen(s->caption);
  *window = pl_lut_default_window(dicom);
  if (a->has_window) {
    *window = (pl_window){.function = PL_VOI_LINEAR, .centre = a->centre, .width = a->width};
    return PL_OK;
  }
  if (a->choice != NULL && strcasecmp(a->choice, "full") == 0) {
    *window = pl_lut_full_window(dicom);
    return PL_OK;
  }
  if (a->choice != NULL) {
    pl_status status = pl_lut_find_choice(&choice, dicom, a->choice, err);
    if (status != PL_OK) return status;
    *window = pl_lut_choice(dicom, choice);
  }
  if (count < 2 && a->choice == NULL) return PL_OK;
  char name[80];
  const char *text = pl_lut_choice_name(dicom, choice);
  pl_safe_text(name, sizeof name, text, strlen(text));
  snprintf(s->caption + length, sizeof s->caption - length, ", window %zu of %zu%s%s", choice + 1, count,
           name[0] != '\0' ? " " : "", name);
  return PL_OK;
}

// A DICOM file goes through its rescale and window into 8 bits; a PNG file is taken as it is.
static pl_status take_image(subject *s, pl_dicom *dicom, const arguments *a, pl_error *err) {
  bool is_dicom = dicom->transfer_syntax[0] != '\0';
  if (!is_dicom) {
    if (a->choice != NULL) {
      return pl_fail(err, PL_E_USAGE, "--window %s: a PNG file has no windows; give centre and width", a->choice);
    }
    s->image = dicom->image;
    dicom->image = (pl_image){0};
    return PL_OK;
  }
  pl_window window;
  pl_status status = choose_window(&window, s, dicom, a, err);
  s->is_windowed = true;
  return status == PL_OK ? pl_lut_apply(&s->image, dicom, &window, err) : status;
}

// Reads a foreign file or the source of a case through a decoder, and warns when that is less safe than it should be.
static pl_status read_foreign(pl_dicom *dicom, const char *path, bool is_source, pl_error *err) {
  pl_decoder *decoder = NULL;
  pl_status status = pl_decoder_create(&decoder, NULL, err);
  if (status == PL_OK) {
    status = is_source ? pl_source_decode(dicom, path, decoder, err) : pl_image_read_any(dicom, path, decoder, err);
  }
  bool decoded = status == PL_OK && dicom->transfer_syntax[0] != '\0';
  if (decoded && !pl_decoder_is_confined(decoder)) pl_cli_warn_unconfined("show");
  pl_decoder_destroy(decoder);
  return status;
}

static pl_status read_file(subject *s, const char *path, const arguments *a, pl_error *err) {
  pl_dicom dicom = {0};
  pl_status status = read_foreign(&dicom, path, false, err);
  if (status != PL_OK) return status;
  char name[160];
  const char *base = pl_path_base(path);
  pl_safe_text(name, sizeof name, base, strlen(base));
  snprintf(s->caption, sizeof s->caption, "%s, %ux%u, %d bit", name, dicom.image.width, dicom.image.height,
           dicom.image.type == PL_PIXEL_U8 ? 8 : 16);
  status = take_image(s, &dicom, a, err);
  pl_dicom_clear(&dicom);
  return status;
}

static void describe_label(char *out, size_t size, const pl_case *c) {
  if (c->part == PL_PART_TEST) {
    pl_copy_text(out, size, "test part");
  } else if (c->status == PL_CASE_UNLABELLED || c->label == PL_LABEL_UNKNOWN) {
    pl_copy_text(out, size, "unlabelled");
  } else if (c->label == PL_LABEL_NEGATIVE) {
    pl_copy_text(out, size, "no pneumothorax");
  } else {
    double share = pl_case_mask_share(c);
    int n = snprintf(out, size, "pneumothorax, mask %llu px", (unsigned long long)c->mask_area);
    if (!isnan(share)) snprintf(out + n, size - (size_t)n, " (%.2f %%)", 100.0 * share);
  }
}

// "#12 ...5162.83725, fold 3, pneumothorax, mask 4210 px (0.40 %)". Never anything about the person.
static void describe_case(subject *s, const pl_manifest *manifest, const pl_case *c) {
  size_t skip = strlen(c->id) > manifest->id_prefix ? manifest->id_prefix : 0;
  char id[160], label[80], fold[32] = "";
  pl_safe_text(id, sizeof id, c->id + skip, strlen(c->id + skip));
  describe_label(label, sizeof label, c);
  if (c->fold >= 0) snprintf(fold, sizeof fold, ", fold %d", c->fold);
  snprintf(s->caption, sizeof s->caption, "#%u %s%s%s, %s", c->number, skip > 0 ? "..." : "", id, fold, label);
}

// The case's own file, for a window that only this one has.
static pl_status read_source(subject *s, const pl_case *c, const arguments *a, pl_error *err) {
  pl_dicom dicom = {0};
  pl_status status = read_foreign(&dicom, c->source, true, err);
  if (status == PL_OK) status = take_image(s, &dicom, a, err);
  pl_dicom_clear(&dicom);
  return status == PL_OK ? status : pl_wrap(err, "case #%u", c->number);
}

static bool same_shape(const pl_image *a, const pl_image *b) {
  return (uint64_t)a->width * b->height == (uint64_t)b->width * a->height;
}

// The mask at the picture's size. One of another shape was made with other margins: it would lie in the wrong place.
static pl_status read_mask(subject *s, const char *path, pl_error *err) {
  pl_image mask = {0};
  pl_status status = pl_png_read(&mask, path, err);
  if (status != PL_OK) return status;
  s->has_mask = same_shape(&mask, &s->image);
  if (s->has_mask && mask.width != s->image.width) {
    status = pl_image_resize_nearest(&s->mask, &mask, s->image.width, s->image.height, err);
    s->has_mask = status == PL_OK;
  } else if (s->has_mask) {
    s->mask = mask;
    mask = (pl_image){0};
  }
  pl_image_clear(&mask);
  return status;
}

static pl_status read_case(subject *s, const pl_manifest *manifest, size_t index, const arguments *a, pl_error *err) {
  const pl_case *c = &manifest->cases[index];
  describe_case(s, manifest, c);
  char *image_path = pl_case_image_path(manifest, c), *mask_path = pl_case_mask_path(manifest, c);
  pl_status status = a->choice != NULL ? read_source(s, c, a, err) : pl_png_read(&s->image, image_path, err);
  if (status != PL_OK && a->choice == NULL) {
    pl_wrap(err, "case #%u has no prepared image (import again, or look at its status)", c->number);
  }
  if (status == PL_OK && a->mask_mode != PL_MASK_OFF && c->label == PL_LABEL_POSITIVE && pl_fs_is_file(mask_path)) {
    status = read_mask(s, mask_path, err);
  }
  free(image_path);
  free(mask_path);
  return status;
}

// The case whose id is the file's name without its ending; a mistake means that there is none.
static bool find_by_file_name(size_t *index, const pl_manifest *manifest, const char *path) {
  const char *base = pl_path_base(path), *dot = strrchr(base, '.');
  size_t length = dot != NULL ? (size_t)(dot - base) : strlen(base);
  for (size_t i = 0; i < manifest->count; i++) {
    const char *id = manifest->cases[i].id;
    if (strlen(id) == length && strncmp(id, base, length) == 0) {
      *index = i;
      return true;
    }
  }
  return false;
}

// A path that names a case of the workspace is that case, with its mask; any other is a file on its own.
static pl_status read_subject(subject *s, const arguments *a, pl_error *err) {
  bool path = is_path(a->name), want_mask = a->mask_mode != PL_MASK_OFF;
  if (path && (!want_mask || a->has_window || a->choice != NULL)) return read_file(s, a->name, a, err);
  char *workspace = NULL;
  pl_manifest manifest = {0};
  pl_status status = pl_workspace_find(&workspace, a->workspace != NULL ? a->workspace : ".", err);
  if (status == PL_OK) status = pl_manifest_load(&manifest, workspace, err);
  free(workspace);
  if (status != PL_OK) {
    if (path && a->workspace == NULL) return read_file(s, a->name, a, err);
    if (status != PL_E_NOTFOUND || a->workspace != NULL) return status;
    return pl_wrap(err, "'%s' is no .dcm or .png file here, and as a case it needs a workspace", a->name);
  }
  size_t index = 0;
  if (path) {
    status = find_by_file_name(&index, &manifest, a->name) ? read_case(s, &manifest, index, a, err)
                                                           : read_file(s, a->name, a, err);
  } else {
    status = pl_manifest_find(&index, &manifest, a->name, err);
    if (status == PL_OK) status = read_case(s, &manifest, index, a, err);
  }
  pl_manifest_clear(&manifest);
  return status;
}

// ---- Showing

static pl_status draw(pl_bitmap *out, const subject *s, const arguments *a, uint32_t width, uint32_t height,
                      double pixel_aspect, pl_error *err) {
  pl_view_case_options options = pl_view_case_defaults(width, height);
  options.pixel_aspect = pixel_aspect;
  options.invert = a->invert;
  options.mask_mode = a->mask_mode;
  if (a->has_window && !s->is_windowed) {
    options.window_centre = a->centre;
    options.window_width = a->width;
  }
  return pl_view_case(out, &s->image, s->has_mask ? &s->mask : NULL, &options, err);
}

static pl_status write_file(const subject *s, const arguments *a, pl_error *err) {
  uint32_t width = a->size > 0 ? a->size : s->image.width, height = a->size > 0 ? a->size : s->image.height;
  pl_bitmap bitmap = {0};
  pl_status status = draw(&bitmap, s, a, width, height, 1, err);
  if (status == PL_OK) status = pl_bitmap_save(&bitmap, a->output, err);
  if (status == PL_OK) printf("%s\n", s->caption);
  pl_bitmap_clear(&bitmap);
  return status;
}

static pl_status draw_for_terminal(pl_bitmap *out, const void *context, uint32_t width, uint32_t height,
                                   double pixel_aspect, pl_error *err) {
  const shown *what = context;
  return draw(out, what->subject, what->arguments, width, height, pixel_aspect, err);
}

static pl_status print_terminal(const subject *s, const arguments *a, pl_error *err) {
  const shown what = {.subject = s, .arguments = a};
  const pl_cli_picture picture = {
      .draw = draw_for_terminal, .context = &what, .caption = s->caption, .graphics = a->graphics, .size = a->size};
  return pl_cli_print(&picture, err);
}

static pl_status show_batch(const arguments *a, pl_error *err) {
  const pl_show_how how = {.workspace = a->workspace,
                           .output = a->output,
                           .graphics = a->graphics,
                           .size = a->size,
                           .invert = a->invert,
                           .mask_mode = a->mask_mode};
  return pl_show_batch_print(&a->batch, &how, err);
}

int pl_cli_show(int argc, char **argv) {
  arguments a = {.graphics = "auto", .mask_mode = PL_MASK_FILL, .batch = {.number = 1, .epoch = 1}};
  const struct argp parser = {
      .options = OPTIONS,
      .parser = parse_option,
      .args_doc = "CASE\n--batch [N]",
      .doc =
          "Prints one image with its mask over it into the terminal: as sixel where the terminal can, else as "
          "coloured half blocks; into anything but a terminal only the caption. With -o it writes a PNG file. "
          "--batch shows the first nine images of a training batch as the network gets them.\v"
          "CASE is a case's number (12 or '#12'), its id, the unique ending of an id, or the path of a .dcm or .png "
          "file. A file whose name is a case of the workspace is shown with that case's mask; any other file "
          "needs no workspace and has no mask. PLEURA_GRAPHICS (auto, sixel, blocks, none) is the default of "
          "--graphics.\n\nExamples:\n"
          "  pleura show 12 --contour\n"
          "  pleura show --batch 3 --epoch 2 -o batch.png\n"
          "  pleura show --batch --run last --set augment=winner",
  };
  char name[] = "pleura show";
  argv[0] = name;
  argp_err_exit_status = 2;
  if (argp_parse(&parser, argc, argv, 0, NULL, &a) != 0) return 2;
  pl_error err = {0};
  if (a.batch.wanted) return show_batch(&a, &err) == PL_OK ? 0 : pl_cli_report("show", &err);
  subject s = {0};
  pl_status status = read_subject(&s, &a, &err);
  if (status == PL_OK) status = a.output != NULL ? write_file(&s, &a, &err) : print_terminal(&s, &a, &err);
  pl_image_clear(&s.image);
  pl_image_clear(&s.mask);
  return status == PL_OK ? 0 : pl_cli_report("show", &err);
}

static const struct argp_option OPTIONS[OPTION_COUNT] = {
    {"workspace", 'C', "FOLDER", 0, "the workspace, instead of the one around the current folder", 0},
    {"output", 'o', "FILE.png", 0, "write a PNG file, by default with the image's own size", 0},
    {"size", KEY_SIZE, "PX", 0, "fit the picture into PX by PX pixels (characters and half rows for blocks)", 0},
    {"no-mask", KEY_NO_MASK, NULL, 0, "without the mask", 0},
    {"contour", KEY_CONTOUR, NULL, 0, "only the mask's edge", 0},
    {"graphics", KEY_GRAPHICS, "HOW", 0, "auto, sixel or blocks; the last two also into a file or pipe", 0},
    {"invert", KEY_INVERT, NULL, 0, "black for white", 0},
    {"window", KEY_WINDOW, "WINDOW", 0,
     "centre and width as C,W, in the values of the file after its rescale; or one of the DICOM file's own windows and "
     "tables by its number or name (the first is the default); or full, from its smallest to its largest value",
     0},
    {NULL, 0, NULL, 0, "Training batches:", 1},
    {"batch", KEY_BATCH, "N", OPTION_ARG_OPTIONAL, "show batch N of an epoch, augmented, with its masks (1)", 1},
    {"epoch", KEY_EPOCH, "E", 0, "the epoch, from 1 (1)", 1},
    {"seed", KEY_SEED, "S", 0, "the run's seed", 1},
    {"fold", KEY_FOLD, "F", 0, "the fold that is held out", 1},
    {"run", KEY_RUN, "RUN", 0, "with the options of this run; else those of a new one, from pleura.yaml", 1},
    {"preset", KEY_PRESET, "NAME", 0, "with a preset of 'pleura train'", 1},
    {"set", KEY_SET, "OPTION=VALUE", 0, "with any option of 'pleura train', such as size=256; may be repeated", 1},
    {0},
};
