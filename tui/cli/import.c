// pleura import: DICOM files and run lengths, or PNG images and masks, into a workspace.
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/labels.h"
#include "core/data/manifest.h"
#include "core/data/pack.h"
#include "core/data/prepare.h"
#include "tui/cli/cli.h"
#include "tui/cli/progress.h"

enum {
  REASONS_SHOWN = 20,
  OPTION_IMAGES = 256,
  OPTION_TEST,
  OPTION_MASKS,
  OPTION_RLE,
  OPTION_SAMPLE,
  OPTION_STRICT,
  OPTION_RESIZE,
  OPTION_ASPECT,
  OPTION_NO_PACK,
};

typedef struct arguments {
  pl_import_options import;
  bool quiet, no_pack;
} arguments;

static const struct argp parser;

static uint64_t number_of(struct argp_state *state, const char *arg, const char *option, uint64_t low, uint64_t high) {
  uint64_t value = 0;
  if (!pl_parse_u64(&value, arg, strlen(arg)) || value < low || value > high) {
    argp_error(state, "%s takes a number from %llu to %llu, not '%s'", option, (unsigned long long)low,
               (unsigned long long)high, arg);
  }
  return value;
}

static pl_import_resize resize_of(struct argp_state *state, const char *arg) {
  static const char *const names[] = {"area", "reference", "none"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(arg, names[i]) == 0) return (pl_import_resize)i;
  }
  argp_error(state, "--resize takes area, reference or none, not '%s'", arg);
  return PL_IMPORT_RESIZE_AREA;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  pl_import_options *o = &a->import;
  switch (key) {
    case OPTION_IMAGES: o->images = arg; return 0;
    case OPTION_TEST: o->test_images = arg; return 0;
    case OPTION_MASKS: o->masks = arg; return 0;
    case OPTION_RLE: o->rle = arg; return 0;
    case OPTION_SAMPLE: o->sample = arg; return 0;
    case OPTION_STRICT: o->strict = true; return 0;
    case OPTION_RESIZE: o->resize = resize_of(state, arg); return 0;
    case OPTION_ASPECT: o->keep_aspect = true; return 0;
    case OPTION_NO_PACK: a->no_pack = true; return 0;
    case 's': o->size = (uint32_t)number_of(state, arg, "--size", PL_IMPORT_SIZE_MIN, PL_IMPORT_SIZE_MAX); return 0;
    case 'j': o->threads = (unsigned)number_of(state, arg, "--jobs", 1, PL_IMPORT_THREADS_MAX); return 0;
    case 'C': o->workspace = arg; return 0;
    case 'q': a->quiet = true; return 0;
    case ARGP_KEY_ARG:
      if (o->folder != NULL) argp_error(state, "one folder or archive at a time");
      o->folder = arg;
      return 0;
    case ARGP_KEY_END:
      if (o->folder == NULL && o->images == NULL && o->test_images == NULL) {
        argp_error(state, "name the folder or zip archive to import, or its parts with --images and --test-images");
      }
      if (o->masks != NULL && (o->images == NULL || o->folder != NULL || o->rle != NULL)) {
        argp_error(state, "--masks goes with --images, and with neither a folder to search nor --rle");
      }
      if (o->resize == PL_IMPORT_RESIZE_NONE && (o->size != 0 || o->keep_aspect)) {
        argp_error(state, "--resize none keeps every image's own size: leave out --size and --keep-aspect");
      }
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// Progress

static void on_progress(void *context, const pl_import_progress *p) {
  pl_cli_progress *progress = context;
  double elapsed = 0;
  if (!pl_cli_progress_is_due(&elapsed, progress, p->done == p->total)) return;
  double rate = elapsed > 0 ? (double)p->done / elapsed : 0;
  double left = rate > 0 ? (double)(p->total - p->done) / rate : NAN;
  char bad[32] = "", done[64];
  if (p->bad > 0) snprintf(bad, sizeof bad, ", %zu bad", p->bad);
  snprintf(done, sizeof done, "%zu/%zu images, %.1f a second", p->done, p->total, rate);
  pl_cli_progress_bar(progress, p->total > 0 ? (double)p->done / (double)p->total : 0, left, done, bad);
}

static bool is_cancelled(void *context) { return pl_cli_progress_is_stopped(context); }

// Summary

static void print_failures(const pl_import_summary *s) {
  for (size_t i = 0; i < s->bad_rows && i < PL_TABLE_PROBLEMS_MAX; i++) {
    const pl_row_problem *p = &s->row_problems[i];
    fprintf(stderr, "  line %zu%s%s: %s\n", p->line, p->id[0] != '\0' ? " " : "", p->id, p->message);
  }
  if (s->bad_rows > PL_TABLE_PROBLEMS_MAX)
    fprintf(stderr, "  ... and %zu rows more\n", s->bad_rows - PL_TABLE_PROBLEMS_MAX);
  for (size_t i = 0; i < s->failure_count && i < REASONS_SHOWN; i++) {
    char path[1024];
    pl_safe_text(path, sizeof path, s->failures[i].path, strlen(s->failures[i].path));
    fprintf(stderr, "  %s: %s\n", path, s->failures[i].reason);
  }
  if (s->failure_count > REASONS_SHOWN)
    fprintf(stderr, "  ... and %zu images more\n", s->failure_count - REASONS_SHOWN);
}

// "refused    3 several frames, 1 JPEG 2000": bad images by reason, each of which is listed with its words above.
static void print_refused(const pl_import_summary *s) {
  if (s->bad == 0) return;
  const char *before = "refused    ";
  for (int i = 0; i < PL_REFUSAL_COUNT; i++) {
    if (s->refused[i] == 0) continue;
    printf("%s%zu %s", before, s->refused[i], pl_refusal_name((pl_refusal)i));
    before = ", ";
  }
  printf("\n");
}

static void print_summary(const pl_import_summary *s) {
  printf("workspace  %s%s\n", s->workspace, s->made_workspace ? " (new)" : "");
  printf("images     %zu: %zu train, %zu test; %zu unchanged, %zu bad\n", s->images, s->train, s->test, s->unchanged,
         s->bad);
  print_refused(s);
  printf("labels     %zu positive, %zu negative, %zu unlabelled; %zu masks are not empty\n", s->positives, s->negatives,
         s->unlabelled, s->masks);
  if (s->masks_folder != NULL) {
    printf("mask files %zu, %zu of them bad, %zu without an image here\n", s->mask_files, s->bad_masks,
           s->ids_without_image);
  } else if (s->rle_file != NULL) {
    printf("rows       %zu, %zu of them bad, %zu (of %zu images) without an image here\n", s->rows, s->bad_rows,
           s->rows_without_image, s->ids_without_image);
  } else {
    printf("rows       none: there is no train-rle.csv, so nothing has a label (--rle names one)\n");
  }
  if (s->sample_ids > 0)
    printf("sample     %zu ids, %zu without an image here\n", s->sample_ids, s->sample_without_image);
  printf("time       %.1f s, %.1f images a second\n", s->seconds, s->seconds > 0 ? (double)s->images / s->seconds : 0);
  if (s->made_folds && s->folds_by_patient) {
    printf("folds      made folds.csv: 5 folds by patient (%s), seed 42\n", s->folds_patients);
  } else if (s->made_folds) {
    printf(
        "folds      made folds.csv: 5 folds by image, seed 42; who is on them is not known ('pleura split "
        "--patients')\n");
  }
  if (s->without_fold > 0) {
    printf("folds      %zu labelled images are not in folds.csv: 'pleura split' makes it anew\n", s->without_fold);
  }
  if (s->other_recipe > 0) {
    printf("note       %zu pictures of this workspace were made with another --resize or --size and were left\n",
           s->other_recipe);
  }
  if (s->rle_differs) {
    printf(
        "note       the workspace's train-rle.csv differs from this one and was left; the labels are from this one\n");
  }
}

// The packed cache of what was imported. Without it everything works, only slower: failing is no failure.
static void make_pack(const arguments *a, const char *workspace) {
  pl_error err = {0};
  pl_manifest manifest = {0};
  pl_status status = pl_manifest_load(&manifest, workspace, &err);
  if (status == PL_OK && !pl_pack_is_current(&manifest))
    status = pl_cli_make_pack(&manifest, a->import.threads, a->quiet, &err);
  pl_manifest_clear(&manifest);
  if (status != PL_OK) fprintf(stderr, "pleura import: no packed cache: %s; 'pleura pack' makes it\n", err.message);
}

// Corrected masks go with the pictures, which may have another size now.
static void refresh_labels(const char *workspace) {
  pl_error err = {0};
  pl_corrections corrections = {0};
  pl_status status = pl_corrections_load(&corrections, workspace, &err);
  pl_corrections_clear(&corrections);
  if (status == PL_E_NOTFOUND) return;
  size_t count = 0;
  if (pl_labels_export(&count, workspace, &err) == PL_OK) {
    printf("labels     %zu corrected ones are kept (pleura labels)\n", count);
  } else {
    printf("note       the corrected labels do not fit any more: %s\n", err.message);
  }
}

static int run(arguments *a, char **found) {
  pl_error err = {0};
  if (a->import.workspace == NULL) {
    if (pl_workspace_find(found, ".", &err) == PL_OK)
      a->import.workspace = *found;
    else
      a->import.workspace = ".";
  }
  pl_cli_progress progress;
  pl_cli_progress_begin(&progress, a->quiet);
  a->import.progress = on_progress;
  a->import.cancelled = is_cancelled;
  a->import.context = &progress;
  pl_import_summary summary = {0};
  pl_status status = pl_import_run(&summary, &a->import, &err);
  pl_cli_progress_end(&progress);
  if (status == PL_OK) {
    print_summary(&summary);
    refresh_labels(summary.workspace);
    fflush(stdout);
    if (!a->no_pack) make_pack(a, summary.workspace);
  }
  print_failures(&summary);
  if (summary.unconfined) pl_cli_warn_unconfined("import");
  pl_import_summary_clear(&summary);
  return status == PL_OK ? 0 : pl_cli_report("import", &err);
}

int pl_cli_import(int argc, char **argv) {
  arguments a = {0};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  char *found = NULL;
  code = run(&a, &found);
  free(found);
  return code;
}

static const struct argp_option options[] = {
    {.name = "images", .key = OPTION_IMAGES, .arg = "DIR", .doc = "Folder of training images"},
    {.name = "test-images", .key = OPTION_TEST, .arg = "DIR", .doc = "Folder of test images"},
    {.name = "masks",
     .key = OPTION_MASKS,
     .arg = "DIR",
     .doc = "Folder of PNG masks, DIR/ID.png for the image ID; images are PNG files then"},
    {.name = "rle", .key = OPTION_RLE, .arg = "CSV", .doc = "Table of run lengths: ImageId, EncodedPixels"},
    {.name = "sample", .key = OPTION_SAMPLE, .arg = "CSV", .doc = "Sample submission"},
    {.name = "size", .key = 's', .arg = "PX", .doc = "Side of the pictures made, 32 to 4096 (default: 512)"},
    {.name = "resize",
     .key = OPTION_RESIZE,
     .arg = "HOW",
     .doc = "area (default): average of the area covered, masks binary; reference: as scikit-image's resize in the "
            "competition winner's prepare_png.py, masks grey at their edge; none: the images' own size"},
    {.name = "keep-aspect",
     .key = OPTION_ASPECT,
     .doc = "Fit images that are not square into the square and fill up with black, instead of stretching them"},
    {.name = "no-pack", .key = OPTION_NO_PACK, .doc = "Leave out the packed cache (see 'pleura pack')"},
    {.name = "jobs",
     .key = 'j',
     .arg = "N",
     .doc = "Threads, each with a decoder of its own (default: one a processor)"},
    {.name = "workspace",
     .key = 'C',
     .arg = "DIR",
     .doc = "Workspace (default: the one around the current folder, else the "
            "current folder becomes one)"},
    {.name = "strict", .key = OPTION_STRICT, .doc = "Stop at the first bad row or image, instead of leaving it out"},
    {.name = "quiet", .key = 'q', .doc = "No progress"},
    {0},
};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[FOLDER|FILE.zip]",
    .doc =
        "Brings DICOM or PNG images and their masks into a workspace: images/ID.png, masks/ID.png, cases.csv and "
        "folds.csv.\n\n"
        "FOLDER is Kaggle's unpacked folder, where dicom-images-train, dicom-images-test, train-rle.csv and "
        "sample_submission.csv are found by themselves, or any folder of .dcm files; the options name parts that lie "
        "elsewhere. FILE.zip is Kaggle's archive as it was downloaded ('pleura fetch'): it is read in place, and "
        "nothing "
        "but the pictures is written.\v"
        "An image without a row in the table is counted as unlabelled, rows without an image are counted too, and bad "
        "images and rows are listed and left out, counted by reason; --strict stops at the first. Several frames, "
        "colour "
        "and JPEG 2000 are refused.\n\n"
        "By the default rule a pixel of a mask is inside when at least half of the area that it covers is.\n\n"
        "With --masks both are PNG files, of the same name and size: what is brighter than half of a mask's range is "
        "inside; a mask that is black all over makes its image negative, an image without one is unlabelled, and masks "
        "in colour are refused. The workspace's train-rle.csv is made from the masks.\n\n"
        "Another import does only what has changed, by the hashes of sources, labels and pictures, and goes on where "
        "one that was stopped or killed left off.\n\n"
        "Examples:\n"
        "  pleura import ~/siim\n"
        "  pleura import siim-train-test.zip -C ws\n"
        "  pleura import --images dicom --rle train-rle.csv --size 256 -C ws\n"
        "  pleura import --images jsrt/images --masks jsrt/masks --size 128 -C ws",
};
