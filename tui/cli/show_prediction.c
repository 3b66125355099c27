#include "tui/cli/show_prediction.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/filter.h"
#include "core/run/find.h"
#include "core/run/rundir.h"
#include "tui/cli/cli.h"
#include "tui/cli/picture.h"
#include "tui/cli/place.h"
#include "tui/prediction.h"

// Everything that drawing needs, and the words below the picture.
typedef struct shown {
  pl_case_file file;
  pl_case_map map;  // no pixels for the truth
  pl_case_drawing how;
  char caption[512];
} shown;

// What is the same for all cases that are shown.
typedef struct request {
  const pl_show_prediction *what;
  const pl_show_source *source;
  const pl_show_how *how;
  pl_manifest manifest;
  char *run;  // folder; NULL for the truth
  pl_previews previews;
  int64_t planned;  // epochs of the run, -1 when unknown
  pl_rle_table table;
} request;

static pl_status choose_window(pl_window *out, const pl_dicom *dicom, const pl_show_source *source, pl_error *err) {
  size_t choice = 0;
  if (source->has_window) {
    *out = (pl_window){.function = PL_VOI_LINEAR, .centre = source->centre, .width = source->width};
  } else if (source->choice == NULL) {
    *out = pl_lut_default_window(dicom);
  } else if (strcasecmp(source->choice, "full") == 0) {
    *out = pl_lut_full_window(dicom);
  } else {
    const pl_status status = pl_lut_find_choice(&choice, dicom, source->choice, err);
    if (status != PL_OK) return status;
    *out = pl_lut_choice(dicom, choice);
  }
  return PL_OK;
}

static pl_status choose_epoch(int64_t *out, const request *x, const pl_case *c, pl_error *err) {
  int64_t *epochs = NULL;
  size_t count = 0, at = 0;
  pl_status status = pl_prediction_list(&epochs, &count, &x->previews, x->run, c->id, err);
  if (status != PL_OK) return status;
  if (x->what->has_epoch) {
    while (at < count && epochs[at] != x->what->epoch) at++;
    if (at == count) {
      char words[64];
      pl_prediction_words(words, sizeof words, x->what->epoch, -1);
      status = pl_fail(err, PL_E_NOTFOUND, "case #%" PRIu32 " has no prediction of that: %s of %.64s", c->number, words,
                       pl_path_base(x->run));
    }
  } else {
    at = pl_prediction_newest(epochs, count);
  }
  if (status == PL_OK) *out = epochs[at];
  free(epochs);
  return status;
}

static void describe(shown *s, const request *x, const pl_case *c, const pl_case_result *result) {
  char label[40] = "", words[64], scores[200] = "";
  const pl_case_file *file = &s->file;
  if (c->label == PL_LABEL_NEGATIVE) snprintf(label, sizeof label, ", no pneumothorax");
  if (c->label == PL_LABEL_POSITIVE) snprintf(label, sizeof label, ", mask %" PRIu64 " px", c->mask_area);
  const int used = snprintf(s->caption, sizeof s->caption, "#%" PRIu32 "%s%s, %s, %s", c->number, label,
                            c->corrected ? ", corrected" : "", file->is_original ? "original" : "prepared PNG",
                            pl_case_shows_name(s->how.shows));
  if (s->map.map.data == NULL || used < 0) return;
  pl_prediction_words(words, sizeof words, s->how.epoch, x->planned);
  if (result->compared) {
    snprintf(scores, sizeof scores,
             ": dice %.4f, hit %" PRIu64 " px, false alarm %" PRIu64 " px, missed %" PRIu64 " px",
             pl_agreement_dice(&result->agreement), result->agreement.hit, result->agreement.false_alarm,
             result->agreement.missed);
  }
  snprintf(s->caption + used, sizeof s->caption - (size_t)used,
           "\n%s of %.64s, map %" PRIu32 "x%" PRIu32 ", p > %.2f at %" PRIu32 "x%" PRIu32 "%s%s", words,
           pl_path_base(x->run), result->width, result->height, s->how.threshold, file->dicom.image.width,
           file->dicom.image.height, scores,
           s->how.shows == PL_CASE_DIFFERENCE && result->compared ? "\nhit green, false alarm pink, missed blue" : "");
}

static pl_status read_case(shown *s, request *x, const pl_case *c, pl_error *err) {
  pl_case_result result = {.status = PL_OK};
  s->how = (pl_case_drawing){.invert = x->how->invert,
                             .shows = x->what->shows,
                             .threshold = x->what->threshold,
                             .mask_mode = x->how->mask_mode,
                             .opacity = pl_view_case_defaults(1, 1).opacity,
                             .legend = true};
  pl_status status = x->run != NULL ? choose_epoch(&s->how.epoch, x, c, err) : PL_OK;
  if (status != PL_OK) return status;
  pl_case_order order = pl_case_order_make(&x->manifest, c, false);
  pl_case_file_read(&s->file, &order, &x->table);
  pl_case_order_clear(&order);
  if (s->file.status != PL_OK) {
    *err = s->file.error;
    return pl_wrap(err, "case #%" PRIu32, c->number);
  }
  status = choose_window(&s->how.window, &s->file.dicom, x->source, err);
  if (status == PL_OK && x->run != NULL) {
    status = pl_case_map_read(&s->map, &s->file, x->run, s->how.epoch, err);
    if (status == PL_OK) status = pl_case_file_compare(&result, &s->file, &s->map, s->how.threshold, err);
  }
  if (status == PL_OK) describe(s, x, c, &result);
  return status;
}

