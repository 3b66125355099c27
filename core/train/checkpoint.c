#include "core/train/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/net/weights.h"
#include "core/train/checkpoint_state.h"

enum { STATE_MAX = 65536, FILE_COUNT = 3 };

#define MANIFEST_HEAD "pleura checkpoint 1\n"

static const char *const file_names[FILE_COUNT];

static pl_status write_manifest(const char *folder, char hashes[FILE_COUNT][PL_SHA256_HEX_SIZE], pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, STATE_MAX);
  (void)pl_buf_add_text(&text, MANIFEST_HEAD);
  for (size_t i = 0; i < FILE_COUNT; i++) (void)pl_buf_printf(&text, "%s  %s\n", hashes[i], file_names[i]);
  char *path = pl_path_join(folder, "MANIFEST");
  pl_status status = pl_fs_replace(path, text.data, text.length, err);
  free(path);
  pl_buf_clear(&text);
  return status;
}

// One of the two files that hold tensors: the whole counts both.
typedef struct file_progress {
  const pl_progress *whole;
  int64_t before;
} file_progress;

static bool tell_whole(void *context, int64_t done, int64_t total) {
  const file_progress *file = context;
  return pl_progress_tell(file->whole, file->before * total + done, 2 * total, NULL) == PL_OK;
}

static pl_status write_tensors(const char *path, const pl_checkpoint_source *source, pl_weights_set set, int64_t before,
                               char *hash, pl_error *err) {
  file_progress file = {.whole = &source->progress, .before = before};
  const pl_progress progress = {.tell = tell_whole, .context = &file};
  return pl_weights_save_told(path, source->api, source->store, source->model, set, hash, &progress, err);
}

// The hashes are of what was meant to be written, so that a write that went wrong without an error is found too.
static pl_status write_files(const char *folder, const pl_checkpoint_source *source, const pl_checkpoint_state *state,
                             pl_error *err) {
  char hashes[FILE_COUNT][PL_SHA256_HEX_SIZE];
  char *weights = pl_path_join(folder, file_names[0]), *optimizer = pl_path_join(folder, file_names[1]);
  char *json = pl_path_join(folder, file_names[2]);
  pl_status status = write_tensors(weights, source, PL_WEIGHTS_EXACT, 0, hashes[0], err);
  if (status == PL_OK) status = write_tensors(optimizer, source, PL_WEIGHTS_OPTIMIZER, 1, hashes[1], err);
  if (status == PL_OK) status = pl_checkpoint_state_write(json, state, err);
  if (status == PL_OK) status = pl_sha256_file(hashes[2], json, err);
  if (status == PL_OK) status = write_manifest(folder, hashes, err);
  if (status == PL_OK) status = pl_fs_sync_folder(folder, err);
  free(weights);
  free(optimizer);
  free(json);
  return status;
}

// Names of checkpoints are digits alone.
static bool is_checkpoint(const char *name, int64_t *step) {
  size_t length = strlen(name);
  return length >= 6 && strspn(name, "0123456789") == length && pl_parse_i64(step, name, length);
}

// Under an existing name the two change places in one step where the file system can do that.
static pl_status put_in_place(const char *aside, const char *path, pl_error *err) {
  if (rename(aside, path) == 0) return PL_OK;
  if (errno != ENOTEMPTY && errno != EEXIST) return pl_fail_errno(err, errno, "cannot rename to %s", path);
  if (renameat2(AT_FDCWD, aside, AT_FDCWD, path, RENAME_EXCHANGE) == 0) return pl_fs_remove_tree(aside, err);
  char *old = pl_xprintf("%s.tmp-old", path);
  pl_status status = pl_fs_remove_tree(old, err);
  if (status == PL_OK && (rename(path, old) != 0 || rename(aside, path) != 0)) {
    status = pl_fail_errno(err, errno, "cannot replace %s", path);
  }
  if (status == PL_OK) status = pl_fs_remove_tree(old, err);
  free(old);
  return status;
}

