#include "core/run/on_end.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"

enum { VARIABLES = 7 };

// The caller's environment with ours in front; the texts of `own` are the caller's to free.
static char **make_environment(char *own[VARIABLES], const char *folder, const pl_run_state *s) {
  char best[32] = "", epoch[32] = "";
  if (isfinite(s->best)) snprintf(best, sizeof best, "%.6f", s->best);
  if (s->best_epoch >= 0) snprintf(epoch, sizeof epoch, "%" PRId64, s->best_epoch);
  own[0] = pl_xprintf("PLEURA_RUN=%s", folder);
  own[1] = pl_xprintf("PLEURA_NAME=%s", pl_path_base(folder));
  own[2] = pl_xprintf("PLEURA_STATE=%s", pl_phase_name(s->phase));
  own[3] = pl_xprintf("PLEURA_EXIT_CODE=%" PRId64, s->exit_code);
  own[4] = pl_xprintf("PLEURA_BEST=%s", best);
  own[5] = pl_xprintf("PLEURA_BEST_EPOCH=%s", epoch);
  own[6] = pl_xprintf("PLEURA_ERROR=%s", s->last_error);
  size_t count = 0;
  while (environ[count] != NULL) count++;
  char **environment = pl_xcalloc(count + VARIABLES + 1, sizeof *environment);
  memcpy(environment, own, VARIABLES * sizeof *own);
  memcpy(environment + VARIABLES, environ, count * sizeof *environ);
  return environment;
}

pl_status pl_on_end_start(const char *command, const char *folder, const pl_run_state *state, pl_error *err) {
  char *own[VARIABLES], **environment = make_environment(own, folder, state);
  char shell[] = "/bin/sh", flag[] = "-c", *text = pl_xstrdup(command);
  char *const argv[] = {shell, flag, text, NULL};
  pl_status status = PL_OK;
  const pid_t child = fork();
  if (child == 0) {
    // Twice, so that nobody has to wait for it.
    const pid_t second = fork();
    if (second != 0) _exit(second < 0 ? 127 : 0);
    // A core keeps signals for itself.
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (chdir(folder) == 0) (void)execve(shell, argv, environment);
    _exit(127);
  }
  int how = 0;
  if (child < 0) {
    status = pl_fail_errno(err, errno, "cannot start the on-end command");
  } else {
    while (waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) status = pl_fail(err, PL_E_IO, "cannot start the on-end command");
  }
  free(text);
  for (int i = 0; i < VARIABLES; i++) free(own[i]);
  free(environment);
  return status;
}