static pl_status draw(pl_bitmap *out, const void *context, uint32_t width, uint32_t height, double pixel_aspect,
                      pl_error *err) {
  const shown *s = context;
  const pl_lens_frame frame = {.image_width = s->file.dicom.image.width,
                               .image_height = s->file.dicom.image.height,
                               .width = width,
                               .height = height,
                               .pixel_aspect = pixel_aspect};
  pl_case_result result;
  return pl_case_file_draw(out, &result, &s->file, s->map.map.data != NULL ? &s->map : NULL, &s->how, &frame, err);
}

static pl_status write_file(const shown *s, const pl_show_how *how, const char *path, pl_error *err) {
  const uint32_t width = how->size > 0 ? how->size : s->file.dicom.image.width;
  const uint32_t height = how->size > 0 ? how->size : s->file.dicom.image.height;
  pl_bitmap bitmap = {0};
  pl_status status = draw(&bitmap, s, width, height, 1, err);
  if (status == PL_OK) status = pl_bitmap_save(&bitmap, path, err);
  if (status == PL_OK) printf("%s\n", s->caption);
  pl_bitmap_clear(&bitmap);
  return status;
}

static pl_status show_case(request *x, const pl_case *c, const char *output, pl_error *err) {
  shown s = {.map = {.width = 0}};
  pl_status status = read_case(&s, x, c, err);
  if (status == PL_OK && output != NULL) {
    status = write_file(&s, x->how, output, err);
  } else if (status == PL_OK) {
    const pl_cli_picture picture = {
        .draw = draw, .context = &s, .caption = s.caption, .graphics = x->how->graphics, .size = x->how->size};
    status = pl_cli_print(&picture, err);
  }
  pl_case_map_clear(&s.map);
  pl_case_file_clear(&s.file);
  return status;
}

// Every case that fits and has a prediction.
static pl_status show_where(request *x, const char *text, pl_error *err) {
  pl_filter filter;
  size_t shown_count = 0;
  pl_status status = pl_filter_parse(&filter, text, err);
  if (status == PL_OK && x->how->output != NULL) status = pl_fs_make_folders(x->how->output, err);
  for (size_t i = 0; i < x->manifest.count && status == PL_OK; i++) {
    const pl_case *c = &x->manifest.cases[i];
    int64_t epoch = 0;
    const bool fits = c->status != PL_CASE_BAD && pl_filter_holds(&filter, c);
    if (!fits || (x->run != NULL && choose_epoch(&epoch, x, c, NULL) != PL_OK)) continue;
    char *path = x->how->output != NULL ? pl_xprintf("%s/%s.png", x->how->output, c->id) : NULL;
    status = show_case(x, c, path, err);
    free(path);
    shown_count++;
  }
  if (status != PL_OK || shown_count > 0) return status;
  return pl_fail(err, PL_E_NOTFOUND, "no case fits '%s'%s", filter.text, x->run != NULL ? " and has a prediction" : "");
}

static pl_status open_run(request *x, pl_error *err) {
  if (x->what->shows == PL_CASE_TRUTH) return PL_OK;
  pl_status status = pl_run_find(&x->run, x->manifest.workspace, x->what->run, err);
  if (status == PL_OK) status = pl_previews_update(&x->previews, x->run, NULL, err);
  pl_run_state state;
  x->planned = status == PL_OK && pl_run_state_load(&state, x->run, NULL) == PL_OK ? state.epochs : -1;
  return status;
}

pl_status pl_show_prediction_print(const pl_show_prediction *what, const pl_show_source *source, const char *filter,
                                   const pl_show_how *how, pl_error *err) {
  request x = {.what = what, .source = source, .how = how};
  char *workspace = NULL;
  size_t index = 0;
  pl_status status = pl_cli_workspace(&workspace, how->workspace, err);
  if (status == PL_OK) status = pl_cli_label_choice_manifest(&x.manifest, &source->labels, workspace, err);
  if (status == PL_OK) status = open_run(&x, err);
  if (status == PL_OK && filter != NULL) {
    status = show_where(&x, filter, err);
  } else if (status == PL_OK) {
    status = pl_manifest_find(&index, &x.manifest, source->name, err);
    if (status == PL_OK) status = show_case(&x, &x.manifest.cases[index], how->output, err);
  }
  pl_rle_table_clear(&x.table);
  pl_previews_clear(&x.previews);
  pl_manifest_clear(&x.manifest);
  free(x.run);
  free(workspace);
  return status;
}
