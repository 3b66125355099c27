#include "core/run/group.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/data/manifest.h"
#include "core/data/split.h"
#include "core/run/json.h"
#include "core/run/start_weights.h"
#include "core/run/state.h"

enum { GROUP_FILE_MAX = 1 << 20 };

static const char group_file[] = "group.json", fold_suffix[] = "-fold";

// ---- Names

static bool is_group(const char *folder) {
  char *file = pl_path_join(folder, group_file);
  const bool found = pl_fs_is_file(file);
  free(file);
  return found;
}

char *pl_group_folder(const char *workspace, const char *name) {
  if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) return NULL;
  char *path = pl_xprintf("%s/runs/%s", workspace, name), *folder = is_group(path) ? realpath(path, NULL) : NULL;
  free(path);
  return folder;
}

char *pl_group_run_folder(const char *folder, int64_t fold) {
  return pl_xprintf("%s%s%" PRId64, folder, fold_suffix, fold);
}

char *pl_group_of_run(int64_t *fold, const char *run_folder) {
  char *folder = pl_xstrdup(run_folder), *suffix = NULL;
  for (char *p = folder; (p = strstr(p, fold_suffix)) != NULL; p++) suffix = p;
  const char *number = suffix != NULL ? suffix + strlen(fold_suffix) : "";
  const bool fits = pl_parse_i64(fold, number, strlen(number)) && *fold >= 0;
  if (suffix != NULL) *suffix = '\0';
  if (fits && is_group(folder)) return folder;
  free(folder);
  return NULL;
}

pl_status pl_group_list(char ***folders, size_t *count, const char *workspace, pl_error *err) {
  char *root = realpath(workspace, NULL);
  if (root == NULL) return pl_fail_errno(err, errno, "cannot open workspace %s", workspace);
  char *runs = pl_path_join(root, "runs"), **names = NULL;
  size_t name_count = 0, used = 0;
  pl_status status = pl_fs_is_folder(runs) ? pl_fs_list(&names, &name_count, runs, err) : PL_OK;
  if (status == PL_OK) {
    char **list = pl_xcalloc(name_count + 1, sizeof *list);
    for (size_t i = 0; i < name_count; i++) {
      char *folder = pl_group_folder(root, names[i]);
      if (folder != NULL) list[used++] = folder;
    }
    *folders = list;
    *count = used;
  }
  pl_fs_free_names(names, name_count);
  free(runs);
  free(root);
  return status;
}

// ---- group.json

static pl_status write_info(const char *folder, const pl_group_info *info, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, GROUP_FILE_MAX);
  (void)pl_buf_add_text(&text, "{\"format\":1");
  pl_json_add_text(&text, "name", info->name);
  pl_json_add_text(&text, "workspace", info->workspace);
  pl_json_add_text(&text, "version", PLEURA_VERSION);
  pl_json_add_int(&text, "folds", info->folds);
  pl_json_add_text(&text, "dataset_sha256", info->dataset_sha256);
  pl_json_add_text(&text, "labels_sha256", info->labels_sha256);
  (void)pl_buf_add_text(&text, ",\n\"options\":");
  pl_config_add_json(&text, &info->config);
  (void)pl_buf_add_text(&text, "}\n");
  char *path = pl_path_join(folder, group_file);
  pl_status status = text.failed ? pl_fail(err, PL_E_LIMIT, "%s would be too long", path)
                                 : pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  return status;
}

static pl_status read_info(pl_group_info *out, const char *folder, const json_t *object, pl_error *err) {
  char *options = json_dumps(json_object_get(object, "options"), 0);
  pl_config_defaults(&out->config);
  (void)pl_copy_text(out->name, sizeof out->name, pl_path_base(folder));
  pl_json_text(out->workspace, sizeof out->workspace, object, "workspace");
  pl_json_text(out->dataset_sha256, sizeof out->dataset_sha256, object, "dataset_sha256");
  pl_json_text(out->labels_sha256, sizeof out->labels_sha256, object, "labels_sha256");
  out->folds = pl_json_int(object, "folds", 0);
  pl_status status = PL_OK;
  if (options == NULL) {
    status = pl_fail(err, PL_E_FORMAT, "no options");
  } else if (out->folds < 2 || out->folds > PL_FOLDS_MAX) {
    status = pl_fail(err, PL_E_FORMAT, "%" PRId64 " folds", out->folds);
  } else {
    status = pl_config_read_json(&out->config, options, strlen(options), err);
  }
  free(options);
  return status;
}

