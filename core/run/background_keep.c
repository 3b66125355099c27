#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/background_private.h"
#include "core/run/json.h"
#include "core/run/spawn.h"

enum { LOOK_MS = 200, PATIENCE_SECONDS = 30 };

static const char environment_name[] = "PLEURA_JOB";

void pl_background_host(char *out, size_t size) {
  if (gethostname(out, size) != 0) out[0] = '\0';
  out[size - 1] = '\0';
}

const char *pl_background_own(void) {
  const char *folder = getenv(environment_name);
  return folder != NULL && folder[0] == '/' ? folder : NULL;
}

void pl_background_report(const char *folder, double share, double left, const char *words) {
  pl_buf text;
  pl_buf_init(&text, 4096);
  (void)pl_buf_add_text(&text, "{\"format\":1");
  pl_json_add_number(&text, "share", share, 9);
  pl_json_add_number(&text, "left", left, 9);
  pl_json_add_text(&text, "words", words);
  (void)pl_buf_add_text(&text, "}\n");
  char *path = pl_path_join(folder, "progress.json");
  if (!text.failed) (void)pl_fs_replace(path, text.data, text.length, NULL);
  free(path);
  pl_buf_clear(&text);
}

static bool is_cancelled(const char *folder) {
  char *path = pl_path_join(folder, "cancel");
  const bool there = access(path, F_OK) == 0;
  free(path);
  return there;
}

static void write_end(const char *folder, int exit_code) {
  const pl_clock clock = pl_clock_system();
  pl_buf text;
  pl_buf_init(&text, 4096);
  (void)pl_buf_add_text(&text, "{\"format\":1");
  pl_json_add_int(&text, "exit_code", exit_code);
  pl_json_add_number(&text, "time", pl_clock_wall(&clock), 17);
  (void)pl_buf_add_text(&text, "}\n");
  char *path = pl_path_join(folder, "end.json");
  (void)pl_fs_replace(path, text.data, text.length, NULL);
  free(path);
  pl_buf_clear(&text);
}

// Becomes the command. When the keeper goes, so does the command: nobody could end it any more.
static _Noreturn void become_command(const char *folder, const json_t *made, char *executable, pid_t keeper) {
  const json_t *words = json_object_get(made, "argv");
  const size_t count = json_array_size(words);
  const char *where = json_string_value(json_object_get(made, "folder"));
  char **argv = pl_xcalloc(count + 2, sizeof *argv);
  argv[0] = executable;
  for (size_t i = 0; i < count; i++) argv[i + 1] = pl_xstrdup(json_string_value(json_array_get(words, i)));
  sigset_t none;
  (void)sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
  (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != keeper) _exit(128 + SIGTERM);
  if (where == NULL || chdir(where) != 0) {
    dprintf(STDERR_FILENO, "pleura job: cannot go to %s: %s\n", where != NULL ? where : "?", strerror(errno));
    _exit(2);
  }
  (void)setenv(environment_name, folder, 1);
  (void)execv(executable, argv);
  dprintf(STDERR_FILENO, "pleura job: cannot run %s: %s\n", executable, strerror(errno));
  _exit(127);
}

// Waits for the command; hands on signals and the wish to cancel, at first kindly.
static int wait_for(pid_t command, const char *folder, int signals) {
  const pl_clock clock = pl_clock_system();
  double asked = NAN;
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(command, &status, WNOHANG);
    if (ended == command) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (ended < 0 && errno != EINTR) return 1;
    struct signalfd_siginfo info;
    bool told = false;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) told = told || info.ssi_signo != SIGCHLD;
    const double now = pl_clock_monotonic(&clock);
    if (isnan(asked) && (told || is_cancelled(folder))) {
      (void)kill(command, SIGTERM);
      asked = now;
    } else if (!isnan(asked) && now - asked > PATIENCE_SECONDS) {
      (void)kill(command, SIGKILL);
    }
    (void)poll(&(struct pollfd){.fd = signals, .events = POLLIN}, 1, LOOK_MS);
  }
}

static int watch_signals(void) {
  sigset_t set;
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGTERM);
  (void)sigaddset(&set, SIGINT);
  (void)sigaddset(&set, SIGHUP);
  (void)sigaddset(&set, SIGCHLD);
  (void)sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// What the command line is made of must be texts.
static bool is_sound(const json_t *made) {
  const json_t *words = json_object_get(made, "argv");
  for (size_t i = 0; i < json_array_size(words); i++) {
    if (!json_is_string(json_array_get(words, i))) return false;
  }
  return json_array_size(words) > 0;
}

int pl_background_keep(const char *folder, int ready_fd, pl_error *err) {
  char *path = pl_path_join(folder, "lock"), *executable = NULL;
  int lock = -1, signals = watch_signals(), code = 1;
  json_t *made = pl_background_read(folder, "job.json");
  pl_status status = is_sound(made) ? PL_OK : pl_fail(err, PL_E_FORMAT, "%s/job.json is no job", folder);
  if (status == PL_OK) status = pl_lock_take(&lock, path, err);
  if (status == PL_OK) status = pl_fs_executable(&executable, err);
  const pid_t keeper = getpid(), command = status == PL_OK ? fork() : -1;
  if (command == 0) become_command(folder, made, executable, keeper);
  if (status == PL_OK && command < 0) status = pl_fail_errno(err, errno, "cannot start a process");
  pl_spawn_answer(ready_fd, status == PL_OK ? NULL : err);
  if (status == PL_OK) {
    code = wait_for(command, folder, signals);
    write_end(folder, code);
  } else {
    code = pl_status_exit_code(status);
  }
  if (lock >= 0) close(lock);
  if (signals >= 0) close(signals);
  json_decref(made);
  free(executable);
  free(path);
  return code;
}
