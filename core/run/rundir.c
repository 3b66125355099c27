#include "core/run/rundir.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/base/user.h"
#include "core/data/access.h"
#include "core/data/manifest.h"
#include "core/data/prepare.h"
#include "core/image/png_io.h"
#include "core/net/weights.h"
#include "core/run/json.h"
#include "core/run/plan.h"
#include "core/run/start_weights.h"
#include "core/run/tables.h"

enum { RUN_FILE_MAX = 1 << 20, LETTERS_MAX = 26 * 27 };

pl_status pl_run_hash_dataset(char dataset[PL_SHA256_HEX_SIZE], char labels[PL_SHA256_HEX_SIZE], const char *workspace,
                              pl_label_choice choice, pl_error *err) {
  pl_table_hashes tables;
  const pl_status status = pl_tables_hash(&tables, workspace, err);
  if (status == PL_OK) pl_tables_sums(dataset, labels, &tables, choice);
  return status;
}

pl_status pl_run_load_manifest(pl_manifest *out, const char *workspace, const pl_config *config, pl_error *err) {
  return pl_labels_load_manifest(out, workspace, pl_config_labels(config), err);
}

// The width of the first prepared image stands for all: `import` makes them alike, and the loader resizes others.
static pl_status prepared_size(int64_t *size, const pl_manifest *manifest, pl_error *err) {
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    if (c->part != PL_PART_TRAIN || c->status != PL_CASE_OK) continue;
    char *path = pl_case_image_path(manifest, c);
    pl_image image = {0};
    pl_status status = pl_png_read(&image, path, err);
    if (status == PL_OK) *size = image.width / 32 * 32;
    if (status == PL_OK && *size == 0) {
      status = pl_fail(err, PL_E_USAGE, "%s is smaller than 32 pixels; give a size", path);
    }
    pl_image_clear(&image);
    free(path);
    return status;
  }
  return pl_fail(err, PL_E_NOTFOUND, "%s has no training image with a label; 'pleura import' brings some",
                 manifest->workspace);
}

static bool has_labels(const pl_manifest *manifest) {
  for (size_t i = 0; i < manifest->count; i++) {
    const pl_case *c = &manifest->cases[i];
    if (c->part == PL_PART_TRAIN && c->status == PL_CASE_OK && c->label != PL_LABEL_UNKNOWN) return true;
  }
  return false;
}

pl_status pl_run_check_data(pl_config *config, const pl_manifest *manifest, pl_error *err) {
  const char *workspace = manifest->workspace;
  if (manifest->count == 0) {
    return pl_fail(err, PL_E_NOTFOUND, "%s has no cases yet; 'pleura import FOLDER' brings them", workspace);
  }
  if (!has_labels(manifest)) {
    return pl_fail(err, PL_E_NOTFOUND,
                   "%s has no training image with a label; 'pleura import FOLDER --rle train-rle.csv' brings some",
                   workspace);
  }
  if (manifest->fold_count == 0) {
    return pl_fail(err, PL_E_NOTFOUND, "%s has no folds yet; 'pleura split' makes them", workspace);
  }
  if (config->fold >= manifest->fold_count) {
    return pl_fail(err, PL_E_USAGE, "fold: there is no fold %d; they go from 0 to %d", (int)config->fold,
                   manifest->fold_count - 1);
  }
  return config->size == 0 ? prepared_size(&config->size, manifest, err) : PL_OK;
}

static pl_status check_workspace(pl_config *config, const char *workspace, pl_error *err) {
  pl_manifest manifest = {0};
  pl_status status = pl_run_load_manifest(&manifest, workspace, config, err);
  if (status != PL_OK) return status;
  status = pl_run_check_data(config, &manifest, err);
  pl_manifest_clear(&manifest);
  return status;
}

static pl_status write_run_json(const char *folder, const char *name, const char *workspace, const pl_config *config,
                                pl_error *err) {
  char dataset[PL_SHA256_HEX_SIZE], labels[PL_SHA256_HEX_SIZE], pictures[PL_SHA256_HEX_SIZE], host[128], user[64];
  pl_table_hashes tables;
  pl_status status = pl_tables_hash(&tables, workspace, err);
  if (status == PL_OK) status = pl_import_pictures_hash(pictures, workspace, err);
  if (status != PL_OK) return status;
  pl_tables_sums(dataset, labels, &tables, pl_config_labels(config));
  pl_host_name(host);
  pl_user_name(user);
  pl_clock clock = pl_clock_system();
  pl_buf text;
  pl_buf_init(&text, RUN_FILE_MAX);
  (void)pl_buf_add_text(&text, "{\"format\":1");
  pl_json_add_text(&text, "name", name);
  // A path is kept byte for byte when it is printable text, which pl_run_make made sure of.
  pl_json_add_text(&text, "workspace", workspace);
  pl_json_add_text(&text, "version", PLEURA_VERSION);
  pl_json_add_text(&text, "dataset_sha256", dataset);
  pl_json_add_text(&text, "labels_sha256", labels);
  pl_json_add_text(&text, "folds_sha256", tables.folds);
  pl_json_add_text(&text, "pictures_sha256", pictures);
  pl_json_add_number(&text, "created", pl_clock_wall(&clock), 17);
  pl_json_add_text(&text, "host", host);
  pl_json_add_text(&text, "user", user);
  (void)pl_buf_add_text(&text, ",\n\"options\":");
  pl_config_add_json(&text, config);
  (void)pl_buf_add_text(&text, "}\n");
  char *path = pl_path_join(folder, "run.json");
  status = text.failed ? pl_fail(err, PL_E_LIMIT, "%s would be too long", path)
                       : pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  return status;
}