pl_status pl_group_load(pl_group_info *out, const char *folder, pl_error *err) {
  char *path = pl_path_join(folder, group_file);
  pl_buf text;
  pl_buf_init(&text, GROUP_FILE_MAX);
  pl_status status = pl_fs_read(&text, path, err);
  json_error_t problem;
  json_t *object = status == PL_OK ? json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &problem) : NULL;
  if (status == PL_OK && !json_is_object(object)) {
    status = pl_fail(err, PL_E_FORMAT, "%s line %d column %d: %s", path, problem.line, problem.column,
                     object == NULL ? problem.text : "not an object");
  } else if (status == PL_OK) {
    pl_group_info *info = pl_xcalloc(1, sizeof *info);
    status = read_info(info, folder, object, err);
    if (status == PL_OK) {
      *out = *info;
    } else {
      (void)pl_wrap(err, "%s", path);
    }
    free(info);
  }
  json_decref(object);
  pl_buf_clear(&text);
  free(path);
  return status;
}

// ---- Which group

// Lists the options in which a group differs from what is asked for; false when there are none.
static bool list_differences(char *out, size_t size, const pl_config *there, const pl_config *asked) {
  static const char *const own[] = {"name", "fold", "all-folds"};
  size_t used = 0, count = 0;
  out[0] = '\0';
  for (size_t i = 0; i < pl_option_count; i++) {
    char theirs[PL_OPTION_TEXT_MAX], ours[PL_OPTION_TEXT_MAX];
    bool skipped = false;
    for (size_t j = 0; j < sizeof own / sizeof own[0]; j++) skipped |= strcmp(pl_options[i].name, own[j]) == 0;
    pl_config_get(theirs, there, &pl_options[i]);
    pl_config_get(ours, asked, &pl_options[i]);
    if (skipped || strcmp(theirs, ours) == 0) continue;
    count++;
    if (used >= size) continue;
    int n = snprintf(out + used, size - used, "%s%s %.40s instead of %.40s", used > 0 ? ", " : "", pl_options[i].name,
                     ours[0] != '\0' ? ours : "none", theirs[0] != '\0' ? theirs : "none");
    if (n > 0) used += (size_t)n;
  }
  return count > 0;
}

static pl_status check_same(const char *folder, const pl_config *asked, pl_error *err) {
  pl_group_info *info = pl_xcalloc(1, sizeof *info);
  pl_status status = pl_group_load(info, folder, err);
  char differences[PL_ERROR_MESSAGE_MAX / 2];
  if (status == PL_OK && list_differences(differences, sizeof differences, &info->config, asked)) {
    status = pl_fail(err, PL_E_USAGE,
                     "group %s keeps its options; asked for: %s. '--resume %s' goes on as it was, another --name "
                     "begins anew",
                     info->name, differences, info->name);
  }
  free(info);
  return status;
}

// The newest group of the same options that is not over, or NULL.
static char *find_same(const char *root, const pl_config *asked) {
  char **folders = NULL, *found = NULL;
  size_t count = 0;
  if (pl_group_list(&folders, &count, root, NULL) != PL_OK) return NULL;
  for (size_t i = count; i > 0 && found == NULL; i--) {
    pl_group_progress progress;
    if (check_same(folders[i - 1], asked, NULL) != PL_OK) continue;
    if (pl_group_look(&progress, folders[i - 1], NULL) == PL_OK && progress.current >= 0) {
      found = pl_xstrdup(folders[i - 1]);
    }
  }
  pl_fs_free_names(folders, count);
  return found;
}

// Every fold's run must find its weights before the first one begins.
static pl_status check_folds(const pl_group_info *info, pl_error *err) {
  pl_config *config = pl_xcalloc(1, sizeof *config);
  pl_status status = PL_OK;
  for (int64_t fold = 0; fold < info->folds && status == PL_OK; fold++) {
    *config = info->config;
    config->fold = fold;
    status = pl_start_weights_choose(config, info->workspace, err);
  }
  free(config);
  return status;
}

static pl_status count_folds(int64_t *folds, const char *root, const pl_config *config, pl_error *err) {
  pl_manifest manifest = {0};
  pl_status status = pl_run_load_manifest(&manifest, root, config, err);
  if (status != PL_OK) return status;
  *folds = manifest.fold_count;
  pl_manifest_clear(&manifest);
  return PL_OK;
}

