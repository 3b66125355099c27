#include "core/data/labels.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/csvio.h"
#include "core/data/labels_private.h"

static const char *const choice_names[], *const table_names[];

const char *pl_label_choice_name(size_t choice) { return choice <= PL_LABELS_CORRECTED ? choice_names[choice] : NULL; }

bool pl_label_choice_find(pl_label_choice *out, const char *name) {
  for (size_t i = 0; i <= PL_LABELS_CORRECTED; i++) {
    if (strcmp(choice_names[i], name) != 0) continue;
    *out = (pl_label_choice)i;
    return true;
  }
  return false;
}

const char *pl_label_table_name(pl_label_choice choice) { return table_names[choice]; }

char *pl_label_table_path(const char *workspace, pl_label_choice choice) {
  return pl_path_join(workspace, table_names[choice]);
}

// ---- labels.json

void pl_corrections_clear(pl_corrections *corrections) {
  for (size_t i = 0; i < corrections->count; i++) free(corrections->cases[i].id);
  free(corrections->cases);
  *corrections = (pl_corrections){0};
}

static int by_id(const void *a, const void *b) {
  return strcmp(((const pl_correction *)a)->id, ((const pl_correction *)b)->id);
}

static int by_key(const void *key, const void *one) { return strcmp(key, ((const pl_correction *)one)->id); }

const pl_correction *pl_corrections_find(const pl_corrections *c, const char *id) {
  return c->count == 0 ? NULL : bsearch(id, c->cases, c->count, sizeof *c->cases, by_key);
}

static bool read_text(char *out, size_t size, const json_t *o, const char *key) {
  const json_t *value = json_object_get(o, key);
  if (!json_is_string(value)) return false;
  (void)pl_safe_text(out, size, json_string_value(value), json_string_length(value));
  return true;
}

static bool read_count(uint64_t *out, const json_t *o, const char *key) {
  const json_t *value = json_object_get(o, key);
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *out = (uint64_t)json_integer_value(value);
  return true;
}

static bool read_case(pl_correction *out, const json_t *o) {
  pl_correction c = {.finished = {.event = PL_LABEL_FINISHED}};
  pl_label_record *f = &c.finished;
  const char *id = json_string_value(json_object_get(o, "id"));
  if (id == NULL || pl_id_problem(id, strlen(id)) != NULL || !read_count(&c.area, o, "area") ||
      !read_count(&c.original_area, o, "original_area") || !read_count(&c.added, o, "added") ||
      !read_count(&c.removed, o, "removed") || !read_text(f->user, sizeof f->user, o, "user") ||
      !read_text(f->host, sizeof f->host, o, "host") || !read_text(f->why, sizeof f->why, o, "why") ||
      !read_text(f->mask_sha256, sizeof f->mask_sha256, o, "mask_sha256")) {
    return false;
  }
  f->time = json_number_value(json_object_get(o, "time"));
  f->area = c.area;
  c.id = pl_xstrdup(id);
  *out = c;
  return true;
}

static pl_status read_object(pl_corrections *out, const json_t *o, pl_error *err) {
  const json_t *cases = json_object_get(o, "cases");
  if (!json_is_array(cases) || !read_text(out->original_sha256, sizeof out->original_sha256, o, "original_sha256") ||
      !read_text(out->corrected_sha256, sizeof out->corrected_sha256, o, "corrected_sha256")) {
    return pl_fail(err, PL_E_FORMAT, "not what 'pleura labels export' writes; it makes it anew");
  }
  out->cases = pl_xcalloc(json_array_size(cases) + 1, sizeof *out->cases);
  for (size_t i = 0; i < json_array_size(cases); i++) {
    if (!read_case(&out->cases[out->count], json_array_get(cases, i))) {
      return pl_fail(err, PL_E_FORMAT, "case %zu makes no sense; 'pleura labels export' makes it anew", i + 1);
    }
    out->count++;
  }
  if (out->count > 1) qsort(out->cases, out->count, sizeof *out->cases, by_id);
  return PL_OK;
}

pl_status pl_corrections_load(pl_corrections *out, const char *workspace, pl_error *err) {
  char *path = pl_path_join(workspace, PL_LABELS_FILE);
  pl_corrections c = {0};
  pl_buf text;
  pl_buf_init(&text, PL_LABEL_LOG_MAX);
  pl_status status = PL_OK;
  if (!pl_fs_is_file(path)) {
    status = pl_fail(err, PL_E_NOTFOUND,
                     "no label of %s is corrected yet: 'E' on the workbench's Case screen corrects one", workspace);
  } else {
    status = pl_fs_read(&text, path, err);
    json_error_t problem = {.line = 0};
    json_t *o = status == PL_OK ? json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &problem) : NULL;
    if (status == PL_OK && o == NULL) {
      status = pl_fail(err, PL_E_FORMAT, "%s line %d: %s; 'pleura labels export' makes it anew", path, problem.line,
                       problem.text);
    } else if (status == PL_OK) {
      status = read_object(&c, o, err);
      if (status != PL_OK) pl_wrap(err, "%s", path);
    }
    json_decref(o);
  }
  free(path);
  pl_buf_clear(&text);
  if (status == PL_OK) {
    *out = c;
  } else {
    pl_corrections_clear(&c);
  }
  return status;
}

