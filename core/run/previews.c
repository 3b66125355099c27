// The readers' side, and what needs no file.
#include "core/run/previews.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/image/agreement.h"
#include "core/image/probability.h"
#include "core/run/json.h"

enum { CASES_FILE_MAX = 1 << 18, ID_MAX = 256, EPOCH_DIGITS = 6 };

// Enough to notice that a folder or file was changed.
typedef struct mark {
  ino_t inode;
  off_t size;
  struct timespec time;
} mark;

typedef struct pl_previews_stamp {
  mark folder, cases;
} pl_previews_stamp;

static mark mark_of(const char *folder, const char *name) {
  char *path = pl_path_join(folder, name);
  struct stat s;
  mark m = {0};
  if (stat(path, &s) == 0) m = (mark){s.st_ino, s.st_size, s.st_mtim};
  free(path);
  return m;
}

static bool same(mark a, mark b) {
  return a.inode == b.inode && a.size == b.size && a.time.tv_sec == b.time.tv_sec && a.time.tv_nsec == b.time.tv_nsec;
}

static void free_cases(pl_preview_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) free(cases[i].id);
  free(cases);
}

// An id becomes part of a path.
static bool is_id(const char *text) { return text[0] != '\0' && text[0] != '.' && strchr(text, '/') == NULL; }

static pl_status take_cases(pl_previews *p, const json_t *list, const char *path, pl_error *err) {
  size_t count = json_array_size(list);
  if (!json_is_array(list) || count > PL_PREVIEWS_MAX)
    return pl_fail(err, PL_E_FORMAT, "%s has no list of cases", path);
  pl_preview_case *cases = pl_xcalloc(count + 1, sizeof *cases);
  for (size_t i = 0; i < count; i++) {
    char id[ID_MAX];
    const json_t *one = json_array_get(list, i);
    int64_t number = pl_json_int(one, "number", 0);
    pl_json_text(id, sizeof id, one, "id");
    if (!is_id(id) || number < 0 || number > UINT32_MAX) {
      free_cases(cases, i);
      return pl_fail(err, PL_E_FORMAT, "%s: entry %zu is no case", path, i + 1);
    }
    cases[i] = (pl_preview_case){.id = pl_xstrdup(id), .number = (uint32_t)number};
  }
  free_cases(p->cases, p->case_count);
  p->cases = cases;
  p->case_count = count;
  return PL_OK;
}

static pl_status read_cases(pl_previews *p, pl_error *err) {
  char *path = pl_path_join(p->folder, "cases.json");
  pl_buf text;
  pl_buf_init(&text, CASES_FILE_MAX);
  pl_status status = pl_fs_read(&text, path, err);
  if (status == PL_OK) {
    json_error_t problem;
    json_t *object = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &problem);
    status = object == NULL ? pl_fail(err, PL_E_FORMAT, "%s line %d: %s", path, problem.line, problem.text)
                            : take_cases(p, json_object_get(object, "cases"), path, err);
    json_decref(object);
  }
  pl_buf_clear(&text);
  free(path);
  return status == PL_E_NOTFOUND ? PL_OK : status;
}

// Folders whose name is an epoch. Names in byte order are epochs in order, as long as they have six digits.
static pl_status read_epochs(pl_previews *p, pl_error *err) {
  char **names = NULL;
  size_t count = 0, used = 0;
  pl_status status = pl_fs_list(&names, &count, p->folder, err);
  if (status != PL_OK) return status;
  int64_t *epochs = pl_xcalloc(count + 1, sizeof *epochs);
  for (size_t i = 0; i < count; i++) {
    if (strlen(names[i]) == EPOCH_DIGITS && pl_parse_i64(&epochs[used], names[i], EPOCH_DIGITS) && epochs[used] >= 0) {
      used++;
    }
  }
  pl_fs_free_names(names, count);
  free(p->epochs);
  p->epochs = epochs;
  p->epoch_count = used;
  return PL_OK;
}

pl_status pl_previews_update(pl_previews *p, const char *run, bool *changed, pl_error *err) {
  if (p->folder == NULL) {
    p->folder = pl_path_join(run, "preview");
    p->stamp = pl_xcalloc(1, sizeof *p->stamp);
  }
  const mark folder = mark_of(p->folder, ""), cases = mark_of(p->folder, "cases.json");
  if (changed != NULL) *changed = false;
  if (same(folder, p->stamp->folder) && same(cases, p->stamp->cases)) return PL_OK;
  if (changed != NULL) *changed = true;
  pl_status status = read_cases(p, err);
  if (status == PL_OK && pl_fs_is_folder(p->folder)) status = read_epochs(p, err);
  if (status == PL_OK) *p->stamp = (pl_previews_stamp){folder, cases};
  return status;
}

void pl_previews_clear(pl_previews *p) {
  free_cases(p->cases, p->case_count);
  free(p->epochs);
  free(p->folder);
  free(p->stamp);
  *p = (pl_previews){.cases = NULL};
}

size_t pl_previews_find(const pl_previews *p, const char *id) {
  size_t at = 0;
  while (at < p->case_count && strcmp(p->cases[at].id, id) != 0) at++;
  return at;
}

char *pl_previews_path(const char *run, int64_t epoch, const char *id) {
  return pl_xprintf("%s/preview/%06" PRId64 "/%s.png", run, epoch, id);
}

pl_status pl_previews_load(pl_image *out, const char *run, int64_t epoch, const char *id, pl_error *err) {
  char *path = pl_previews_path(run, epoch, id);
  pl_status status = pl_fs_is_file(path)
                         ? pl_probability_read(out, path, err)
                         : pl_fail(err, PL_E_NOTFOUND, "epoch %" PRId64 " has no prediction of %.100s", epoch, id);
  free(path);
  return status;
}

pl_status pl_previews_score(pl_preview_score *out, const pl_image *map, const pl_image *mask, double threshold,
                            pl_error *err) {
  if (map->type != PL_PIXEL_U16 || mask->type != PL_PIXEL_U8 || map->width != mask->width ||
      map->height != mask->height) {
    return pl_fail(err, PL_E_USAGE, "a map of %ux%u and a mask of %ux%u cannot be compared", map->width, map->height,
                   mask->width, mask->height);
  }
  pl_image predicted = {0};
  pl_agreement found = {0};
  pl_status status = pl_probability_mask(&predicted, map, mask->width, mask->height, threshold, err);
  if (status == PL_OK) status = pl_agreement_count(&found, mask, &predicted, err);
  pl_image_clear(&predicted);
  if (status != PL_OK) return status;
  *out = (pl_preview_score){.predicted = found.hit + found.false_alarm,
                            .target = found.hit + found.missed,
                            .both = found.hit,
                            .dice = pl_agreement_dice(&found)};
  return PL_OK;
}
