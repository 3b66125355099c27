#include "core/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"

enum { WALK_DEPTH_MAX = 64 };

char *pl_path_join(const char *folder, const char *name) {
  if (folder[0] == '\0' || name[0] == '/') return pl_xstrdup(name);
  size_t n = strlen(folder);
  return pl_xprintf("%s%s%s", folder, folder[n - 1] == '/' ? "" : "/", name);
}

const char *pl_path_base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

pl_status pl_fs_read(pl_buf *out, const char *path, pl_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return pl_fail_errno(err, errno, "cannot open %s", path);
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    close(fd);
    return pl_fail(err, PL_E_IO, "%s is not a regular file", path);
  }
  for (;;) {
    size_t left = out->max - out->length, chunk = left < 65536 ? left : 65536;
    char scratch[1];
    // At the maximum one more byte decides between "just fits" and "too long".
    char *room = chunk == 0 ? NULL : pl_buf_reserve(out, chunk);
    ssize_t n = room != NULL ? read(fd, room, chunk) : read(fd, scratch, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      int saved = errno;
      close(fd);
      return pl_fail_errno(err, saved, "cannot read %s", path);
    }
    if (n == 0) break;
    if (room == NULL) {
      close(fd);
      return pl_fail(err, PL_E_LIMIT, "%s is larger than %zu bytes", path, out->max);
    }
    out->length += (size_t)n;
    out->data[out->length] = '\0';
  }
  close(fd);
  if (out->data == NULL) (void)pl_buf_add(out, "", 0);
  return PL_OK;
}

