#include "core/run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/data/access.h"
#include "core/run/logout.h"

enum { READY_FD = 3, ANSWER_MAX = 512, WAIT_MS = 200, SCOPE_WORDS = 5, START_SECONDS = 600 };

void pl_spawn_answer(int fd, const pl_error *err) {
  if (fd < 0) return;
  char text[ANSWER_MAX];
  int n = err == NULL ? snprintf(text, sizeof text, "ready\n")
                      : snprintf(text, sizeof text, "%d %s\n", (int)err->code, err->message);
  // Whoever started us may be gone; then nobody needs the answer.
  struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
  (void)sigaction(SIGPIPE, &ignore, &before);
  size_t length = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
  while (length > 0 && write(fd, text, length) < 0 && errno == EINTR) continue;
  (void)sigaction(SIGPIPE, &before, NULL);
  close(fd);
}

// Between fork and exec of a program with threads only async-signal-safe calls are allowed.
static _Noreturn void become_detached(char *const *argv, char *const *environment, int log, int answer) {
  (void)setsid();
  pid_t second = fork();
  if (second != 0) _exit(second < 0 ? 127 : 0);
  int null = open("/dev/null", O_RDWR);
  (void)dup2(null, STDIN_FILENO);
  (void)dup2(log, STDOUT_FILENO);
  (void)dup2(log, STDERR_FILENO);
  if (answer == READY_FD) {
    (void)fcntl(answer, F_SETFD, 0);
  } else {
    (void)dup2(answer, READY_FD);
  }
  (void)close_range(READY_FD + 1, ~0U, 0);
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (int i = 1; i < NSIG; i++) (void)sigaction(i, &standard, NULL);
  sigset_t none;
  (void)sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
  // A path, or systemd-run, which is looked for in PATH.
  if (chdir("/") == 0) (void)execvpe(argv[0], argv, environment);
  _exit(127);
}

static pl_status parse_answer(const char *text, size_t length, const char *what, const char *log, pl_error *err) {
  if (length >= 6 && memcmp(text, "ready\n", 6) == 0) return PL_OK;
  const char *space = memchr(text, ' ', length);
  int64_t code = 0;
  if (space == NULL || !pl_parse_i64(&code, text, (size_t)(space - text)) || code >= 0 || code < PL_E_INTERNAL) {
    return pl_fail(err, PL_E_INTERNAL, "%s ended before it was ready; its last words are in %s", what, log);
  }
  size_t rest = length - (size_t)(space + 1 - text);
  if (rest > 0 && space[rest] == '\n') rest--;
  return pl_fail(err, (pl_status)code, "%.*s", (int)rest, space + 1);
}

