#include "core/run/find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/group.h"
#include "core/run/rundir.h"

enum { NAMED_MAX = 4 };  // runs that a message lists

bool pl_run_is_path(const char *text) {
  return text != NULL && (strchr(text, '/') != NULL || strcmp(text, ".") == 0 || strcmp(text, "..") == 0);
}

static bool is_run(const char *folder) {
  char *file = pl_path_join(folder, "run.json");
  const bool found = pl_fs_is_file(file);
  free(file);
  return found;
}

char *pl_group_find(const char *workspace, const char *text) {
  if (!pl_run_is_path(text)) return workspace != NULL ? pl_group_folder(workspace, text) : NULL;
  char *path = realpath(text, NULL), *file = path != NULL ? pl_path_join(path, "group.json") : NULL;
  const bool found = file != NULL && pl_fs_is_file(file);
  free(file);
  if (found) return path;
  free(path);
  return NULL;
}

static bool is_latest(const char *text) {
  return text == NULL || text[0] == '\0' || strcmp(text, "latest") == 0 || strcmp(text, "last") == 0;
}

// The run of a group that is under way, or its last; frees `group`.
static pl_status run_of_group(char **folder, char *group, pl_error *err) {
  pl_group_progress p;
  pl_status status = pl_group_look(&p, group, err);
  char *run = status == PL_OK ? pl_group_run_folder(group, p.current >= 0 ? p.current : p.folds - 1) : NULL;
  if (status == PL_OK && !is_run(run)) {
    status = pl_fail(err, PL_E_NOTFOUND, "group %s has no run yet", pl_path_base(group));
  }
  if (status == PL_OK) {
    *folder = run;
  } else {
    free(run);
  }
  free(group);
  return status;
}

static pl_status find_path(char **folder, const char *text, pl_error *err) {
  char *path = realpath(text, NULL);
  if (path != NULL && is_run(path)) {
    *folder = path;
    return PL_OK;
  }
  free(path);
  char *group = pl_group_find(NULL, text);
  if (group != NULL) return run_of_group(folder, group, err);
  return pl_fail(err, PL_E_NOTFOUND, "%.150s is not a run: it has no run.json", text);
}

// By when it was made, since a given name sorts anywhere; `count` when none can be read.
static size_t find_latest(char **folders, size_t count) {
  size_t found = count;
  double newest = -1;
  pl_run_info *info = pl_xcalloc(1, sizeof *info);
  for (size_t i = 0; i < count; i++) {
    if (pl_run_load(info, folders[i], NULL) != PL_OK || info->created < newest) continue;
    newest = info->created;
    found = i;
  }
  free(info);
  return found;
}

static size_t find_name(char **folders, size_t count, const char *text) {
  size_t i = 0;
  while (i < count && strcmp(pl_path_base(folders[i]), text) != 0) i++;
  return i;
}

static bool fits(const char *folder, const char *text) {
  const char *name = pl_path_base(folder);
  return pl_begins_with(name, text) || pl_ends_with(name, text);
}

// The only run whose name begins or ends so.
static pl_status find_part(char **folder, char **folders, size_t count, const char *text, pl_error *err) {
  char names[160] = "";
  size_t found = 0, fitting = 0, used = 0;
  for (size_t i = 0; i < count; i++) {
    if (!fits(folders[i], text)) continue;
    found = i;
    if (fitting++ >= NAMED_MAX) continue;
    const int n =
        snprintf(names + used, sizeof names - used, "%s%.30s", used > 0 ? ", " : "", pl_path_base(folders[i]));
    if (n > 0 && (size_t)n < sizeof names - used) used += (size_t)n;
  }
  if (fitting == 0) return pl_fail(err, PL_E_NOTFOUND, "there is no run '%.60s'; 'pleura runs' lists them", text);
  if (fitting > 1) {
    return pl_fail(err, PL_E_USAGE, "'%.60s' fits %zu runs: %s%s", text, fitting, names,
                   fitting > NAMED_MAX ? ", ...; 'pleura runs' lists them" : "");
  }
  *folder = pl_xstrdup(folders[found]);
  return PL_OK;
}

static pl_status find_among(char **folder, char **folders, size_t count, const char *workspace, const char *text,
                            pl_error *err) {
  if (is_latest(text) && count == 0) {
    return pl_fail(err, PL_E_NOTFOUND, "there is no run yet; 'pleura train' makes one");
  }
  const size_t exact = is_latest(text) ? find_latest(folders, count) : find_name(folders, count, text);
  if (exact < count) {
    *folder = pl_xstrdup(folders[exact]);
    return PL_OK;
  }
  if (is_latest(text))
    return pl_fail(err, PL_E_FORMAT, "no run.json of %s can be read; 'pleura runs' says why", workspace);
  char *group = pl_group_folder(workspace, text);
  if (group != NULL) return run_of_group(folder, group, err);
  return find_part(folder, folders, count, text, err);
}

pl_status pl_run_find(char **folder, const char *workspace, const char *text, pl_error *err) {
  if (pl_run_is_path(text)) return find_path(folder, text, err);
  if (workspace == NULL) {
    return pl_fail(err, PL_E_NOTFOUND, "'%.60s' names a run of a workspace, and there is none here",
                   text != NULL ? text : "latest");
  }
  char **folders = NULL;
  size_t count = 0;
  pl_status status = pl_run_list(&folders, &count, workspace, err);
  if (status != PL_OK) return status;
  status = find_among(folder, folders, count, workspace, text, err);
  pl_fs_free_names(folders, count);
  return status;
}
