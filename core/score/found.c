#include "core/score/found.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/str.h"
#include "core/data/access.h"

enum { FILE_MAX = 1 << 20 };

static pl_status read_members(pl_found *out, const json_t *o, const char *path, pl_error *err) {
  const char *triplet = json_string_value(json_object_get(o, "triplet"));
  const char *runs = json_string_value(json_object_get(o, "runs"));
  const char *by = json_string_value(json_object_get(o, "by"));
  if (triplet == NULL || runs == NULL) {
    return pl_fail(err, PL_E_FORMAT, "%s has no triplet: 'pleura triplet' makes it anew", path);
  }
  if (pl_triplet_parse(&out->triplet, triplet, err) != PL_OK) return pl_wrap(err, "%s", path);
  (void)pl_copy_text(out->runs, sizeof out->runs, runs);
  (void)pl_safe_text(out->by, sizeof out->by, by != NULL ? by : "", by != NULL ? strlen(by) : 0);
  out->images = json_integer_value(json_object_get(o, "images"));
  out->dice = json_number_value(json_object_get(o, "dice"));
  return PL_OK;
}

pl_status pl_found_load(pl_found *out, const char *workspace, pl_error *err) {
  char *path = pl_path_join(workspace, PL_FOUND_FILE);
  pl_buf text;
  pl_buf_init(&text, FILE_MAX);
  pl_found found = {.images = 0};
  pl_status status = pl_fs_read(&text, path, err);
  json_t *o = status == PL_OK ? json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL) : NULL;
  if (status == PL_OK) status = read_members(&found, o, path, err);
  if (status == PL_OK) *out = found;
  json_decref(o);
  pl_buf_clear(&text);
  free(path);
  return status;
}

pl_status pl_found_save(const pl_found *found, const char *workspace, pl_error *err) {
  char triplet[PL_TRIPLET_TEXT_SIZE], *path = pl_path_join(workspace, PL_FOUND_FILE);
  pl_triplet_text(triplet, &found->triplet);
  json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:I, s:f}", "format", 1, "triplet", triplet, "runs", found->runs, "by",
                        found->by, "images", (json_int_t)found->images, "dice", found->dice);
  char *text = o != NULL ? json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
  pl_status status = text != NULL ? pl_access_check(path, pl_access_nothing, err)
                                  : pl_fail(err, PL_E_FORMAT, "the names of the runs are not UTF-8");
  if (status == PL_OK) status = pl_fs_replace(path, text, strlen(text), err);
  free(text);
  json_decref(o);
  free(path);
  return status;
}

void pl_found_words(char *out, size_t size, const pl_found *found) {
  (void)snprintf(out, size, "found by '%s' over %lld images out of fold, dice %.4f",
                 found->by[0] != '\0' ? found->by : "pleura triplet", found->images, found->dice);
}
