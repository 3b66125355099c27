// pleura data report: what a data set holds, and what training sizes can reach on it.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/image/image.h"
#include "tui/cli/cli.h"
#include "tui/cli/data_report.h"
#include "tui/cli/label_choice.h"
#include "tui/cli/leaks.h"
#include "tui/cli/picture.h"
#include "tui/cli/place.h"
#include "tui/cli/progress.h"

enum {
  OPTION_RLE = 256,
  OPTION_SIZE,
  OPTION_NATIVE,
  OPTION_JSON,
  OPTION_GRAPHICS,
  OPTION_NO_PICTURES,
  OPTION_PATIENTS,
  OPTION_LABELS,
  STANDARD_SIZES = 3
};
enum { FILE_WIDTH = 900, FILE_HEIGHT = 420, TERMINAL_HEIGHT = 300, TEXT_MAX = 64 << 20 };

static const uint32_t standard_sizes[STANDARD_SIZES] = {128, 256, 512};

typedef struct arguments {
  const char *word, *workspace, *rle, *output, *graphics, *patients;
  uint32_t width, height;  // of the images of a table without a workspace
  uint32_t sizes[PL_CEILING_SIZES_MAX];
  size_t size_count;
  unsigned threads;
  bool json, no_pictures;
  pl_cli_label_choice labels;
} arguments;

static const struct argp parser;

// ---- Arguments

static uint64_t number_of(struct argp_state *state, const char *text, size_t length, const char *what, uint64_t max) {
  uint64_t number = 0;
  if (!pl_parse_u64(&number, text, length) || number == 0 || number > max) {
    argp_error(state, "%s takes a number from 1 to %llu, not '%s'", what, (unsigned long long)max, text);
  }
  return number;
}

static void add_size(struct argp_state *state, arguments *a, const char *text) {
  const uint32_t size = (uint32_t)number_of(state, text, strlen(text), "--size", PL_IMAGE_SIDE_MAX);
  for (size_t i = 0; i < a->size_count; i++) {
    if (a->sizes[i] == size) return;
  }
  if (a->size_count == PL_CEILING_SIZES_MAX) {
    argp_error(state, "at most %d sizes are measured at once", PL_CEILING_SIZES_MAX);
  }
  a->sizes[a->size_count++] = size;
}