static pl_status make(char **folder, const char *root, const pl_config *config, pl_error *err) {
  pl_group_info *info = pl_xcalloc(1, sizeof *info);
  info->config = *config;
  (void)pl_copy_text(info->workspace, sizeof info->workspace, root);
  pl_status status = count_folds(&info->folds, root, config, err);
  if (status == PL_OK && (info->folds < 2 || info->folds > PL_FOLDS_MAX)) {
    status = pl_fail(err, PL_E_USAGE, "all-folds: %s has %" PRId64 " folds, not 2 to %d; 'pleura split' makes others",
                     root, info->folds, PL_FOLDS_MAX);
  }
  if (status == PL_OK) status = check_folds(info, err);
  if (status == PL_OK) {
    status = pl_run_hash_dataset(info->dataset_sha256, info->labels_sha256, root, pl_config_labels(config), err);
  }
  if (config->name[0] != '\0') {
    // What a making that was cut may have left: an empty folder, and only that goes.
    char *left = pl_xprintf("%s/runs/%s", root, config->name);
    (void)rmdir(left);
    free(left);
  }
  char *made = NULL;
  if (status == PL_OK) status = pl_run_make_folder(&made, root, config->name, err);
  if (status == PL_OK) {
    (void)pl_copy_text(info->name, sizeof info->name, pl_path_base(made));
    info->config.name[0] = '\0';
    status = write_info(made, info, err);
    if (status != PL_OK) (void)pl_fs_remove_tree(made, NULL);
  }
  if (status == PL_OK) {
    *folder = made;
  } else {
    free(made);
  }
  free(info);
  return status;
}

pl_status pl_group_begin(char **folder, const char *workspace, const pl_config *config, pl_error *err) {
  enum { SUFFIX_MAX = 8 };  // "-fold999"
  const pl_status allowed = pl_access_check(workspace, pl_access_nothing, err);
  if (allowed != PL_OK) return allowed;
  pl_config frozen = *config;
  char *root = realpath(workspace, NULL);
  if (root == NULL) return pl_fail_errno(err, errno, "cannot open workspace %s", workspace);
  frozen.all_folds = true;
  frozen.fold = 0;
  pl_status status = pl_run_freeze(&frozen, root, err);
  if (status == PL_OK && strlen(frozen.name) + SUFFIX_MAX >= sizeof frozen.name) {
    status = pl_fail(err, PL_E_USAGE, "name: '%s' leaves no room for '-fold0'", frozen.name);
  }
  char *found = NULL;
  if (status == PL_OK && frozen.name[0] != '\0') {
    found = pl_group_folder(root, frozen.name);
    if (found != NULL) status = check_same(found, &frozen, err);
  } else if (status == PL_OK) {
    found = find_same(root, &frozen);
  }
  if (status == PL_OK && found == NULL) status = make(&found, root, &frozen, err);
  if (status == PL_OK) {
    *folder = found;
  } else {
    free(found);
  }
  free(root);
  return status;
}

// ---- How far it is

pl_status pl_group_look(pl_group_progress *out, const char *folder, pl_error *err) {
  pl_group_info *info = pl_xcalloc(1, sizeof *info);
  pl_status status = pl_group_load(info, folder, err);
  pl_group_progress p = {.folds = info->folds,
                         .current = -1,
                         .mean = (double)NAN,
                         .least = (double)NAN,
                         .most = (double)NAN,
                         .alive = pl_run_alive(folder, NULL, 0)};
  double sum = 0;
  int64_t scored = 0;
  for (int64_t fold = 0; fold < p.folds && status == PL_OK; fold++) {
    char *run = pl_group_run_folder(folder, fold);
    pl_run_state state;
    const bool finished = pl_run_state_load(&state, run, NULL) == PL_OK && state.phase == PL_PHASE_FINISHED;
    free(run);
    if (!finished && p.current < 0) p.current = fold;
    if (!finished) continue;
    p.finished++;
    if (!isfinite(state.best)) continue;
    sum += state.best;
    scored++;
    p.least = fmin(p.least, state.best);
    p.most = fmax(p.most, state.best);
  }
  if (scored > 0) p.mean = sum / (double)scored;
  if (status == PL_OK) *out = p;
  free(info);
  return status;
}