static pl_status link_best(const char *folder, const char *name, pl_error *err) {
  char *best = pl_path_join(folder, "best"), *aside = pl_path_join(folder, "best.tmp-link");
  pl_status status = PL_OK;
  if (unlink(aside) != 0 && errno != ENOENT) status = pl_fail_errno(err, errno, "cannot remove %s", aside);
  if (status == PL_OK && (symlink(name, aside) != 0 || rename(aside, best) != 0)) {
    status = pl_fail_errno(err, errno, "cannot make link %s", best);
  }
  if (status == PL_OK) status = pl_fs_sync_folder(folder, err);
  free(best);
  free(aside);
  return status;
}

static int by_step(const void *a, const void *b) {
  int64_t x = -1, y = -1;
  (void)is_checkpoint(*(char *const *)a, &x);
  (void)is_checkpoint(*(char *const *)b, &y);
  return x < y ? -1 : x > y;
}

// The names of all checkpoints, oldest step first.
static pl_status list_checkpoints(char ***names, size_t *count, const char *folder, pl_error *err) {
  pl_status status = pl_fs_list(names, count, folder, err);
  if (status != PL_OK) return status;
  size_t used = 0;
  for (size_t i = 0; i < *count; i++) {
    int64_t step = 0;
    if (is_checkpoint((*names)[i], &step)) {
      (*names)[used++] = (*names)[i];
    } else {
      free((*names)[i]);
    }
  }
  *count = used;
  if (used > 1) qsort(*names, used, sizeof **names, by_step);
  return PL_OK;
}

static bool is_top(const pl_checkpoint_state *state, const char *name) {
  int64_t step = 0;
  if (!is_checkpoint(name, &step)) return false;
  for (int32_t i = 0; i < state->top_count; i++) {
    if (state->top[i].step == step) return true;
  }
  return false;
}

static pl_status remove_old(const char *folder, const pl_checkpoint_state *state, int64_t keep, pl_error *err) {
  char *best = pl_path_join(folder, "best"), target[64];
  ssize_t length = readlink(best, target, sizeof target - 1);
  target[length > 0 ? length : 0] = '\0';
  free(best);
  char **names = NULL;
  size_t count = 0;
  pl_status status = list_checkpoints(&names, &count, folder, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i + (size_t)keep < count && status == PL_OK; i++) {
    if (strcmp(names[i], target) == 0 || is_top(state, names[i])) continue;
    // It loses its name first, so that no half-removed folder can be taken for a checkpoint.
    char *path = pl_path_join(folder, names[i]), *aside = pl_xprintf("%s.tmp-gone", path);
    status = pl_fs_remove_tree(aside, err);
    if (status == PL_OK && rename(path, aside) != 0) status = pl_fail_errno(err, errno, "cannot remove %s", path);
    if (status == PL_OK) status = pl_fs_remove_tree(aside, err);
    free(path);
    free(aside);
  }
  pl_fs_free_names(names, count);
  return status;
}

pl_status pl_checkpoint_save(const char *folder, const pl_checkpoint_source *source, const pl_checkpoint_state *state,
                             bool best, int64_t keep, pl_error *err) {
  char *name = pl_xprintf("%06" PRId64, state->step);
  char *path = pl_path_join(folder, name), *aside = pl_xprintf("%s.tmp-%ld", path, (long)getpid());
  // Not its parents: when the run's folder is gone, the run is over.
  pl_status status = PL_OK;
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) status = pl_fail_errno(err, errno, "cannot make folder %s", folder);
  if (status == PL_OK) status = pl_fs_remove_tree(aside, err);
  if (status == PL_OK && mkdir(aside, 0777) != 0) status = pl_fail_errno(err, errno, "cannot make folder %s", aside);
  if (status == PL_OK) status = write_files(aside, source, state, err);
  if (status == PL_OK) status = put_in_place(aside, path, err);
  if (status == PL_OK) status = pl_fs_sync_folder(folder, err);
  if (status != PL_OK) (void)pl_fs_remove_tree(aside, NULL);
  if (status == PL_OK && best) status = link_best(folder, name, err);
  if (status == PL_OK) status = remove_old(folder, state, keep, err);
  free(name);
  free(path);
  free(aside);
  return status != PL_OK ? pl_wrap(err, "checkpoint of step %" PRId64, state->step) : PL_OK;
}

