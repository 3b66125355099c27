// Files and folders: reads with a cap, atomic replacement, walks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// Joins two path parts with one slash; `name` alone when it is absolute or `folder` is empty. The caller frees.
char *pl_path_join(const char *folder, const char *name) __attribute__((malloc, returns_nonnull));

// The last part of a path, borrowed from it.
const char *pl_path_base(const char *path);

// Reads a whole regular file into `out` (appending). PL_E_LIMIT when it is longer than the buffer's maximum.
pl_status pl_fs_read(pl_buf *out, const char *path, pl_error *err);

// Replaces `path` so that a reader, or a crash at any moment, sees the old bytes or the new ones, never a mixture:
// temporary file beside it, write, fsync, rename, fsync of the folder.
pl_status pl_fs_replace(const char *path, const void *bytes, size_t length, pl_error *err);

// The same, but before the rename `check` looks at the temporary file, as it lies on the disk; when it fails, `path`
// stays as it was.
typedef pl_status pl_fs_check(void *context, const char *written, pl_error *err);
pl_status pl_fs_replace_checked(const char *path, const void *bytes, size_t length, pl_fs_check *check, void *context,
                                pl_error *err);

// fsync of a folder, so that a rename in it survives power loss.
pl_status pl_fs_sync_folder(const char *folder, pl_error *err);

// Makes a folder and its parents (mode 0777 less umask); fine when it exists as a folder.
pl_status pl_fs_make_folders(const char *path, pl_error *err);

// Removes a file or a folder with everything below it, not following links; fine when there is nothing.
pl_status pl_fs_remove_tree(const char *path, pl_error *err);

bool pl_fs_is_file(const char *path);
bool pl_fs_is_folder(const char *path);

// Calls `visit` for every regular file below `folder`, in byte order of the paths. Links to folders are not followed;
// at most 64 levels down. A failing visit ends the walk with its status.
typedef pl_status pl_fs_visit(void *context, const char *path, uint64_t size, pl_error *err);
pl_status pl_fs_walk(const char *folder, pl_fs_visit *visit, void *context, pl_error *err);

// Names in a folder (no "." and ".."), in byte order. The caller frees with pl_fs_free_names.
pl_status pl_fs_list(char ***names, size_t *count, const char *folder, pl_error *err);
void pl_fs_free_names(char **names, size_t count);

// The running executable's path; the caller frees.
pl_status pl_fs_executable(char **path, pl_error *err);

#ifdef __cplusplus
}
#endif