// runs/DATE-a, -b, ... -z, -aa, ...: mkdir decides who gets a name.
static pl_status make_dated(char **folder, const char *runs, pl_error *err) {
  char date[32];
  time_t now = time(NULL);
  struct tm parts;
  (void)localtime_r(&now, &parts);
  (void)strftime(date, sizeof date, "%Y-%m-%d", &parts);
  for (int i = 0; i < LETTERS_MAX; i++) {
    char high = (char)('a' + i / 26 - 1), low = (char)('a' + i % 26);
    char *path = i < 26 ? pl_xprintf("%s/%s-%c", runs, date, low) : pl_xprintf("%s/%s-%c%c", runs, date, high, low);
    if (mkdir(path, 0777) == 0) {
      *folder = path;
      return PL_OK;
    }
    int reason = errno;
    if (reason != EEXIST) {
      pl_status status = pl_fail_errno(err, reason, "cannot make run folder %s", path);
      free(path);
      return status;
    }
    free(path);
  }
  return pl_fail(err, PL_E_LIMIT, "%s has %d runs of today; give this one a name", runs, LETTERS_MAX);
}

static pl_status make_named(char **folder, const char *runs, const char *name, pl_error *err) {
  char *path = pl_path_join(runs, name);
  if (mkdir(path, 0777) == 0) {
    *folder = path;
    return PL_OK;
  }
  pl_status status = errno == EEXIST ? pl_fail(err, PL_E_EXISTS, "there is a run '%s' already", name)
                                     : pl_fail_errno(err, errno, "cannot make run folder %s", path);
  free(path);
  return status;
}

pl_status pl_run_make_folder(char **folder, const char *root, const char *name, pl_error *err) {
  char *runs = pl_path_join(root, "runs");
  pl_status status = pl_access_check(root, pl_access_nothing, err);
  if (status == PL_OK) status = pl_fs_make_folders(runs, err);
  if (status == PL_OK) {
    status = name[0] == '\0' ? make_dated(folder, runs, err) : make_named(folder, runs, name, err);
  }
  free(runs);
  return status;
}

// The file that an option names, which is `field` of the configuration. A path in pleura.yaml is meant from there, one
// on the command line from here.
static pl_status make_absolute(const pl_config *config, const char *option, char field[PL_OPTION_TEXT_MAX],
                               const char *root, pl_error *err) {
  if (field[0] == '\0') return PL_OK;
  pl_status status = PL_OK;
  bool beside = config->origin[pl_option_find(option) - pl_options] == PL_ORIGIN_WORKSPACE && field[0] != '/';
  char *path = beside ? pl_path_join(root, field) : pl_xstrdup(field);
  char *absolute = realpath(path, NULL);
  if (absolute == NULL) {
    status = pl_fail_errno(err, errno, "%s: cannot open %s", option, path);
  } else if (!pl_copy_text(field, PL_OPTION_TEXT_MAX, absolute)) {
    status = pl_fail(err, PL_E_LIMIT, "%s: the path is too long", option);
  }
  free(absolute);
  free(path);
  return status;
}

pl_status pl_run_freeze(pl_config *config, const char *root, pl_error *err) {
  pl_status status = pl_config_check(config, err);
  char safe[PATH_MAX];
  (void)pl_safe_text(safe, sizeof safe, root, strlen(root));
  if (status == PL_OK && strcmp(safe, root) != 0) {
    status = pl_fail(err, PL_E_USAGE, "%s: control characters in the path of a workspace are not supported", root);
  }
  // Of all folds each takes its own.
  const bool later = config->all_folds && pl_begins_with(config->weights, PL_WEIGHTS_RUN);
  if (status == PL_OK)
    status = later ? pl_start_weights_adopt(config, root, err) : pl_start_weights_choose(config, root, err);
  if (status == PL_OK && !later && strcmp(config->weights, PL_WEIGHTS_RANDOM) != 0)
    status = make_absolute(config, "weights", config->weights, root, err);
  if (status == PL_OK && strcmp(config->choices, PL_CHOICES_FIXED) != 0)
    status = make_absolute(config, "choices", config->choices, root, err);
  return status == PL_OK ? check_workspace(config, root, err) : status;
}