static pl_status check_manifest(const char *path, pl_error *err) {
  char *file = pl_path_join(path, "MANIFEST");
  pl_buf text;
  pl_buf_init(&text, STATE_MAX);
  pl_status status = pl_fs_read(&text, file, err);
  size_t head = strlen(MANIFEST_HEAD);
  if (status == PL_OK && (text.length < head || memcmp(text.data, MANIFEST_HEAD, head) != 0)) {
    status = pl_fail(err, PL_E_FORMAT, "%s is not a manifest of this version", file);
  }
  const char *p = status == PL_OK ? text.data + head : NULL;
  for (size_t i = 0; i < FILE_COUNT && status == PL_OK; i++) {
    char *inner = pl_path_join(path, file_names[i]), hex[PL_SHA256_HEX_SIZE];
    status = pl_sha256_file(hex, inner, err);
    char *line = status == PL_OK ? pl_xprintf("%s  %s\n", hex, file_names[i]) : NULL;
    if (line != NULL && strncmp(p, line, strlen(line)) != 0) {
      status = pl_fail(err, PL_E_FORMAT, "%s is damaged: it is not what MANIFEST says", inner);
    }
    if (line != NULL) p += strlen(line);
    free(line);
    free(inner);
  }
  if (status == PL_OK && *p != '\0') status = pl_fail(err, PL_E_FORMAT, "%s has lines left over", file);
  pl_buf_clear(&text);
  free(file);
  return status;
}

pl_status pl_checkpoint_check(pl_checkpoint_state *state, const char *path, pl_error *err) {
  pl_status status = check_manifest(path, err);
  if (status != PL_OK) return status;
  char *file = pl_path_join(path, file_names[2]);
  status = pl_checkpoint_state_read(state, file, err);
  free(file);
  return status;
}

pl_status pl_checkpoint_find(char **path, pl_checkpoint_state *state, const char *folder,
                             pl_checkpoint_skipped *skipped, void *context, pl_error *err) {
  char **names = NULL;
  size_t count = 0;
  pl_status status = list_checkpoints(&names, &count, folder, err);
  if (status != PL_OK) return status;
  char *found = NULL;
  for (size_t i = count; i > 0 && found == NULL; i--) {
    char *candidate = pl_path_join(folder, names[i - 1]);
    pl_error reason = {0};
    if (pl_checkpoint_check(state, candidate, &reason) == PL_OK) {
      found = candidate;
    } else {
      if (skipped != NULL) skipped(context, candidate, reason.message);
      free(candidate);
    }
  }
  pl_fs_free_names(names, count);
  if (found == NULL) return pl_fail(err, PL_E_NOTFOUND, "%s has no valid checkpoint", folder);
  *path = found;
  return PL_OK;
}

static pl_status load_file(const pl_checkpoint_source *target, const char *path, const char *name, pl_weights_set set,
                           pl_error *err) {
  char *file = pl_path_join(path, name);
  pl_status status = pl_weights_load(file, target->api, target->store, target->model, set, true, NULL, err);
  free(file);
  return status;
}

pl_status pl_checkpoint_load_weights(const pl_checkpoint_source *target, const char *path, pl_error *err) {
  return load_file(target, path, file_names[0], PL_WEIGHTS_EXACT, err);
}

pl_status pl_checkpoint_load(const pl_checkpoint_source *target, const char *path, pl_error *err) {
  pl_status status = pl_checkpoint_load_weights(target, path, err);
  return status == PL_OK ? load_file(target, path, file_names[1], PL_WEIGHTS_OPTIMIZER, err) : status;
}

pl_status pl_checkpoint_sweep(const char *folder, pl_error *err) {
  char **names = NULL;
  size_t count = 0;
  if (!pl_fs_is_folder(folder)) return PL_OK;
  pl_status status = pl_fs_list(&names, &count, folder, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    if (strstr(names[i], ".tmp-") == NULL) continue;
    char *path = pl_path_join(folder, names[i]);
    status = pl_fs_remove_tree(path, err);
    free(path);
  }
  pl_fs_free_names(names, count);
  return status;
}

static const char *const file_names[FILE_COUNT] = {"weights.safetensors", "optimizer.safetensors", "state.json"};
