#include "core/run/ensemble.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/prepare.h"
#include "core/data/sampler.h"
#include "core/run/find.h"
#include "core/run/group.h"
#include "core/run/tables.h"

// ---- Opening

// What the words of a request come to.
typedef struct name_list {
  char *names[PL_ENSEMBLE_MAX];  // of runs
  double weights[PL_ENSEMBLE_MAX];
  size_t count;
  bool weighted;  // by a word
} name_list;

static void clear_names(name_list *list) {
  for (size_t i = 0; i < list->count; i++) free(list->names[i]);
}

static bool is_weight(double value) { return value > 0 && value <= 1e6; }

static pl_status add_name_take(name_list *list, char *name, double weight, pl_error *err) {
  if (list->count == PL_ENSEMBLE_MAX) {
    free(name);
    return pl_fail(err, PL_E_USAGE, "at most %d runs can be taken together", PL_ENSEMBLE_MAX);
  }
  list->weights[list->count] = weight;
  list->names[list->count++] = name;
  return PL_OK;
}

static pl_status add_group(name_list *list, const char *group, double weight, pl_error *err) {
  pl_group_info *info = pl_xcalloc(1, sizeof *info);
  pl_status status = pl_group_load(info, group, err);
  for (int64_t fold = 0; status == PL_OK && fold < info->folds; fold++) {
    char *run = pl_group_run_folder(group, fold);
    if (pl_fs_is_folder(run)) {
      status = add_name_take(list, run, weight, err);
      continue;
    }
    free(run);
    status = pl_fail(err, PL_E_NOTFOUND, "fold %d of %.60s is not trained yet: 'pleura train --resume %.60s' goes on",
                     (int)fold, info->name, info->name);
  }
  free(info);
  return status;
}

// Cuts the weight off "NAME:2"; a colon before anything else belongs to the name.
static pl_status cut_weight(char *name, double *weight, bool *said, pl_error *err) {
  char *colon = strrchr(name, ':');
  if (colon == NULL || !pl_parse_double(weight, colon + 1, strlen(colon + 1))) return PL_OK;
  if (!is_weight(*weight)) return pl_fail(err, PL_E_USAGE, "%.60s: a weight is a number above 0, as fold0:2", name);
  *colon = '\0';
  *said = true;
  return PL_OK;
}

static pl_status add_word(name_list *list, const char *word, const char *workspace, pl_error *err) {
  char *name = pl_xstrdup(word);
  double weight = 1;
  pl_status status = cut_weight(name, &weight, &list->weighted, err);
  char *group = status == PL_OK ? pl_group_find(workspace, name) : NULL;
  if (group != NULL) {
    status = add_group(list, group, weight, err);
  } else if (status == PL_OK) {
    status = add_name_take(list, pl_xstrdup(name), weight, err);
  }
  free(group);
  free(name);
  return status;
}

static pl_status read_weights(name_list *list, const char *text, pl_error *err) {
  if (text == NULL) return PL_OK;
  if (list->weighted) return pl_fail(err, PL_E_USAGE, "weights stand behind the runs, or in a list, not in both");
  size_t count = 0;
  for (const char *at = text; at != NULL; count++) {
    const size_t length = strcspn(at, ",");
    double weight = 0;
    if (!pl_parse_double(&weight, at, length) || !is_weight(weight)) {
      return pl_fail(err, PL_E_USAGE, "weights %.60s: numbers above 0, one for each run, as 2,1,1", text);
    }
    if (count < list->count) list->weights[count] = weight;
    at = at[length] == ',' ? at + length + 1 : NULL;
  }
  if (count == list->count) return PL_OK;
  return pl_fail(err, PL_E_USAGE, "there are %zu weights for %zu runs", count, list->count);
}

static pl_status read_words(name_list *list, const pl_ensemble_request *r, pl_error *err) {
  pl_status status = r->count == 0 ? add_name_take(list, pl_xstrdup("latest"), 1, err) : PL_OK;
  for (size_t i = 0; i < r->count && status == PL_OK; i++) status = add_word(list, r->words[i], r->workspace, err);
  return status == PL_OK ? read_weights(list, r->weights, err) : status;
}

