#include "core/run/logout.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000, ANSWER_MAX = 64 };

// Whether PATH has an executable of that name.
static bool has_command(const char *name) {
  const char *path = getenv("PATH");
  char file[4096];
  for (const char *p = path; p != NULL && *p != '\0';) {
    const size_t length = strcspn(p, ":");
    if (length > 0 && (size_t)snprintf(file, sizeof file, "%.*s/%s", (int)length, p, name) < sizeof file &&
        access(file, X_OK) == 0) {
      return true;
    }
    p += length + (p[length] == ':');
  }
  return false;
}

static void read_answer(char out[ANSWER_MAX], int fd) {
  size_t length = 0;
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  while (length + 1 < ANSWER_MAX && poll(&wait, 1, PATIENCE_MS) > 0) {
    const ssize_t n = read(fd, out + length, ANSWER_MAX - 1 - length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    length += (size_t)n;
  }
  out[length] = '\0';
}

// "b true" from logind, false for anything else.
static bool kills_processes(void) {
  char command[] = "busctl", verb[] = "get-property", service[] = "org.freedesktop.login1";
  char object[] = "/org/freedesktop/login1", interface[] = "org.freedesktop.login1.Manager";
  char property[] = "KillUserProcesses", answer[ANSWER_MAX] = "";
  char *const argv[] = {command, verb, service, object, interface, property, NULL};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  posix_spawn_file_actions_t actions;
  (void)posix_spawn_file_actions_init(&actions);
  (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  (void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  const bool started = posix_spawnp(&child, command, &actions, NULL, argv, environ) == 0;
  (void)posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (started) {
    read_answer(answer, ends[0]);
    (void)kill(child, SIGKILL);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  }
  close(ends[0]);
  return strncmp(answer, "b true", 6) == 0;
}

pl_logout pl_logout_check(void) {
  const char *session = getenv("XDG_SESSION_ID");
  // root is spared by KillExcludeUsers, unless somebody has changed that too.
  if (session == NULL || session[0] == '\0' || (geteuid() == 0 && getenv("PLEURA_LOGOUT_ROOT") == NULL))
    return PL_LOGOUT_HARMLESS;
  if (!has_command("busctl") || !kills_processes()) return PL_LOGOUT_HARMLESS;
  return has_command("systemd-run") && getenv("XDG_RUNTIME_DIR") != NULL ? PL_LOGOUT_SCOPE : PL_LOGOUT_KILLS;
}

const char *pl_logout_remedy(void) {
  return "this machine ends all that a user runs at logout (KillUserProcesses=yes in logind.conf), and there is no "
         "systemd-run to start the training beside the session: stay logged in, or have KillUserProcesses turned off";
}