static pl_status write_all(int fd, const char *bytes, size_t length, const char *path, pl_error *err) {
  while (length > 0) {
    ssize_t n = write(fd, bytes, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return pl_fail_errno(err, errno, "cannot write %s", path);
    bytes += n;
    length -= (size_t)n;
  }
  // A failed fsync is a failed write: the kernel may have dropped the pages, so it is never tried again.
  if (fsync(fd) != 0) return pl_fail_errno(err, errno, "cannot write %s to disk", path);
  return PL_OK;
}

static char *parent_of(const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return pl_xstrdup(".");
  if (slash == path) return pl_xstrdup("/");
  return pl_xprintf("%.*s", (int)(slash - path), path);
}

pl_status pl_fs_replace(const char *path, const void *bytes, size_t length, pl_error *err) {
  return pl_fs_replace_checked(path, bytes, length, NULL, NULL, err);
}

pl_status pl_fs_replace_checked(const char *path, const void *bytes, size_t length, pl_fs_check *check, void *context,
                                pl_error *err) {
  char *aside = pl_xprintf("%s.tmp-%ld-XXXXXX", path, (long)getpid());
  pl_status status = PL_OK;
  int fd = mkostemp(aside, O_CLOEXEC);
  if (fd < 0) {
    status = pl_fail_errno(err, errno, "cannot create a file beside %s", path);
    free(aside);
    return status;
  }
  mode_t mask = umask(0);
  umask(mask);
  (void)fchmod(fd, 0666 & ~mask);
  status = write_all(fd, bytes, length, path, err);
  if (close(fd) != 0 && status == PL_OK) status = pl_fail_errno(err, errno, "cannot write %s", path);
  if (status == PL_OK && check != NULL) status = check(context, aside, err);
  if (status == PL_OK && rename(aside, path) != 0) status = pl_fail_errno(err, errno, "cannot replace %s", path);
  if (status != PL_OK) {
    unlink(aside);
  } else {
    char *folder = parent_of(path);
    status = pl_fs_sync_folder(folder, err);
    free(folder);
  }
  free(aside);
  return status;
}

pl_status pl_fs_sync_folder(const char *folder, pl_error *err) {
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return pl_fail_errno(err, errno, "cannot open folder %s", folder);
  int failed = fsync(fd);
  int saved = errno;
  close(fd);
  // Some network file systems refuse to sync folders; their rename is already as durable as it gets.
  if (failed != 0 && saved != EINVAL && saved != ENOTSUP) {
    return pl_fail_errno(err, saved, "cannot write folder %s to disk", folder);
  }
  return PL_OK;
}

pl_status pl_fs_make_folders(const char *path, pl_error *err) {
  char *copy = pl_xstrdup(path);
  pl_status status = PL_OK;
  for (char *p = copy + 1; status == PL_OK; p++) {
    if (*p != '/' && *p != '\0') continue;
    char end = *p;
    *p = '\0';
    if (mkdir(copy, 0777) != 0) {
      int reason = errno;
      if (reason != EEXIST) {
        status = pl_fail_errno(err, reason, "cannot make folder %s", copy);
      } else if (!pl_fs_is_folder(copy)) {
        status = pl_fail(err, PL_E_EXISTS, "%s is in the way: it is not a folder", copy);
      }
    }
    *p = end;
    if (end == '\0') break;
  }
  free(copy);
  return status;
}

bool pl_fs_is_file(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool pl_fs_is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

pl_status pl_fs_list(char ***names, size_t *count, const char *folder, pl_error *err) {
  DIR *dir = opendir(folder);
  if (dir == NULL) return pl_fail_errno(err, errno, "cannot open folder %s", folder);
  char **list = NULL;
  size_t used = 0, room = 0;
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(dir);
    if (entry == NULL) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (used == room) {
      room = room != 0 ? room * 2 : 16;
      list = pl_xrealloc(list, room, sizeof *list);
    }
    list[used++] = pl_xstrdup(entry->d_name);
  }
  int failed = errno;
  closedir(dir);
  if (failed != 0) {
    pl_fs_free_names(list, used);
    return pl_fail_errno(err, failed, "cannot read folder %s", folder);
  }
  if (used > 1) qsort(list, used, sizeof *list, by_bytes);
  *names = list;
  *count = used;
  return PL_OK;
}

void pl_fs_free_names(char **names, size_t count) {
  for (size_t i = 0; i < count; i++) free(names[i]);
  free(names);
}

static pl_status walk(const char *folder, int depth, pl_fs_visit *visit, void *context, pl_error *err) {
  char **names = NULL;
  size_t count = 0;
  pl_status status = pl_fs_list(&names, &count, folder, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    char *path = pl_path_join(folder, names[i]);
    struct stat st;
    if (lstat(path, &st) == 0) {
      if (S_ISLNK(st.st_mode) && (stat(path, &st) != 0 || S_ISDIR(st.st_mode))) st.st_mode = 0;
      if (S_ISREG(st.st_mode)) {
        status = visit(context, path, (uint64_t)st.st_size, err);
      } else if (S_ISDIR(st.st_mode)) {
        status = depth < WALK_DEPTH_MAX ? walk(path, depth + 1, visit, context, err)
                                        : pl_fail(err, PL_E_LIMIT, "%s lies too deep", path);
      }
    }
    free(path);
  }
  pl_fs_free_names(names, count);
  return status;
}

pl_status pl_fs_walk(const char *folder, pl_fs_visit *visit, void *context, pl_error *err) {
  return walk(folder, 0, visit, context, err);
}

pl_status pl_fs_remove_tree(const char *path, pl_error *err) {
  struct stat st;
  if (lstat(path, &st) != 0) {
    return errno == ENOENT ? PL_OK : pl_fail_errno(err, errno, "cannot look at %s", path);
  }
  if (!S_ISDIR(st.st_mode)) {
    return unlink(path) == 0 ? PL_OK : pl_fail_errno(err, errno, "cannot remove %s", path);
  }
  char **names = NULL;
  size_t count = 0;
  pl_status status = pl_fs_list(&names, &count, path, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    char *inner = pl_path_join(path, names[i]);
    status = pl_fs_remove_tree(inner, err);
    free(inner);
  }
  pl_fs_free_names(names, count);
  if (status == PL_OK && rmdir(path) != 0) status = pl_fail_errno(err, errno, "cannot remove %s", path);
  return status;
}

pl_status pl_fs_executable(char **path, pl_error *err) {
  char text[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", text, sizeof text - 1);
  if (n < 0) return pl_fail_errno(err, errno, "cannot find the running program");
  text[n] = '\0';
  *path = pl_xstrdup(text);
  return PL_OK;
}