// "RUN/ckpt/000120" is cut into the run's folder and the checkpoint's name; false when it is not such a path.
static bool cut_checkpoint(char **folder, char **checkpoint, const char *name) {
  const char *part = strstr(name, "/ckpt/");
  if (part == NULL) return false;
  const char *last = part + strlen("/ckpt/");
  const size_t length = strcspn(last, "/");
  if (length == 0 || strspn(last + length, "/") != strlen(last + length)) return false;
  *folder = pl_xprintf("%.*s", (int)(part - name), name);
  *checkpoint = pl_xprintf("%.*s", (int)length, last);
  return true;
}

static pl_status find_member(pl_ensemble_member *m, char **checkpoint, const pl_ensemble_request *r, const char *name,
                             pl_error *err) {
  char *cut = NULL, *named = NULL;
  pl_status status = PL_OK;
  if (checkpoint != NULL && cut_checkpoint(&cut, &named, name)) {
    if (*checkpoint != NULL && strcmp(*checkpoint, named) != 0) {
      status = pl_fail(err, PL_E_USAGE, "checkpoints %s and %s: one name is for all runs", *checkpoint, named);
    }
    free(*checkpoint);
    *checkpoint = named;
  }
  if (status == PL_OK) status = pl_run_find(&m->folder, r->workspace, cut != NULL ? cut : name, err);
  free(cut);
  if (status != PL_OK) return status;
  m->info = pl_xcalloc(1, sizeof *m->info);
  m->maps = pl_run_maps_folder(m->folder);
  return pl_run_load(m->info, m->folder, err);
}

// The workspace that a run lies in, or where it was made.
static char *workspace_of(const pl_ensemble_member *m) {
  char *found = NULL;
  return pl_workspace_find(&found, m->folder, NULL) == PL_OK ? found : pl_xstrdup(m->info->workspace);
}

static pl_status check_member(const pl_ensemble *e, size_t i, const char *workspace, pl_error *err) {
  const pl_ensemble_member *m = &e->members[i];
  char *other = workspace_of(m);
  const bool same = strcmp(other, workspace) == 0;
  free(other);
  if (!same) {
    return pl_fail(err, PL_E_USAGE, "runs %s and %s are of different workspaces", pl_path_base(e->members[0].folder),
                   pl_path_base(m->folder));
  }
  for (size_t k = 0; k < i; k++) {
    if (strcmp(e->members[k].folder, m->folder) == 0) {
      return pl_fail(err, PL_E_USAGE, "run %s is named twice", pl_path_base(m->folder));
    }
  }
  return PL_OK;
}

static pl_status open_named(pl_ensemble *e, char **checkpoint, const pl_ensemble_request *r, const name_list *list,
                            pl_error *err) {
  char *workspace = NULL;
  pl_status status = PL_OK;
  for (size_t i = 0; i < list->count && status == PL_OK; i++) {
    e->members[i].weight = list->weights[i];
    status = find_member(&e->members[i], checkpoint, r, list->names[i], err);
    if (status == PL_OK && i == 0) workspace = workspace_of(&e->members[0]);
    if (status == PL_OK) status = check_member(e, i, workspace, err);
  }
  if (status == PL_OK) status = pl_manifest_load(&e->manifest, workspace, err);
  free(workspace);
  return status;
}

