// The core's side of the previews: which cases, and an epoch at a time.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/rng.h"
#include "core/base/str.h"
#include "core/data/sampler.h"
#include "core/image/probability.h"
#include "core/run/json.h"
#include "core/run/previews.h"

enum { CASES_FILE_MAX = 1 << 18 };

static const char half_made[] = ".making";

struct pl_preview_writer {
  char *folder, *making;
};

// ---- Choosing

typedef struct candidate {
  size_t index;
  uint64_t area;
  uint32_t number;
} candidate;

// Largest first; of equal areas the smaller number.
static int by_area(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  if (x->area != y->area) return x->area > y->area ? -1 : 1;
  return x->number < y->number ? -1 : x->number > y->number;
}

// One of each of `wanted` equal parts.
static void take_parts(size_t *out, const candidate *from, size_t count, size_t wanted, uint64_t seed,
                       uint64_t stream) {
  for (size_t i = 0; i < wanted; i++) {
    size_t first = i * count / wanted, end = (i + 1) * count / wanted;
    out[i] = from[first + (size_t)pl_rng_below(seed, stream, i, end - first)].index;
  }
}

// Whether a filter does nothing but name cases: "number=12 | number=40".
static bool names_cases(const char *filter) { return strspn(filter, "number=|0123456789 ") == strlen(filter); }

// A case that is asked for by its number, and is none of those that the run validates on.
static pl_status check_named(const pl_filter *filter, const pl_manifest *manifest, int64_t fold, pl_error *err) {
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    if (!pl_filter_holds(filter, c) || (c->part == PL_PART_TRAIN && c->fold == fold)) continue;
    if (c->part != PL_PART_TRAIN) {
      return pl_fail(err, PL_E_USAGE, "case #%u is a test image: previews are compared with a label",
                     (unsigned)c->number);
    }
    return pl_fail(err, PL_E_USAGE,
                   "case #%u is in fold %d, which this run trains on; previews are of fold %d, which it holds out",
                   (unsigned)c->number, c->fold, (int)fold);
  }
  return PL_OK;
}

pl_status pl_previews_add(char preview_cases[PL_FILTER_SIZE], int64_t *previews, const char *run,
                          const pl_manifest *manifest, const pl_config *config, const pl_case *c, pl_error *err) {
  pl_previews shown = {.cases = NULL};
  pl_filter filter;
  pl_buf text;
  pl_buf_init(&text, PL_FILTER_SIZE - 1);
  pl_status status = pl_previews_update(&shown, run, NULL, err);
  if (status == PL_OK && pl_previews_find(&shown, c->id) < shown.case_count) {
    status = pl_fail(err, PL_E_EXISTS, "case #%u is among the previews already", (unsigned)c->number);
  }
  for (size_t i = 0; i < shown.case_count && status == PL_OK; i++) {
    (void)pl_buf_printf(&text, "number=%u|", (unsigned)shown.cases[i].number);
  }
  (void)pl_buf_printf(&text, "number=%u", (unsigned)c->number);
  const size_t count = shown.case_count + 1;
  pl_previews_clear(&shown);
  if (status == PL_OK && (text.failed || count > PL_PREVIEWS_MAX)) {
    status = pl_fail(err, PL_E_LIMIT, "%zu previews are too many to be named one by one", count);
  }
  if (status == PL_OK) status = pl_filter_parse(&filter, text.data, err);
  if (status == PL_OK) status = check_named(&filter, manifest, config->fold, err);
  if (status == PL_OK) {
    (void)pl_copy_text(preview_cases, PL_FILTER_SIZE, text.data);
    *previews = (int64_t)count;
  }
  pl_buf_clear(&text);
  return status;
}

static pl_status find_candidates(size_t **cases, size_t *count, const pl_manifest *manifest, const pl_config *config,
                                 pl_error *err) {
  const bool own = config->preview_cases[0] != '\0';
  pl_filter filter;
  pl_status status = pl_filter_parse(&filter, own ? config->preview_cases : config->where, err);
  if (status == PL_OK && own && names_cases(config->preview_cases)) {
    status = check_named(&filter, manifest, config->fold, err);
  }
  if (status != PL_OK) return own ? pl_wrap(err, "preview-cases") : status;
  status = pl_subset_select(cases, count, manifest, (int)config->fold, PL_SUBSET_VALID, &filter, err);
  if (status != PL_OK) return own ? pl_wrap(err, "preview-cases") : status;
  if (!own && config->limit > 0 && *count > (size_t)config->limit) *count = (size_t)config->limit;
  return PL_OK;
}

