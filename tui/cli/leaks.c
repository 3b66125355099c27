// pleura leaks: what is in several folds of a table of folds.
#include "tui/cli/leaks.h"

#include <argp.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tui/cli/cli.h"
#include "tui/cli/label_choice.h"
#include "tui/cli/place.h"
#include "tui/cli/progress.h"

enum { OPTION_PATIENTS = 256, OPTION_JSON, OPTION_ALL, OPTION_NO_PICTURES, OPTION_LABELS, SHOWN = 10, EXIT_LEAKS = 3 };

typedef struct arguments {
  const char *folds, *patients, *workspace;
  bool json, all, no_pictures;
  pl_cli_label_choice labels;
} arguments;

static const struct argp parser;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  switch (key) {
    case OPTION_PATIENTS: a->patients = arg; return 0;
    case OPTION_JSON: a->json = true; return 0;
    case OPTION_ALL: a->all = true; return 0;
    case OPTION_LABELS: pl_cli_label_choice_take(&a->labels, arg, state); return 0;
    case OPTION_NO_PICTURES: a->no_pictures = true; return 0;
    case 'C': a->workspace = arg; return 0;
    case ARGP_KEY_ARG:
      if (a->folds != NULL) argp_error(state, "'%s' is one table too many", arg);
      a->folds = arg;
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

// ---- Text

void pl_cli_print_fold_table(const pl_leak_report *report, const pl_folds *folds) {
  pl_fold_report all = {.rows = folds->count, .images = folds->image_count};
  printf("fold    rows  images  positives   share  mask area   leaks\n");
  for (size_t i = 0; i <= report->fold_count; i++) {
    const bool last = i == report->fold_count;
    const pl_fold_report *f = last ? &all : &report->folds[i];
    if (!last) {
      all.measured += f->measured;
      all.mask_area += f->mask_area;
    } else {
      for (size_t k = 0; k < folds->image_count; k++) {
        all.positives += folds->images[k].label == PL_LABEL_POSITIVE;
        all.unlabelled += folds->images[k].label == PL_LABEL_UNKNOWN;
        all.leaks += report->image_leaks[k] != 0;
      }
    }
    char name[16] = "all", area[24] = "-", share[16] = "-";
    if (!last) snprintf(name, sizeof name, "%zu", i);
    if (f->measured > 0) snprintf(area, sizeof area, "%" PRIu64, f->mask_area / f->measured);
    const size_t labelled = f->images - f->unlabelled;
    if (labelled > 0) snprintf(share, sizeof share, "%.1f %%", 100.0 * (double)f->positives / (double)labelled);
    printf("%4s  %6zu  %6zu  %9zu  %6s  %9s  %6zu\n", name, f->rows, f->images, f->positives, share, area, f->leaks);
  }
}

void pl_cli_print_leak_counts(const pl_leak_report *r, const pl_folds *folds) {
  printf("images     %zu have rows in several folds\n", r->spread_images);
  if (!r->patients_known) {
    printf("patients   patient leaks unknown: %s\n", r->patients_problem);
  } else {
    printf("patients   %zu of %zu are in several folds (patients by %s)\n", r->patient_leaks, r->patient_count,
           r->patients_source);
    if (r->without_patient > 0) printf("           of %zu images the patient is unknown\n", r->without_patient);
    if (r->patient_count + r->without_patient == folds->image_count) {
      printf("           every image has a patient of its own there, so this cannot show a leak\n");
    }
  }
  if (!r->copies_known) {
    printf("copies     near-duplicates unknown: %s\n", r->copies_problem);
  } else {
    printf("copies     %s%zu pairs of near-duplicates are in different folds (%zu of %zu pictures compared)\n",
           r->copies_cut ? "more than " : "", r->copy_count, r->pictures, folds->image_count);
    if (r->unreadable > 0) printf("           %zu pictures cannot be read\n", r->unreadable);
  }
}

// "ID (0 3)": an image and the folds that it is in.
static void print_image(const pl_folds *folds, size_t index) {
  const pl_folds_image *image = &folds->images[index];
  printf("%s (", image->id);
  for (size_t k = 0; k < image->count; k++) {
    if (pl_folds_seen_before(folds, image, k)) continue;
    printf("%s%d", k > 0 ? " " : "", folds->rows[folds->order[image->first + k]].fold);
  }
  printf(")");
}

static void print_rest(size_t count, size_t shown) {
  if (count > shown) printf("  ... and %zu more: --all shows them\n", count - shown);
}

static void print_details(const pl_leak_report *r, const pl_folds *folds, bool all) {
  const size_t most = all ? SIZE_MAX : SHOWN;
  size_t shown = 0;
  if (r->spread_images > 0) printf("\nImages with rows in several folds\n");
  for (size_t i = 0; i < folds->image_count && shown < most; i++) {
    if (!folds->images[i].spread) continue;
    printf("  ");
    print_image(folds, i);
    printf("\n");
    shown++;
  }
  print_rest(r->spread_images, shown);
  if (r->patient_leaks > 0) printf("\nPatients in several folds, by their images\n");
  for (shown = 0; shown < r->patient_leaks && shown < most; shown++) {
    const pl_patient_leak *leak = &r->patients[shown];
    printf("  %zu images in %zu folds:", leak->count, leak->fold_count);
    for (size_t k = 0; k < leak->count && k < most; k++) {
      printf(k > 0 ? ", " : " ");
      print_image(folds, r->members[leak->first + k]);
    }
    printf("%s\n", leak->count > most ? ", ..." : "");
  }
  print_rest(r->patient_leaks, shown);
  if (r->copy_count > 0) printf("\nNear-duplicates in different folds\n");
  for (shown = 0; shown < r->copy_count && shown < most; shown++) {
    const pl_copy_pair *pair = &r->copies[shown];
    printf("  ");
    print_image(folds, pair->a);
    printf(" and ");
    print_image(folds, pair->b);
    printf(": %u of 255 bits differ\n", pair->distance);
  }
  print_rest(r->copy_count, shown);
}

// ---- JSON

static json_t *image_json(const pl_folds *folds, size_t index) {
  const pl_folds_image *image = &folds->images[index];
  json_t *numbers = json_array();
  for (size_t k = 0; k < image->count; k++) {
    if (pl_folds_seen_before(folds, image, k)) continue;
    json_array_append_new(numbers, json_integer(folds->rows[folds->order[image->first + k]].fold));
  }
  return json_pack("{s:s, s:o}", "id", image->id, "folds", numbers);
}

static json_t *folds_json(const pl_leak_report *r) {
  json_t *out = json_array();
  for (size_t i = 0; i < r->fold_count; i++) {
    const pl_fold_report *f = &r->folds[i];
    json_t *area = f->measured > 0 ? json_integer((json_int_t)(f->mask_area / f->measured)) : json_null();
    json_array_append_new(out, json_pack("{s:I, s:I, s:I, s:I, s:o, s:I}", "fold", (json_int_t)i, "rows",
                                         (json_int_t)f->rows, "images", (json_int_t)f->images, "positives",
                                         (json_int_t)f->positives, "mask_area", area, "leaks", (json_int_t)f->leaks));
  }
  return out;
}

static json_t *patients_json(const pl_leak_report *r, const pl_folds *folds) {
  if (!r->patients_known) return json_pack("{s:b, s:s}", "known", 0, "why", r->patients_problem);
  json_t *list = json_array();
  for (size_t i = 0; i < r->patient_leaks; i++) {
    json_t *images = json_array();
    for (size_t k = 0; k < r->patients[i].count; k++) {
      json_array_append_new(images, image_json(folds, r->members[r->patients[i].first + k]));
    }
    json_array_append_new(list, images);
  }
  return json_pack("{s:b, s:s, s:I, s:I, s:I, s:o}", "known", 1, "source", r->patients_source, "patients",
                   (json_int_t)r->patient_count, "images_without", (json_int_t)r->without_patient, "count",
                   (json_int_t)r->patient_leaks, "list", list);
}

static json_t *copies_json(const pl_leak_report *r, const pl_folds *folds) {
  if (!r->copies_known) return json_pack("{s:b, s:s}", "known", 0, "why", r->copies_problem);
  json_t *list = json_array();
  for (size_t i = 0; i < r->copy_count; i++) {
    const pl_copy_pair *pair = &r->copies[i];
    json_array_append_new(list, json_pack("{s:o, s:o, s:i}", "a", image_json(folds, pair->a), "b",
                                          image_json(folds, pair->b), "distance", (int)pair->distance));
  }
  return json_pack("{s:b, s:I, s:I, s:I, s:b, s:o}", "known", 1, "pictures", (json_int_t)r->pictures, "unreadable",
                   (json_int_t)r->unreadable, "count", (json_int_t)r->copy_count, "more", (int)r->copies_cut, "list",
                   list);
}

static pl_status print_json(const pl_leak_report *r, const pl_folds *folds, pl_error *err) {
  json_t *images = json_array();
  for (size_t i = 0; i < folds->image_count; i++) {
    if (folds->images[i].spread) json_array_append_new(images, image_json(folds, i));
  }
  json_t *all = json_pack("{s:o, s:{s:I, s:o}, s:o, s:o}", "folds", folds_json(r), "images", "count",
                          (json_int_t)r->spread_images, "list", images, "patients", patients_json(r, folds), "copies",
                          copies_json(r, folds));
  char *text = all != NULL ? json_dumps(all, JSON_INDENT(1)) : NULL;
  json_decref(all);
  if (text == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for the report");
  printf("%s\n", text);
  free(text);
  return PL_OK;
}

// ---- All of it

static pl_status report_on(const arguments *a, const char *path, const pl_manifest *manifest, bool *any,
                           pl_error *err) {
  pl_folds folds = {0};
  pl_leak_report report = {0};
  pl_status status = pl_folds_load(&folds, path, err);
  if (status != PL_OK) return status;
  if (manifest != NULL) pl_folds_take_labels(&folds, manifest);
  pl_cli_progress progress;
  pl_cli_progress_begin(&progress, false);
  const pl_leak_sources sources = {.patients = a->patients,
                                   .manifest = manifest,
                                   .skip_pictures = a->no_pictures,
                                   .progress = pl_cli_progress_pictures,
                                   .context = &progress};
  status = pl_leaks_find(&report, &folds, &sources, err);
  pl_cli_progress_end(&progress);
  if (status == PL_OK && a->json) {
    status = print_json(&report, &folds, err);
  } else if (status == PL_OK) {
    pl_cli_print_fold_table(&report, &folds);
    pl_cli_print_leak_counts(&report, &folds);
    print_details(&report, &folds, a->all);
  }
  if (status == PL_OK) *any = pl_leaks_any(&report);
  pl_leak_report_clear(&report);
  pl_folds_clear(&folds);
  return status;
}

int pl_cli_leaks(int argc, char **argv) {
  arguments a = {0};
  const int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  pl_error err = {0};
  pl_manifest manifest = {0};
  char *workspace = NULL, *path = NULL;
  bool any = false;
  pl_status status = pl_cli_workspace(&workspace, a.workspace, &err);
  // A table of somewhere else needs no workspace.
  if (status == PL_E_NOTFOUND && a.workspace == NULL && a.folds != NULL) status = PL_OK;
  if (status == PL_OK) path = a.folds != NULL ? pl_xstrdup(a.folds) : pl_path_join(workspace, "folds.csv");
  if (status == PL_OK && workspace != NULL)
    status = pl_cli_label_choice_manifest(&manifest, &a.labels, workspace, &err);
  if (status == PL_OK) status = report_on(&a, path, workspace != NULL ? &manifest : NULL, &any, &err);
  pl_manifest_clear(&manifest);
  free(workspace);
  free(path);
  if (status != PL_OK) return pl_cli_report("leaks", &err);
  return any ? EXIT_LEAKS : 0;
}

static const struct argp_option options[] = {
    {.name = "patients",
     .key = OPTION_PATIENTS,
     .arg = "MAP.csv",
     .doc = "Who is on which image: ImageId,patient, or NIH's table, or ImageId and NIH file name (default: the "
            "workspace's patients.csv, else the DICOM files' patient ids)"},
    {.name = "labels", .key = OPTION_LABELS, .arg = PL_CLI_LABELS_ARGUMENT, .doc = PL_CLI_LABELS_HELP},
    {.name = "all", .key = OPTION_ALL, .doc = "List every leak, not only the first 10 of a kind"},
    {.name = "no-pictures", .key = OPTION_NO_PICTURES, .doc = "Do not look for near-duplicates"},
    {.name = "json", .key = OPTION_JSON, .doc = "All of it as JSON"},
    {.name = "workspace", .key = 'C', .arg = "DIR", .doc = "Workspace (default: the one around the current folder)"},
    {0},
};
static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "[FOLDS.csv]",
    .doc =
        "Tells what is in several folds at once, so that a validation sees what was trained on: images, patients, and "
        "near-duplicates of pictures.\v"
        "FOLDS.csv (default: the workspace's) may be anyone's: it needs a column ImageId or fname, and kfold or fold. "
        "Near-duplicates are looked for among the workspace's pictures, whoever's they are; a copy that was encoded "
        "again, resized or made a little brighter is found. What cannot be known is said to be unknown.\n\n"
        "Ends with exit code 3 when there is a leak.\n\n"
        "Examples:\n"
        "  pleura leaks\n"
        "  pleura leaks train_folds_5.csv --patients siim-to-nih-id.csv",
};
