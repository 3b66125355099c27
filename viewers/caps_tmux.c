// What the terminal around tmux has: tmux says that it has sixel whenever it was built with it, and where the terminal
// has none it shows words in a picture's place.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "viewers/caps.h"

enum { ANSWER_MAX = 4096 };

static const double patience = 1.0;  // seconds

extern char **environ;

static pid_t start(int out) {
  char *const argv[] = {"tmux", "display-message", "-p", "#{client_termfeatures}", NULL};
  pid_t child = -1;
  posix_spawn_file_actions_t files;
  if (posix_spawn_file_actions_init(&files) != 0) return -1;
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  if (posix_spawnp(&child, argv[0], &files, NULL, argv, environ) != 0) child = -1;
  posix_spawn_file_actions_destroy(&files);
  return child;
}

// Until the end, or the patience is over; false then.
static bool read_all(pl_buf *answer, int fd) {
  const pl_clock clock = pl_clock_system();
  const double end = pl_clock_monotonic(&clock) + patience;
  for (;;) {
    const double left = end - pl_clock_monotonic(&clock);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    if (left <= 0 || poll(&ready, 1, (int)(left * 1000) + 1) != 1) return false;
    char bytes[512];
    const ssize_t count = read(fd, bytes, sizeof bytes);
    if (count <= 0) return count == 0;
    if (!pl_buf_add(answer, bytes, (size_t)count)) return false;
  }
}

void pl_caps_ask_tmux(pl_caps *caps) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return;
  pl_buf answer;
  pl_buf_init(&answer, ANSWER_MAX);
  const pid_t child = start(ends[1]);
  close(ends[1]);
  const bool whole = child > 0 && read_all(&answer, ends[0]);
  close(ends[0]);
  if (child > 0 && !whole) kill(child, SIGKILL);
  int status = 0;
  const bool answered = child > 0 && waitpid(child, &status, 0) == child && whole && WIFEXITED(status) &&
                        WEXITSTATUS(status) == 0 && answer.length > 0;
  if (answered && strstr(answer.data, "sixel") == NULL) caps->sixel = false;
  pl_buf_clear(&answer);
}
