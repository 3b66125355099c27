#include "tui/cli/show_subject.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/source.h"
#include "core/image/decode.h"
#include "core/image/lut.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"
#include "tui/cli/cli.h"
#include "tui/cli/place.h"

static bool has_ending(const char *text, const char *ending) {
  size_t length = strlen(text), tail = strlen(ending);
  return length > tail && strcasecmp(text + length - tail, ending) == 0;
}

// A path is what exists as a file and looks like one of the two kinds that we read.
static bool is_path(const char *text) {
  return (has_ending(text, ".dcm") || has_ending(text, ".png") || strchr(text, '/') != NULL) && pl_fs_is_file(text);
}

// Which of the file's windows, and what to say about it.
static pl_status choose_window(pl_window *window, pl_show_subject *s, const pl_dicom *dicom, const pl_show_source *a,
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
static pl_status take_image(pl_show_subject *s, pl_dicom *dicom, const pl_show_source *a, pl_error *err) {
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

static pl_status read_file(pl_show_subject *s, const char *path, const pl_show_source *a, pl_error *err) {
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
static void describe_case(pl_show_subject *s, const pl_manifest *manifest, const pl_case *c) {
  size_t skip = strlen(c->id) > manifest->id_prefix ? manifest->id_prefix : 0;
  char id[160], label[80], fold[32] = "";
  pl_safe_text(id, sizeof id, c->id + skip, strlen(c->id + skip));
  describe_label(label, sizeof label, c);
  if (c->fold >= 0) snprintf(fold, sizeof fold, ", fold %d", c->fold);
  snprintf(s->caption, sizeof s->caption, "#%u %s%s%s, %s%s", c->number, skip > 0 ? "..." : "", id, fold, label,
           c->corrected ? ", corrected" : "");
}

// The case's own file, for a window that only this one has.
static pl_status read_source(pl_show_subject *s, const pl_case *c, const pl_show_source *a, pl_error *err) {
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
static pl_status read_mask(pl_show_subject *s, const char *path, pl_error *err) {
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

pl_status pl_show_read_case(pl_show_subject *s, const pl_manifest *manifest, size_t index, const pl_show_source *a,
                            pl_error *err) {
  const pl_case *c = &manifest->cases[index];
  describe_case(s, manifest, c);
  char *image_path = pl_case_image_path(manifest, c), *mask_path = pl_case_mask_path(manifest, c);
  pl_status status = a->choice != NULL ? read_source(s, c, a, err) : pl_png_read(&s->image, image_path, err);
  if (status != PL_OK && a->choice == NULL) {
    pl_wrap(err, "case #%u has no prepared image (import again, or look at its status)", c->number);
  }
  if (status == PL_OK && a->masked && c->label == PL_LABEL_POSITIVE && pl_fs_is_file(mask_path)) {
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

pl_status pl_show_read(pl_show_subject *s, const pl_show_source *a, pl_error *err) {
  bool path = is_path(a->name), want_mask = a->masked;
  if (path && (!want_mask || a->has_window || a->choice != NULL)) return read_file(s, a->name, a, err);
  char *workspace = NULL;
  pl_manifest manifest = {0};
  pl_status status = pl_cli_workspace(&workspace, a->workspace, err);
  if (status == PL_OK) status = pl_cli_label_choice_manifest(&manifest, &a->labels, workspace, err);
  free(workspace);
  if (status != PL_OK) {
    if (path && a->workspace == NULL && !a->labels.given) return read_file(s, a->name, a, err);
    if (status != PL_E_NOTFOUND || a->workspace != NULL) return status;
    return pl_wrap(err, "'%s' is no .dcm or .png file here, and as a case it needs a workspace", a->name);
  }
  size_t index = 0;
  if (path) {
    status = find_by_file_name(&index, &manifest, a->name) ? pl_show_read_case(s, &manifest, index, a, err)
                                                           : read_file(s, a->name, a, err);
  } else {
    status = pl_manifest_find(&index, &manifest, a->name, err);
    if (status == PL_OK) status = pl_show_read_case(s, &manifest, index, a, err);
  }
  pl_manifest_clear(&manifest);
  return status;
}

void pl_show_subject_clear(pl_show_subject *subject) {
  pl_image_clear(&subject->image);
  pl_image_clear(&subject->mask);
  *subject = (pl_show_subject){.has_mask = false};
}
