// Preloaded into a core: disturbs what it does to files below ckpt/. FAULT_IO says how, counting from 1 what it writes,
// syncs, renames, makes, links and removes there:
//   kill:N     dies like by kill -9 at the N-th, a write when half of it is done
//   full:N:M   the disk is full for M writes from the N-th operation on
// and to pictures:
//   slow:MS    a look at one takes so many milliseconds
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long counted, failed;

static long number_after(const char *key, int which) {
  const char *text = getenv("FAULT_IO");
  if (text == NULL || strncmp(text, key, strlen(key)) != 0) return -1;
  text += strlen(key);
  for (; which > 0 && text != NULL; which--) text = strchr(text, ':') != NULL ? strchr(text, ':') + 1 : NULL;
  return text != NULL ? strtol(text, NULL, 10) : -1;
}

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

static int is_checkpoint(const char *path) { return strstr(path, "/ckpt/") != NULL; }

static int is_checkpoint_fd(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return 0;
  path[n] = '\0';
  return is_checkpoint(path) || (n > 5 && strcmp(path + n - 5, "/ckpt") == 0);
}

// Counts one operation; whether it is the one to die at.
static int is_last(void) { return ++counted == number_after("kill:", 0); }

static void die(void) { (void)kill(getpid(), SIGKILL); }

ssize_t write(int fd, const void *data, size_t length) {
  ssize_t (*real)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))next("write");
  if (!is_checkpoint_fd(fd)) return real(fd, data, length);
  if (is_last()) {
    (void)!real(fd, data, length / 2);
    die();
  }
  long from = number_after("full:", 0);
  if (from > 0 && counted >= from && failed < number_after("full:", 1)) {
    failed++;
    errno = ENOSPC;
    return -1;
  }
  return real(fd, data, length);
}

int fsync(int fd) {
  int (*real)(int) = (int (*)(int))next("fsync");
  if (is_checkpoint_fd(fd) && is_last()) die();
  return real(fd);
}

int rename(const char *from, const char *to) {
  int (*real)(const char *, const char *) = (int (*)(const char *, const char *))next("rename");
  if (is_checkpoint(to) && is_last()) die();
  return real(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
  int (*real)(int, const char *, int, const char *, unsigned) =
      (int (*)(int, const char *, int, const char *, unsigned))next("renameat2");
  if (is_checkpoint(to) && is_last()) die();
  return real(from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t mode) {
  int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))next("mkdir");
  if (is_checkpoint(path) && is_last()) die();
  return real(path, mode);
}

int symlink(const char *target, const char *path) {
  int (*real)(const char *, const char *) = (int (*)(const char *, const char *))next("symlink");
  if (is_checkpoint(path) && is_last()) die();
  return real(target, path);
}

int unlink(const char *path) {
  int (*real)(const char *) = (int (*)(const char *))next("unlink");
  if (is_checkpoint(path) && is_last()) die();
  return real(path);
}

int unlinkat(int folder, const char *path, int flags) {
  int (*real)(int, const char *, int) = (int (*)(int, const char *, int))next("unlinkat");
  if ((is_checkpoint(path) || (folder >= 0 && is_checkpoint_fd(folder))) && is_last()) die();
  return real(folder, path, flags);
}

static void be_slow(const char *path) {
  const long milliseconds = number_after("slow:", 0);
  const size_t length = strlen(path);
  if (milliseconds <= 0 || length < 4 || strcmp(path + length - 4, ".png") != 0) return;
  (void)nanosleep(&(struct timespec){.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000}, NULL);
}

int stat(const char *path, struct stat *out) {
  int (*real)(const char *, struct stat *) = (int (*)(const char *, struct stat *))next("stat");
  be_slow(path);
  return real(path, out);
}

int stat64(const char *path, struct stat64 *out) {
  int (*real)(const char *, struct stat64 *) = (int (*)(const char *, struct stat64 *))next("stat64");
  be_slow(path);
  return real(path, out);
}