// The batches that fit, when that is asked for: from now on they are the run's, also when it is resumed.
static void fit_batches(pl_config *config, const char *root) {
  pl_manifest manifest = {0};
  if (config->fit_batch && pl_run_load_manifest(&manifest, root, config, NULL) == PL_OK)
    pl_run_plan_fit(config, &manifest);
  pl_manifest_clear(&manifest);
}

pl_status pl_run_make(char **folder, const char *workspace, const pl_config *config, pl_error *err) {
  pl_config frozen = *config;
  char *root = realpath(workspace, NULL), *made = NULL;
  if (root == NULL) return pl_fail_errno(err, errno, "cannot open workspace %s", workspace);
  pl_status status = pl_access_check(root, pl_access_nothing, err);
  if (status == PL_OK) status = pl_run_freeze(&frozen, root, err);
  if (status == PL_OK && frozen.all_folds) {
    status = pl_fail(err, PL_E_USAGE, "all-folds: a run has one fold; several are a group of runs");
  }
  if (status == PL_OK) fit_batches(&frozen, root);
  if (status == PL_OK) status = pl_run_make_folder(&made, root, frozen.name, err);
  if (status == PL_OK) {
    char *inbox = pl_path_join(made, "inbox"), *checkpoints = pl_path_join(made, "ckpt");
    if (mkdir(inbox, 0700) != 0) status = pl_fail_errno(err, errno, "cannot make folder %s", inbox);
    if (status == PL_OK) status = pl_fs_make_folders(checkpoints, err);
    (void)pl_copy_text(frozen.name, sizeof frozen.name, pl_path_base(made));
    if (status == PL_OK) status = write_run_json(made, frozen.name, root, &frozen, err);
    if (status != PL_OK) (void)pl_fs_remove_tree(made, NULL);
    free(inbox);
    free(checkpoints);
  }
  if (status == PL_OK) {
    *folder = made;
  } else {
    free(made);
  }
  free(root);
  return status;
}

pl_status pl_run_load(pl_run_info *out, const char *folder, pl_error *err) {
  char *path = pl_path_join(folder, "run.json");
  pl_buf text;
  pl_buf_init(&text, RUN_FILE_MAX);
  pl_status status = pl_fs_read(&text, path, err);
  json_error_t problem;
  json_t *object = status == PL_OK ? json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &problem) : NULL;
  if (status == PL_OK && !json_is_object(object)) {
    status = pl_fail(err, PL_E_FORMAT, "%s line %d column %d: %s", path, problem.line, problem.column,
                     object == NULL ? problem.text : "not an object");
  }
  if (status == PL_OK) {
    pl_run_info *info = pl_xcalloc(1, sizeof *info);
    pl_config_defaults(&info->config);
    (void)pl_copy_text(info->name, sizeof info->name, pl_path_base(folder));
    pl_json_text(info->workspace, sizeof info->workspace, object, "workspace");
    pl_json_text(info->version, sizeof info->version, object, "version");
    pl_json_text(info->dataset_sha256, sizeof info->dataset_sha256, object, "dataset_sha256");
    pl_json_text(info->labels_sha256, sizeof info->labels_sha256, object, "labels_sha256");
    pl_json_text(info->folds_sha256, sizeof info->folds_sha256, object, "folds_sha256");
    pl_json_text(info->pictures_sha256, sizeof info->pictures_sha256, object, "pictures_sha256");
    pl_json_text(info->host, sizeof info->host, object, "host");
    pl_json_text(info->user, sizeof info->user, object, "user");
    info->created = pl_json_number(object, "created", 0);
    char *options = json_dumps(json_object_get(object, "options"), 0);
    if (options == NULL) {
      status = pl_fail(err, PL_E_FORMAT, "%s has no options", path);
    } else if (pl_config_read_json(&info->config, options, strlen(options), err) != PL_OK) {
      status = pl_wrap(err, "%s", path);
    } else {
      *out = *info;
    }
    free(options);
    free(info);
  }
  json_decref(object);
  pl_buf_clear(&text);
  free(path);
  return status;
}

// Date and letter in the order of making: -z comes before -aa, and -fold2 before -fold10.
static int by_age(const void *a, const void *b) {
  const char *x = pl_path_base(*(char *const *)a), *y = pl_path_base(*(char *const *)b);
  enum { DATE = 11 };
  if (strlen(x) > DATE && strlen(y) > DATE && strncmp(x, y, DATE) == 0) {
    size_t n = strcspn(x + DATE, "-"), m = strcspn(y + DATE, "-");
    if (n != m) return n < m ? -1 : 1;
  }
  return strverscmp(x, y);
}

