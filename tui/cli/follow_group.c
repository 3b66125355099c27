// Following a group: its runs one after the other.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/fs.h"
#include "core/run/group.h"
#include "core/run/watch.h"
#include "tui/cli/follow.h"

static const struct timespec LOOK = {.tv_nsec = 100 * 1000 * 1000};

void pl_cli_print_group(const char *folder) {
  pl_group_progress p;
  if (pl_group_look(&p, folder, NULL) != PL_OK) return;
  printf("group %s: %" PRId64 " of %" PRId64 " folds done", pl_path_base(folder), p.finished, p.folds);
  if (isfinite(p.mean)) printf(", best scores %.4f on average (%.4f to %.4f)", p.mean, p.least, p.most);
  if (p.current >= 0) printf("; fold %" PRId64 " %s", p.current, p.alive == PL_ALIVE_YES ? "is training" : "is next");
  printf("\n");
}

typedef enum turn {
  TURN_CAME,   // a core works on the run
  TURN_ENDED,  // and has ended already
  TURN_LOST,   // the group's core has ended without coming to it
} turn;

static bool is_finished(const char *run) {
  pl_run_state state;
  return pl_run_state_load(&state, run, NULL) == PL_OK && state.phase == PL_PHASE_FINISHED;
}

// Waits until the group's core has begun with a run.
static turn wait_for_turn(const char *group, const char *run) {
  for (;;) {
    const bool over = pl_run_alive(group, NULL, 0) == PL_ALIVE_NO;
    if (pl_fs_is_folder(run)) {
      if (is_finished(run)) return TURN_ENDED;
      if (pl_run_alive(run, NULL, 0) == PL_ALIVE_YES) return TURN_CAME;
    }
    if (over) return TURN_LOST;
    (void)nanosleep(&LOOK, NULL);
  }
}

// The last words of a core that did not come to a run.
static pl_status fail_lost(const char *group, pl_error *err) {
  char *path = pl_path_join(group, "core.log");
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  const char *line = "";
  if (pl_fs_read(&text, path, NULL) == PL_OK && text.length > 0) {
    if (text.data[text.length - 1] == '\n') text.data[text.length - 1] = '\0';
    const char *before = strrchr(text.data, '\n');
    line = before != NULL ? before + 1 : text.data;
  }
  pl_status status = line[0] != '\0' ? pl_fail(err, PL_E_IO, "%s", line)
                                     : pl_fail(err, PL_E_IO, "the core of group %s is gone", pl_path_base(group));
  pl_buf_clear(&text);
  free(path);
  return status;
}

static pl_status follow_fold(int *code, bool *finished, const char *group, int64_t fold, int64_t folds, pl_error *err) {
  char *run = pl_group_run_folder(group, fold);
  pl_status status = PL_OK;
  *finished = false;
  const turn how = wait_for_turn(group, run);
  if (how == TURN_LOST) {
    status = fail_lost(group, err);
  } else {
    printf("fold %" PRId64 " (%" PRId64 " of %" PRId64 ")%s\n", fold, fold + 1, folds,
           how == TURN_ENDED ? " is done" : "");
    fflush(stdout);
    if (how == TURN_CAME) status = pl_cli_follow(code, run, err);
    *finished = is_finished(run);
  }
  free(run);
  return status;
}

pl_status pl_cli_follow_group(int *code, const char *folder, pl_error *err) {
  pl_group_progress p;
  pl_status status = pl_group_look(&p, folder, err);
  bool finished = true;
  for (int64_t fold = 0; fold < p.folds && status == PL_OK && finished; fold++) {
    status = follow_fold(code, &finished, folder, fold, p.folds, err);
  }
  if (status != PL_OK) return status;
  // The group's core ends a moment after its last run.
  while (finished && pl_run_alive(folder, NULL, 0) == PL_ALIVE_YES) (void)nanosleep(&LOOK, NULL);
  pl_cli_print_group(folder);
  if (!finished) printf("'pleura train --resume %s' goes on\n", pl_path_base(folder));
  return PL_OK;
}