static pl_status check_hash(const char *workspace, pl_label_choice choice, const char *expected, pl_error *err) {
  char *path = pl_label_table_path(workspace, choice), hex[PL_SHA256_HEX_SIZE];
  pl_status status = pl_sha256_file(hex, path, err);
  free(path);
  if (status != PL_OK) return pl_wrap(err, "the corrected labels ('pleura labels export' makes them anew)");
  if (strcmp(hex, expected) == 0) return PL_OK;
  if (choice == PL_LABELS_ORIGINAL) {
    return pl_fail(
        err, PL_E_USAGE,
        "train-rle.csv changed since the labels were corrected: 'pleura labels export' makes corrected-rle.csv "
        "anew from it, or says which corrections do not fit it any more");
  }
  return pl_fail(
      err, PL_E_USAGE,
      "corrected-rle.csv is not what was made from the corrections: somebody changed it; 'pleura labels export' "
      "makes it anew");
}

pl_status pl_corrections_check(const pl_corrections *c, const char *workspace, pl_error *err) {
  pl_status status = check_hash(workspace, PL_LABELS_ORIGINAL, c->original_sha256, err);
  return status == PL_OK ? check_hash(workspace, PL_LABELS_CORRECTED, c->corrected_sha256, err) : status;
}

pl_status pl_label_table_find(char **path, const char *workspace, pl_label_choice choice, pl_error *err) {
  pl_corrections corrections = {0};
  pl_status status = choice == PL_LABELS_CORRECTED ? pl_corrections_load(&corrections, workspace, err) : PL_OK;
  if (status == PL_OK && choice == PL_LABELS_CORRECTED) status = pl_corrections_check(&corrections, workspace, err);
  pl_corrections_clear(&corrections);
  if (status == PL_OK) *path = pl_label_table_path(workspace, choice);
  return status;
}

pl_status pl_labels_are_exported(const pl_label_status *statuses, size_t count, const char *workspace, pl_error *err) {
  size_t corrected = 0;
  for (size_t i = 0; i < count; i++) corrected += statuses[i].corrected;
  pl_corrections c = {0};
  pl_error ignored = {0};
  pl_status status = pl_corrections_load(&c, workspace, &ignored);
  if (status == PL_E_NOTFOUND && corrected == 0) return PL_OK;
  bool same = status == PL_OK && c.count == corrected;
  for (size_t i = 0; i < count && same; i++) {
    if (!statuses[i].corrected) continue;
    const pl_correction *one = pl_corrections_find(&c, statuses[i].id);
    same = one != NULL && strcmp(one->finished.mask_sha256, statuses[i].finished.mask_sha256) == 0;
  }
  status = same
               ? pl_corrections_check(&c, workspace, err)
               : pl_fail(err, PL_E_USAGE,
                         "corrected-rle.csv has not all corrections that are finished; 'pleura labels export' makes it "
                         "anew");
  pl_corrections_clear(&c);
  return status;
}

// ---- A manifest

// What a case is corrected to; NULL when it is not.
static const pl_correction *correction_of(const pl_corrections *corrections, const pl_case *c) {
  const bool may = c->part == PL_PART_TRAIN && c->status != PL_CASE_BAD;
  return may ? pl_corrections_find(corrections, c->id) : NULL;
}

static pl_status check_mask(const pl_manifest *manifest, const pl_case *c, pl_error *err) {
  pl_case corrected = *c;
  corrected.corrected = true;
  char *mask = pl_case_mask_path(manifest, &corrected);
  pl_status status = PL_OK;
  if (!pl_fs_is_file(mask)) {
    status = pl_fail(err, PL_E_USAGE, "case #%u: there is no %s; 'pleura labels export' makes it", (unsigned)c->number,
                     mask);
  }
  free(mask);
  return status;
}

pl_status pl_corrections_apply(pl_manifest *manifest, const pl_corrections *corrections, pl_error *err) {
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    pl_status status = correction_of(corrections, c) != NULL ? check_mask(manifest, c, err) : PL_OK;
    if (status != PL_OK) return status;
  }
  for (size_t i = 0; i < manifest->count; i++) {
    pl_case *c = &manifest->cases[i];
    const pl_correction *correction = correction_of(corrections, c);
    if (correction == NULL) continue;
    c->corrected = true;
    c->mask_area = correction->area;
    c->label = correction->area > 0 ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE;
    if (c->status == PL_CASE_UNLABELLED) c->status = PL_CASE_OK;
  }
  manifest->labels = PL_LABELS_CORRECTED;
  return PL_OK;
}

pl_status pl_labels_apply(pl_manifest *manifest, pl_label_choice choice, pl_error *err) {
  if (choice == PL_LABELS_ORIGINAL) return PL_OK;
  pl_corrections corrections = {0};
  pl_status status = pl_corrections_load(&corrections, manifest->workspace, err);
  if (status == PL_OK) status = pl_corrections_check(&corrections, manifest->workspace, err);
  if (status == PL_OK) status = pl_corrections_apply(manifest, &corrections, err);
  pl_corrections_clear(&corrections);
  return status;
}

pl_status pl_labels_load_manifest(pl_manifest *out, const char *workspace, pl_label_choice choice, pl_error *err) {
  pl_manifest manifest = {0};
  pl_status status = pl_manifest_load(&manifest, workspace, err);
  if (status != PL_OK) return status;
  status = pl_labels_apply(&manifest, choice, err);
  if (status == PL_OK) {
    *out = manifest;
  } else {
    pl_manifest_clear(&manifest);
  }
  return status;
}

static const char *const choice_names[] = {[PL_LABELS_ORIGINAL] = "original", [PL_LABELS_CORRECTED] = "corrected"};
static const char *const table_names[] = {
    [PL_LABELS_ORIGINAL] = "train-rle.csv", [PL_LABELS_CORRECTED] = "corrected-rle.csv"};