pl_status pl_run_list(char ***folders, size_t *count, const char *workspace, pl_error *err) {
  char *root = realpath(workspace, NULL);
  if (root == NULL) return pl_fail_errno(err, errno, "cannot open workspace %s", workspace);
  char *runs = pl_path_join(root, "runs");
  char **names = NULL;
  size_t name_count = 0, used = 0;
  pl_status status = PL_OK;
  if (pl_fs_is_folder(runs)) status = pl_fs_list(&names, &name_count, runs, err);
  if (status == PL_OK) {
    char **list = pl_xcalloc(name_count + 1, sizeof *list);
    for (size_t i = 0; i < name_count; i++) {
      char *folder = pl_path_join(runs, names[i]), *file = pl_path_join(folder, "run.json");
      if (pl_fs_is_file(file)) {
        list[used++] = folder;
      } else {
        free(folder);
      }
      free(file);
    }
    if (used > 1) qsort(list, used, sizeof *list, by_age);
    *folders = list;
    *count = used;
  }
  pl_fs_free_names(names, name_count);
  free(runs);
  free(root);
  return status;
}

static void boot_id(char out[64]) {
  pl_buf text;
  pl_buf_init(&text, 63);
  out[0] = '\0';
  // The kernel gives no size for this file, and other systems do not have it: then the host's name alone decides.
  if (pl_fs_read(&text, "/proc/sys/kernel/random/boot_id", NULL) == PL_OK && text.length > 0) {
    (void)pl_safe_text(out, 64, text.data, strcspn(text.data, "\n"));
  }
  pl_buf_clear(&text);
}

static bool is_here(const char *folder) {
  char *path = pl_path_join(folder, "core.json");
  pl_buf text;
  pl_buf_init(&text, 65536);
  bool here = true;  // without a core.json no core ever was, anywhere
  if (pl_fs_read(&text, path, NULL) == PL_OK) {
    json_error_t problem;
    json_t *object = json_loadb(text.data, text.length, 0, &problem);
    char theirs[128], ours[128];
    pl_json_text(theirs, sizeof theirs, object, "host");
    pl_host_name(ours);
    here = object == NULL || strcmp(theirs, ours) == 0;
    json_decref(object);
  }
  pl_buf_clear(&text);
  free(path);
  return here;
}

pl_alive pl_run_alive(const char *folder, const pl_run_state *state, uint64_t last_heartbeat) {
  if (!is_here(folder)) {
    if (state == NULL) return PL_ALIVE_UNKNOWN;
    if (pl_phase_is_over(state->phase)) return PL_ALIVE_NO;
    return last_heartbeat != 0 && state->heartbeat != last_heartbeat ? PL_ALIVE_YES : PL_ALIVE_UNKNOWN;
  }
  char *path = pl_path_join(folder, "lock");
  const int held = pl_lock_is_held(path);
  free(path);
  return held > 0 ? PL_ALIVE_YES : held == 0 ? PL_ALIVE_NO : PL_ALIVE_UNKNOWN;
}

bool pl_run_is_read_only(const char *folder) {
  char owner[PL_OWNER_SIZE];
  return pl_access_watched(owner, folder);
}

// Who works on the run.
static pl_status write_core(const char *folder, pl_error *err) {
  char host[128], boot[64], *path = pl_path_join(folder, "core.json");
  pl_host_name(host);
  boot_id(boot);
  pl_buf text;
  pl_buf_init(&text, 4096);
  (void)pl_buf_printf(&text, "{\"pid\":%ld", (long)getpid());
  pl_json_add_text(&text, "host", host);
  pl_json_add_text(&text, "boot_id", boot);
  pl_json_add_text(&text, "version", PLEURA_VERSION);
  (void)pl_buf_add_text(&text, "}\n");
  const pl_status status = pl_fs_replace(path, text.data, text.length, err);
  pl_buf_clear(&text);
  free(path);
  return status;
}

pl_status pl_run_lock(int *fd, const char *folder, pl_error *err) {
  char *path = pl_path_join(folder, "lock");
  int lock = -1;
  pl_status status = pl_access_check(folder, "only they may train it", err);
  if (status == PL_OK) status = pl_lock_take(&lock, path, err);
  free(path);
  if (status == PL_E_BUSY) return pl_fail(err, PL_E_BUSY, "another core is working on %s", folder);
  if (status == PL_OK) status = write_core(folder, err);
  if (status == PL_OK) {
    *fd = lock;
  } else if (lock >= 0) {
    close(lock);
  }
  return status;
}
