#include "core/base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 40, PAUSE_NS = 25 * 1000 * 1000 };

pl_status pl_lock_take(int *fd, const char *path, pl_error *err) {
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) return pl_fail_errno(err, errno, "cannot open %s", path);
  int failed = -1;
  // Somebody who only looks whether it is held has it for an instant.
  for (int i = 0; i < TRIES && failed != 0; i++) {
    failed = flock(file, LOCK_EX | LOCK_NB);
    if (failed != 0 && errno != EWOULDBLOCK && errno != EINTR) break;
    if (failed != 0) (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
  }
  if (failed == 0) {
    *fd = file;
    return PL_OK;
  }
  const int reason = errno;
  close(file);
  return reason == EWOULDBLOCK ? pl_fail(err, PL_E_BUSY, "%s is held by another process", path)
                               : pl_fail_errno(err, reason, "cannot lock %s", path);
}

int pl_lock_is_held(const char *path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (file < 0) return errno == ENOENT ? 0 : -1;
  const int taken = flock(file, LOCK_SH | LOCK_NB), reason = errno;
  close(file);
  return taken == 0 ? 0 : reason == EWOULDBLOCK ? 1 : -1;
}
