// pleura phantom: writes a synthetic set to try everything with.
#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/num.h"
#include "core/data/phantom.h"
#include "tui/cli/cli.h"
#include "tui/cli/place.h"

typedef struct arguments {
  const char *folder;
  pl_phantom_options options;
} arguments;

enum { KEY_CASES = 'n', KEY_SIZE = 's', KEY_THREADS = 'j', KEY_SEED = 0x100, KEY_POSITIVE };

static const struct argp_option OPTIONS[] = {
    {"cases", KEY_CASES, "N", 0, "images of the training part (default 60); the test part has 15 % more of them", 0},
    {"size", KEY_SIZE, "PX", 0, "width and height of the images, 64 to 4096 (default 1024)", 0},
    {"seed", KEY_SEED, "S", 0, "equal seeds give equal files (default 1)", 0},
    {"positive", KEY_POSITIVE, "SHARE", 0, "share of the images with a pneumothorax, 0 to 1 (default 0.22)", 0},
    {"jobs", KEY_THREADS, "N", 0, "threads (default: one per processor)", 0},
    {0},
};

static bool parse_count(uint64_t *out, const char *text) { return pl_parse_u64(out, text, strlen(text)); }

static error_t parse_option(int key, char *text, struct argp_state *state) {
  arguments *a = state->input;
  uint64_t number = 0;
  switch (key) {
    case KEY_CASES:
      if (!parse_count(&number, text)) argp_error(state, "--cases %s is not a whole number", text);
      a->options.cases = (size_t)number;
      return 0;
    case KEY_SIZE:
      if (!parse_count(&number, text) || number > UINT32_MAX) argp_error(state, "--size %s is not a size", text);
      a->options.size = (uint32_t)number;
      return 0;
    case KEY_SEED:
      if (!parse_count(&a->options.seed, text)) argp_error(state, "--seed %s is not a whole number", text);
      return 0;
    case KEY_THREADS:
      if (!parse_count(&number, text) || number > 1024) argp_error(state, "--jobs %s is not a number of threads", text);
      a->options.threads = (unsigned)number;
      return 0;
    case KEY_POSITIVE:
      if (!pl_parse_double(&a->options.positive, text, strlen(text))) {
        argp_error(state, "--positive %s is not a number", text);
      }
      return 0;
    case ARGP_KEY_ARG:
      if (a->folder != NULL) argp_error(state, "one folder, not also %s", text);
      a->folder = text;
      return 0;
    case ARGP_KEY_END:
      if (a->folder == NULL) argp_error(state, "say which folder to write to");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static bool show_progress(void *context, size_t done, size_t total) {
  (void)context;
  fprintf(stderr, "\r%zu of %zu images%s", done, total, done == total ? "\n" : "");
  return true;
}

int pl_cli_phantom(int argc, char **argv) {
  arguments a = {.options = pl_phantom_options_default()};
  const struct argp parser = {
      .options = OPTIONS,
      .parser = parse_option,
      .args_doc = "DIR",
      .doc =
          "Writes a synthetic set of chest X-rays to DIR, in the layout of the SIIM-ACR competition: DICOM files, "
          "train-rle.csv, sample_submission.csv and patients.csv. Nothing in it comes from a person.\v"
          "DIR is made when it is missing and must not hold a set already. Masks are run lengths at the images' "
          "size. Import it with `pleura import DIR`.",
  };
  char name[] = "pleura phantom";
  argv[0] = name;
  argp_err_exit_status = 2;
  if (argp_parse(&parser, argc, argv, 0, NULL, &a) != 0) return 2;
  if (isatty(STDERR_FILENO)) a.options.progress = show_progress;
  pl_error err = {0};
  if (pl_cli_check_output(a.folder, &err) != PL_OK) return pl_cli_report("phantom", &err);
  if (pl_phantom_write(a.folder, &a.options, &err) != PL_OK) return pl_cli_report("phantom", &err);
  printf("%s: %zu training and %zu test images of %ux%u pixels, seed %llu\n", a.folder, a.options.cases,
         pl_phantom_test_count(a.options.cases), a.options.size, a.options.size, (unsigned long long)a.options.seed);
  return 0;
}
