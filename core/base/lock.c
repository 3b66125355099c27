#include "core/base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 20, PAUSE_NS = 25 * 1000 * 1000 };

static pl_status take(int *fd, const char *path, int tries, pl_error *err) {
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) return pl_fail_errno(err, errno, "cannot open %s", path);
  pl_error problem = {0};
  pl_status status = pl_lock_file(file, path, &problem);
  for (int i = 1; status == PL_E_BUSY && (tries == 0 || i < tries); i++) {
    (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    status = pl_lock_file(file, path, &problem);
  }
  if (status == PL_OK) {
    *fd = file;
    return PL_OK;
  }
  close(file);
  if (err != NULL) *err = problem;
  return status;
}

// Somebody who only looks whether it is held has it for an instant.
pl_status pl_lock_take(int *fd, const char *path, pl_error *err) { return take(fd, path, TRIES, err); }

pl_status pl_lock_wait(int *fd, const char *path, pl_error *err) { return take(fd, path, 0, err); }

pl_status pl_lock_file(int fd, const char *path, pl_error *err) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return PL_OK;
  return errno == EWOULDBLOCK ? pl_fail(err, PL_E_BUSY, "%s is held by another process", path)
                              : pl_fail_errno(err, errno, "cannot lock %s", path);
}

bool pl_lock_is_of(int fd, const char *path) {
  struct stat ours, named;
  return fstat(fd, &ours) == 0 && S_ISREG(ours.st_mode) && stat(path, &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

int pl_lock_is_held(const char *path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (file < 0) return errno == ENOENT ? 0 : -1;
  const int taken = flock(file, LOCK_SH | LOCK_NB), reason = errno;
  close(file);
  return taken == 0 ? 0 : reason == EWOULDBLOCK ? 1 : -1;
}