static pl_status wait_for_answer(int fd, const char *what, const char *log, const pl_spawn_options *options,
                                 pl_error *err) {
  const double timeout = options->timeout;
  char text[ANSWER_MAX];
  size_t length = 0;
  pl_clock clock = pl_clock_system();
  double end = pl_clock_monotonic(&clock) + timeout;
  while (length < sizeof text && (length == 0 || text[length - 1] != '\n')) {
    double left = end - pl_clock_monotonic(&clock);
    if (left <= 0) {
      return pl_fail(err, PL_E_BUSY, "%s is not ready after %.0f s; see %s", what, timeout, log);
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    const int most = options->waiting != NULL ? WAIT_MS : INT_MAX;
    int ready = poll(&wait, 1, left * 1000 < most ? (int)(left * 1000) + 1 : most);
    if (options->waiting != NULL && !options->waiting(options->context)) {
      return pl_fail(err, PL_E_CANCELLED, "%s starts by itself; see %s", what, log);
    }
    if (ready < 0 && errno != EINTR) return pl_fail_errno(err, errno, "cannot wait for %s", what);
    if (ready <= 0) continue;
    ssize_t n = read(fd, text + length, sizeof text - length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    length += (size_t)n;
  }
  return parse_answer(text, length, what, log, err);
}

// The caller's environment, with a short patience for OpenMP's threads unless the user has set one: they spin for some
// microseconds and then sleep. With that a free machine trains as fast as with libgomp's own patience, which on a
// shared one takes the processors from the very threads that are waited for (2 to 5 times the time for a step with four
// other programs on two processors); threads that sleep at once cost a free machine 10 to 30 %.
static char **core_environment(void) {
  static char patience[] = "GOMP_SPINCOUNT=10000";
  size_t count = 0;
  while (environ[count] != NULL) count++;
  char **copy = pl_xcalloc(count + 2, sizeof *copy);
  memcpy(copy, environ, count * sizeof *copy);
  if (getenv("OMP_WAIT_POLICY") == NULL && getenv("GOMP_SPINCOUNT") == NULL) copy[count] = patience;
  return copy;
}

// The words, behind those of a scope of its own where a logout would end it. The caller frees the array alone.
static char **outlive_logout(char *const *argv) {
  static char scope[] = "systemd-run", user[] = "--user", kind[] = "--scope", quiet[] = "--quiet", end[] = "--";
  size_t count = 0, n = 0;
  while (argv[count] != NULL) count++;
  char **words = pl_xcalloc(count + SCOPE_WORDS + 1, sizeof *words);
  if (pl_logout_check() == PL_LOGOUT_SCOPE) {
    memcpy(words, (char *[]){scope, user, kind, quiet, end}, SCOPE_WORDS * sizeof *words);
    n = SCOPE_WORDS;
  }
  memcpy(words + n, argv, count * sizeof *words);
  return words;
}

static pl_status start(char *const *argv, const char *what, const char *log_path, const pl_spawn_options *options,
                       pl_error *err) {
  int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  pl_status status = log < 0 ? pl_fail_errno(err, errno, "cannot open %s", log_path) : PL_OK;
  int ends[2] = {-1, -1};
  if (status == PL_OK && pipe2(ends, O_CLOEXEC) != 0) status = pl_fail_errno(err, errno, "cannot make a pipe");
  if (status == PL_OK) {
    char **environment = core_environment(), **words = outlive_logout(argv);
    pid_t child = fork();
    if (child < 0) status = pl_fail_errno(err, errno, "cannot start a process");
    if (child == 0) become_detached(words, environment, log, ends[1]);
    free(environment);
    free(words);
    close(ends[1]);
    ends[1] = -1;
    if (child > 0) {
      while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
      status = wait_for_answer(ends[0], what, log_path, options, err);
    }
  }
  if (ends[0] >= 0) close(ends[0]);
  if (ends[1] >= 0) close(ends[1]);
  if (log >= 0) close(log);
  return status;
}

pl_status pl_spawn_detached(char *const *argv, const char *what, const char *log_path, double timeout, pl_error *err) {
  const pl_spawn_options options = {.timeout = timeout};
  return start(argv, what, log_path, &options, err);
}

pl_status pl_spawn_core(const char *folder, const pl_spawn_options *given, pl_error *err) {
  pl_spawn_options all = {.timeout = 0}, *options = &all;
  if (given != NULL) all = *given;
  if (all.timeout <= 0) all.timeout = START_SECONDS;
  char *path = realpath(folder, NULL), *executable = NULL;
  if (path == NULL) return pl_fail_errno(err, errno, "cannot open run %s", folder);
  pl_status status = pl_access_check(path, "only they may train it", err);
  if (status != PL_OK) {
    // Said by the check.
  } else if (options->executable != NULL) {
    executable = realpath(options->executable, NULL);
    if (executable == NULL) status = pl_fail_errno(err, errno, "cannot find %s", options->executable);
  } else {
    status = pl_fs_executable(&executable, err);
  }
  if (status == PL_OK) {
    char command[] = "core", run[] = "--run", group[] = "--group", ready[] = "--ready=3", resume[] = "--resume",
         force[] = "--force";
    char **argv = pl_xcalloc(options->set_count + 9, sizeof *argv);
    memcpy(argv, (char *[]){executable, command, options->group ? group : run, path, ready}, 5 * sizeof *argv);
    size_t n = 5;
    if (options->resume) argv[n++] = resume;
    if (options->force) argv[n++] = force;
    size_t first_own = n;  // from here on the texts are ours
    if (options->on_end != NULL) argv[n++] = pl_xprintf("--on-end=%s", options->on_end);
    for (size_t i = 0; i < options->set_count; i++) argv[n++] = pl_xprintf("--set=%s", options->sets[i]);
    char *log = pl_path_join(path, "core.log");
    status = start(argv, "the core", log, options, err);
    free(log);
    for (size_t i = first_own; i < n; i++) free(argv[i]);
    free(argv);
  }
  free(executable);
  free(path);
  return status;
}