// "1024" or "1024x768", width first.
static void set_native(struct argp_state *state, arguments *a, const char *text) {
  const char *cross = strchr(text, 'x');
  const size_t length = cross != NULL ? (size_t)(cross - text) : strlen(text);
  a->width = a->height = (uint32_t)number_of(state, text, length, "--native", PL_IMAGE_SIDE_MAX);
  if (cross != NULL) {
    a->height = (uint32_t)number_of(state, cross + 1, strlen(cross + 1), "--native", PL_IMAGE_SIDE_MAX);
  }
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case 'C': a->workspace = arg; return 0;
    case 'o': a->output = arg; return 0;
    case 'j': a->threads = (unsigned)number_of(state, arg, strlen(arg), "--jobs", PL_CEILING_THREADS_MAX); return 0;
    case OPTION_RLE: a->rle = arg; return 0;
    case OPTION_SIZE: add_size(state, a, arg); return 0;
    case OPTION_NATIVE: set_native(state, a, arg); return 0;
    case OPTION_LABELS: pl_cli_label_choice_take(&a->labels, arg, state); return 0;
    case OPTION_PATIENTS: a->patients = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_NO_PICTURES: a->no_pictures = true; return 0;
    case OPTION_GRAPHICS:
      if (!pl_graphics_is_choice(arg)) argp_error(state, "--graphics %s: it can be " PL_GRAPHICS_CHOICES, arg);
      a->graphics = arg;
      return 0;
    case ARGP_KEY_ARG:
      if (a->word != NULL) argp_error(state, "'%s' is one word too many", arg);
      a->word = arg;
      if (strcmp(arg, "report") != 0) argp_error(state, "there is no 'data %s'; there is 'data report'", arg);
      return 0;
    case ARGP_KEY_END:
      if (a->word == NULL) argp_error(state, "say what to do with the data: 'report'");
      if (a->rle != NULL && a->workspace != NULL) argp_error(state, "a workspace (-C) or a table (--rle), not both");
      if (a->rle != NULL && a->labels.given)
        argp_error(state, "--labels chooses one of the workspace's tables, --rle another");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static int by_size(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

// ---- Output

static pl_status write_histogram(const pl_data_report *report, const char *path, pl_error *err) {
  pl_bitmap bitmap = {0};
  pl_status status = pl_report_histogram(&bitmap, report, FILE_WIDTH, FILE_HEIGHT, err);
  if (status == PL_OK) status = pl_bitmap_save(&bitmap, path, err);
  pl_bitmap_clear(&bitmap);
  return status;
}

static pl_status draw_histogram(pl_bitmap *out, const void *context, uint32_t width, uint32_t height,
                                double pixel_aspect, pl_error *err) {
  (void)pixel_aspect;
  return pl_report_histogram(out, context, width < FILE_WIDTH ? width : FILE_WIDTH,
                             height < TERMINAL_HEIGHT ? height : TERMINAL_HEIGHT, err);
}

// The histogram is a picture below the text where pixels are real, and bars of characters in it elsewhere.
static pl_status print_text(const pl_data_report *report, const arguments *a, const char *source, pl_error *err) {
  pl_caps caps = {0};
  pl_status status = pl_cli_probe(&caps, a->graphics, err);
  if (status != PL_OK) return status;
  const bool picture = caps.graphics == PL_GRAPHICS_SIXEL && report->areas.count > 0;
  const pl_report_words words = {.source = source, .utf8 = caps.utf8 && isatty(STDOUT_FILENO), .with_bars = !picture};
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  pl_report_text(&text, report, &words);
  if (fputs(text.data, stdout) == EOF || fflush(stdout) != 0) {
    status = pl_fail(err, PL_E_IO, "cannot write to the standard output");
  }
  if (status == PL_OK && report->leaks_known) pl_cli_print_leak_counts(&report->leaks, &report->folds);
  if (status == PL_OK && fflush(stdout) != 0) status = pl_fail(err, PL_E_IO, "cannot write to the standard output");
  if (picture && status == PL_OK) {
    const pl_cli_picture shown = {.draw = draw_histogram, .context = report, .caption = "", .graphics = a->graphics};
    status = pl_cli_print_on(&shown, &caps, err);
  }
  pl_buf_clear(&text);
  return status;
}

static pl_status print_json(const pl_data_report *report, const char *source, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  pl_status status = pl_report_json(&text, report, source, err);
  if (status == PL_OK && (fputs(text.data, stdout) == EOF || fflush(stdout) != 0)) {
    status = pl_fail(err, PL_E_IO, "cannot write to the standard output");
  }
  pl_buf_clear(&text);
  return status;
}

static pl_status report(const arguments *a, pl_error *err) {
  pl_cli_progress progress;
  char *workspace = NULL;
  pl_status status = pl_cli_check_output(a->output, err);
  if (status == PL_OK && a->rle == NULL) status = pl_cli_workspace(&workspace, a->workspace, err);
  pl_label_choice labels = PL_LABELS_ORIGINAL;
  if (status == PL_OK && workspace != NULL) status = pl_cli_label_choice_find(&labels, &a->labels, workspace, err);
  if (status != PL_OK) {
    free(workspace);
    return status;
  }
  const pl_report_options options = {.workspace = workspace,
                                     .labels = labels,
                                     .table = a->rle,
                                     .width = a->width,
                                     .height = a->height,
                                     .sizes = a->sizes,
                                     .size_count = a->size_count,
                                     .threads = a->threads,
                                     .patients = a->patients,
                                     .skip_pictures = a->no_pictures,
                                     .progress = pl_cli_progress_pictures,
                                     .context = &progress};
  pl_cli_progress_begin_unstoppable(&progress, false);
  const char *source = workspace != NULL ? workspace : a->rle;
  pl_data_report *made = pl_xcalloc(1, sizeof *made);
  status = pl_data_report_make(made, &options, err);
  pl_cli_progress_end(&progress);
  if (status == PL_OK && a->output != NULL) status = write_histogram(made, a->output, err);
  if (status == PL_OK) status = a->json ? print_json(made, source, err) : print_text(made, a, source, err);
  pl_data_report_clear(made);
  free(made);
  free(workspace);
  return status;
}

int pl_cli_data(int argc, char **argv) {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  arguments a = {.graphics = "auto", .width = 1024, .height = 1024, .size_count = STANDARD_SIZES};
  a.threads = processors > PL_CEILING_THREADS_MAX ? PL_CEILING_THREADS_MAX : processors > 0 ? (unsigned)processors : 1;
  memcpy(a.sizes, standard_sizes, sizeof standard_sizes);
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  qsort(a.sizes, a.size_count, sizeof *a.sizes, by_size);
  pl_error err = {0};
  return report(&a, &err) == PL_OK ? 0 : pl_cli_report("data", &err);
}

static const struct argp_option options[] = {
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "Workspace (default: the one around the current folder)"},
    {.name = "size", .key = OPTION_SIZE, .arg = "PX", .doc = "Measure this training size too, besides 128, 256, 512"},
    {.name = "output", .key = 'o', .arg = "FILE.png", .doc = "Write the histogram of mask areas as a PNG file"},
    {.name = "patients",
     .key = OPTION_PATIENTS,
     .arg = "MAP.csv",
     .doc = "Who is on which image, for the leaks; see 'pleura leaks'"},
    {.name = "no-pictures", .key = OPTION_NO_PICTURES, .doc = "Do not look for near-duplicates among the pictures"},
    {.name = "labels", .key = OPTION_LABELS, .arg = PL_CLI_LABELS_ARGUMENT, .doc = PL_CLI_LABELS_HELP},
    {.name = "json", .key = OPTION_JSON, .doc = "Print everything as JSON"},
    {.name = "rle", .key = OPTION_RLE, .arg = "CSV", .doc = "Report on a table alone, without a workspace"},
    {.name = "native",
     .key = OPTION_NATIVE,
     .arg = "PX",
     .doc = "Size of the images of --rle: one number, or WIDTHxHEIGHT (default: 1024)"},
    {.name = "jobs", .key = 'j', .arg = "N", .doc = "Threads (default: as many as there are processors)"},
    {.name = "graphics",
     .key = OPTION_GRAPHICS,
     .arg = "HOW",
     .doc = "auto, sixel or blocks; the histogram is a picture in sixel, else bars"},
    {0},
};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "report",
    .doc =
        "Tells what a workspace holds: counts, how large the masks are, and for training sizes the dice that the true "
        "masks themselves reach after going down to that size and back up, with the masks that vanish; duplicates, and "
        "what is in several folds ('pleura leaks' lists it).\v"
        "Down goes by import's area rule: a pixel is inside when at least half of its area is. Back up goes by linear "
        "interpolation, inside from 0.5, as a submission scales probabilities; nearest neighbour is given beside "
        "it.\n\n"
        "Examples:\n"
        "  pleura data report\n"
        "  pleura data report --size 640 -o areas.png\n"
        "  pleura data report --rle train-rle.csv",
};