pl_status pl_previews_choose(size_t **cases, size_t *count, const pl_manifest *manifest, const pl_config *config,
                             pl_error *err) {
  if (config->previews == 0) {
    *cases = NULL;
    *count = 0;
    return PL_OK;
  }
  size_t *all = NULL, total = 0, positive = 0, negative = 0, wanted = (size_t)config->previews;
  pl_status status = find_candidates(&all, &total, manifest, config, err);
  if (status != PL_OK) return status;
  candidate *positives = pl_xcalloc(total, sizeof *positives), *negatives = pl_xcalloc(total, sizeof *negatives);
  for (size_t i = 0; i < total; i++) {
    const pl_case *c = &manifest->cases[all[i]];
    const candidate one = {.index = all[i], .area = c->mask_area, .number = c->number};
    if (c->label == PL_LABEL_POSITIVE) {
      positives[positive++] = one;
    } else {
      negatives[negative++] = one;
    }
  }
  qsort(positives, positive, sizeof *positives, by_area);
  qsort(negatives, negative, sizeof *negatives, by_area);
  size_t take = wanted < total ? wanted : total, most = (3 * take + 3) / 4;
  size_t some = positive < most ? positive : most, rest = take - some < negative ? take - some : negative;
  some = take - rest;  // more positives where negatives are missing
  const uint64_t seed = pl_rng_derive((uint64_t)config->seed, "previews");
  size_t *chosen = pl_xcalloc(take, sizeof *chosen);
  if (some > 0) take_parts(chosen, positives, positive, some, seed, 0);
  if (rest > 0) take_parts(chosen + some, negatives, negative, rest, seed, 1);
  free(positives);
  free(negatives);
  free(all);
  *cases = chosen;
  *count = take;
  return PL_OK;
}

// ---- Writing

static pl_status write_cases(const pl_preview_writer *w, const pl_manifest *manifest, const size_t *cases, size_t count,
                             pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, CASES_FILE_MAX);
  (void)pl_buf_add_text(&text, "{\"cases\":[");
  for (size_t i = 0; i < count; i++) {
    const pl_case *c = &manifest->cases[cases[i]];
    (void)pl_buf_printf(&text, "%s\n{\"number\":%u", i > 0 ? "," : "", (unsigned)c->number);
    pl_json_add_text(&text, "id", c->id);
    (void)pl_buf_add_text(&text, "}");
  }
  (void)pl_buf_add_text(&text, "]}\n");
  char *path = pl_path_join(w->folder, "cases.json");
  pl_status status = text.failed ? pl_fail(err, PL_E_LIMIT, "%s would be too long", path)
                                 : pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  return status;
}

static pl_status remove_from(const pl_preview_writer *w, int64_t first, pl_error *err) {
  char **names = NULL;
  size_t count = 0;
  pl_status status = pl_fs_list(&names, &count, w->folder, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    int64_t epoch = 0;
    bool old = pl_parse_i64(&epoch, names[i], strlen(names[i])) && epoch >= first;
    if (!old && strcmp(names[i], half_made) != 0 && !pl_begins_with(names[i], "cases.json.")) continue;
    char *path = pl_path_join(w->folder, names[i]);
    status = pl_fs_remove_tree(path, err);
    free(path);
  }
  pl_fs_free_names(names, count);
  return status;
}

// One level: a run's folder that was removed is not made anew.
static pl_status make_folder(const char *path, pl_error *err) {
  if (mkdir(path, 0777) == 0 || errno == EEXIST) return PL_OK;
  return pl_fail_errno(err, errno, "cannot make folder %s", path);
}

pl_status pl_preview_writer_open(pl_preview_writer **out, const char *run, const pl_manifest *manifest,
                                 const size_t *cases, size_t count, int64_t first_epoch, pl_error *err) {
  pl_preview_writer *w = pl_xcalloc(1, sizeof *w);
  w->folder = pl_path_join(run, "preview");
  w->making = pl_path_join(w->folder, half_made);
  pl_status status = make_folder(w->folder, err);
  if (status == PL_OK) status = remove_from(w, first_epoch, err);
  if (status == PL_OK) status = write_cases(w, manifest, cases, count, err);
  if (status != PL_OK) {
    pl_preview_writer_close(w);
    return status;
  }
  *out = w;
  return PL_OK;
}

pl_status pl_preview_writer_change(pl_preview_writer *w, const pl_manifest *manifest, const size_t *cases, size_t count,
                                   pl_error *err) {
  return write_cases(w, manifest, cases, count, err);
}

void pl_preview_writer_close(pl_preview_writer *w) {
  if (w == NULL) return;
  free(w->folder);
  free(w->making);
  free(w);
}

pl_status pl_preview_writer_add(pl_preview_writer *w, const pl_case *c, const float *probabilities, uint32_t side,
                                pl_error *err) {
  pl_image map;
  pl_status status = pl_probability_take(&map, probabilities, side, side, err);
  if (status != PL_OK) return status;
  char *path = pl_xprintf("%s/%s.png", w->making, c->id);
  status = make_folder(w->making, err);
  if (status == PL_OK) status = pl_probability_write(path, &map, err);
  free(path);
  pl_image_clear(&map);
  return status;
}

pl_status pl_preview_writer_end(pl_preview_writer *w, int64_t epoch, pl_error *err) {
  if (!pl_fs_is_folder(w->making)) return PL_OK;
  char *path = pl_xprintf("%s/%06" PRId64, w->folder, epoch);
  pl_status status = pl_fs_remove_tree(path, err);
  if (status == PL_OK && rename(w->making, path) != 0) status = pl_fail_errno(err, errno, "cannot write %s", path);
  if (status == PL_OK) status = pl_fs_sync_folder(w->folder, err);
  free(path);
  return status;
}