pl_status pl_ensemble_open(pl_ensemble *out, char **checkpoint, const pl_ensemble_request *r, pl_error *err) {
  name_list list = {.count = 0};
  pl_status status = read_words(&list, r, err);
  pl_ensemble e = {.members = pl_xcalloc(list.count + 1, sizeof *e.members), .count = list.count};
  if (status == PL_OK) status = open_named(&e, checkpoint, r, &list, err);
  clear_names(&list);
  if (status != PL_OK) {
    pl_ensemble_clear(&e);
    return status;
  }
  *out = e;
  return PL_OK;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

char *pl_ensemble_names(const pl_ensemble *e) {
  char *names[PL_ENSEMBLE_MAX];
  bool equal = true;
  for (size_t m = 1; m < e->count; m++) equal = equal && e->members[m].weight == e->members[0].weight;
  for (size_t m = 0; m < e->count; m++) {
    const char *name = pl_path_base(e->members[m].folder);
    names[m] = equal ? pl_xstrdup(name) : pl_xprintf("%s:%g", name, e->members[m].weight);
  }
  qsort(names, e->count, sizeof *names, by_text);
  pl_buf text;
  pl_buf_init(&text, 65536);
  for (size_t m = 0; m < e->count; m++) {
    (void)pl_buf_printf(&text, "%s%s", m > 0 ? " " : "", names[m]);
    free(names[m]);
  }
  return text.data;
}

void pl_ensemble_clear(pl_ensemble *e) {
  for (size_t i = 0; i < e->count && e->members != NULL; i++) {
    free(e->members[i].folder);
    free(e->members[i].maps);
    free(e->members[i].info);
  }
  free(e->members);
  pl_manifest_clear(&e->manifest);
  *e = (pl_ensemble){0};
}

pl_status pl_ensemble_check_folds(const pl_ensemble *e, pl_error *err) {
  pl_table_hashes now;
  pl_status status = pl_tables_hash(&now, e->manifest.workspace, err);
  for (size_t i = 0; i < e->count && status == PL_OK; i++) {
    char others[96];
    pl_tables_changed_words(others, sizeof others, pl_tables_changed(e->members[i].info, &now), "");
    if (others[0] == '\0') continue;
    status = pl_fail(err, PL_E_USAGE,
                     "%s changed since run %s was made, so that it may have trained on what it would be judged by; "
                     "--force does it nevertheless",
                     others, pl_path_base(e->members[i].folder));
  }
  return status;
}

pl_status pl_ensemble_changed(unsigned *changed, const pl_ensemble *e, pl_error *err) {
  pl_table_hashes now;
  const pl_status status = pl_tables_hash(&now, e->manifest.workspace, err);
  if (status != PL_OK) return status;
  *changed = 0;
  for (size_t i = 0; i < e->count; i++) *changed |= pl_tables_changed(e->members[i].info, &now);
  return PL_OK;
}

size_t pl_ensemble_trained_on_others(const pl_ensemble *e, pl_label_choice labels) {
  size_t count = 0;
  for (size_t i = 0; i < e->count; i++) count += pl_config_labels(&e->members[i].info->config) != labels;
  return count;
}

// ---- Cases

// The cases that a run validates on: its fold, narrowed down by its filter and limit. The caller frees.
static pl_status held_out(size_t **cases, size_t *count, const pl_manifest *manifest, const pl_config *config,
                          pl_error *err) {
  pl_filter *own = pl_xcalloc(1, sizeof *own);
  pl_status status = pl_filter_parse(own, config->where, err);
  if (status == PL_OK) {
    status = pl_subset_select(cases, count, manifest, (int)config->fold, PL_SUBSET_VALID, own, err);
  }
  if (status == PL_OK && config->limit > 0 && *count > (size_t)config->limit) *count = (size_t)config->limit;
  free(own);
  return status;
}

// What member m holds out, marked in judged[case * members + m].
static pl_status mark_valid(bool *judged, const pl_ensemble *e, size_t m, const pl_filter *where, pl_error *err) {
  size_t *cases = NULL, count = 0;
  pl_status status = held_out(&cases, &count, &e->manifest, &e->members[m].info->config, err);
  if (status != PL_OK) return pl_wrap(err, "run %s", pl_path_base(e->members[m].folder));
  for (size_t i = 0; i < count; i++) {
    if (where == NULL || pl_filter_holds(where, &e->manifest.cases[cases[i]])) judged[cases[i] * e->count + m] = true;
  }
  free(cases);
  return PL_OK;
}

// Makes the list from marks by case of the manifest and member; takes `judged`.
static void gather(pl_ensemble_cases *out, const pl_ensemble *e, bool *judged) {
  pl_ensemble_cases made = {.judged = judged};
  size_t marks = 0, used = 0;
  for (size_t i = 0; i < e->manifest.count * e->count; i++) marks += judged[i];
  made.cases = pl_xcalloc(marks + 1, sizeof *made.cases);
  made.sources = pl_xcalloc(marks + 1, sizeof *made.sources);
  for (size_t i = 0; i < e->manifest.count; i++) {
    pl_evaluate_case one = {.index = i, .sources = made.sources + used};
    for (size_t m = 0; m < e->count; m++) {
      if (!judged[i * e->count + m]) continue;
      made.sources[used++] = (pl_map_source){e->members[m].maps, e->members[m].weight};
      one.source_count++;
    }
    if (one.source_count == 0) continue;
    // The marks of the cases that are left move up.
    memmove(judged + made.count * e->count, judged + i * e->count, e->count);
    made.cases[made.count++] = one;
  }
  *out = made;
}

static bool *make_marks(const pl_ensemble *e) { return pl_xcalloc(e->manifest.count * e->count + 1, sizeof(bool)); }

pl_status pl_ensemble_select_valid(pl_ensemble_cases *out, const pl_ensemble *e, const pl_filter *where,
                                   pl_error *err) {
  bool *judged = make_marks(e);
  pl_status status = PL_OK;
  for (size_t m = 0; m < e->count && status == PL_OK; m++) status = mark_valid(judged, e, m, where, err);
  if (status != PL_OK) {
    free(judged);
    return status;
  }
  gather(out, e, judged);
  if (out->count > 0) return PL_OK;
  pl_ensemble_cases_clear(out);
  return pl_fail(err, PL_E_USAGE, "none of the cases that were held out fits '%s'", where != NULL ? where->text : "");
}

void pl_ensemble_select(pl_ensemble_cases *out, const pl_ensemble *e, const size_t *cases, size_t count) {
  bool *judged = make_marks(e);
  for (size_t i = 0; i < count; i++) memset(judged + cases[i] * e->count, true, e->count);
  gather(out, e, judged);
}

void pl_ensemble_cases_clear(pl_ensemble_cases *cases) {
  free(cases->cases);
  free(cases->sources);
  free(cases->judged);
  *cases = (pl_ensemble_cases){0};
}

// ---- Maps

pl_status pl_ensemble_check_maps(const pl_ensemble *e, const pl_ensemble_cases *cases, pl_error *err) {
  char pictures[PL_SHA256_HEX_SIZE];
  const pl_status status = pl_import_pictures_hash(pictures, e->manifest.workspace, err);
  if (status != PL_OK) return status;
  for (size_t m = 0; m < e->count; m++) {
    size_t judged = 0, missing = 0;
    for (size_t i = 0; i < cases->count; i++) {
      if (!cases->judged[i * e->count + m]) continue;
      judged++;
      missing += !pl_maps_has(e->members[m].maps, e->manifest.cases[cases->cases[i].index].id);
    }
    const char *name = pl_path_base(e->members[m].folder);
    if (missing == 0 && pl_run_maps_are_of(e->members[m].maps, pictures)) continue;
    if (missing == 0) {
      return pl_fail(err, PL_E_NOTFOUND, "the maps of %.64s are of other pictures than were imported since", name);
    }
    return pl_fail(err, PL_E_NOTFOUND, "%.64s has no map of %zu of the %zu cases that it held out", name, missing,
                   judged);
  }
  return PL_OK;
}

pl_status pl_ensemble_predict(pl_run_predicted *predicted, const pl_ensemble *e, const pl_ensemble_cases *cases,
                              const pl_run_predict_options *options, pl_error *err) {
  size_t *own = pl_xcalloc(cases->count + 1, sizeof *own);
  pl_status status = PL_OK;
  for (size_t m = 0; m < e->count && status == PL_OK; m++) {
    size_t count = 0;
    for (size_t i = 0; i < cases->count; i++) {
      if (cases->judged[i * e->count + m]) own[count++] = cases->cases[i].index;
    }
    status = pl_run_predict(&predicted[m], e->members[m].folder, &e->manifest, own, count, options, err);
  }
  free(own);
  return status;
}
