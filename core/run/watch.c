#include "core/run/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum { LOG_TAIL_BYTES = 32768, LOG_LINE_MAX = 512 };

struct pl_run_watch {
  char *folder;
  pl_run_info info;
  bool info_known;
  char problem[PL_ERROR_MESSAGE_MAX];
  pl_journal_reader *journal;
  struct timespec log_time, state_time;
  off_t log_size;
  char *log[PL_WATCH_LOG_LINES];
  size_t log_count;
  uint64_t heartbeat, previous_heartbeat;
  pl_run_state state;  // as in the file
  pl_run_view view;
};

pl_status pl_run_watch_create(pl_run_watch **out, const char *folder, pl_error *err) {
  char *path = realpath(folder, NULL);
  if (path == NULL) return pl_fail_errno(err, errno, "cannot open run %s", folder);
  if (!pl_fs_is_folder(path)) {
    free(path);
    return pl_fail(err, PL_E_NOTFOUND, "%s is not a folder", folder);
  }
  pl_run_watch *watch = pl_xcalloc(1, sizeof *watch);
  watch->folder = path;
  watch->journal = pl_journal_reader_create(path);
  watch->log_size = -1;
  pl_run_state_init(&watch->state);
  watch->view = (pl_run_view){.folder = path,
                              .name = pl_path_base(path),
                              .problem = watch->problem,
                              .state = watch->state,
                              .alive = PL_ALIVE_UNKNOWN,
                              .seen = (double)NAN,
                              .journal = pl_journal_reader_view(watch->journal),
                              .log = (const char *const *)watch->log};
  *out = watch;
  return PL_OK;
}

static void clear_log(pl_run_watch *watch) {
  for (size_t i = 0; i < watch->log_count; i++) free(watch->log[i]);
  watch->log_count = 0;
}

void pl_run_watch_destroy(pl_run_watch *watch) {
  if (watch == NULL) return;
  clear_log(watch);
  pl_journal_reader_destroy(watch->journal);
  free(watch->folder);
  free(watch);
}

static void add_log_line(pl_run_watch *watch, const char *line, size_t length) {
  if (watch->log_count == PL_WATCH_LOG_LINES) {
    free(watch->log[0]);
    memmove(&watch->log[0], &watch->log[1], (PL_WATCH_LOG_LINES - 1) * sizeof watch->log[0]);
    watch->log_count--;
  }
  char safe[LOG_LINE_MAX];
  (void)pl_safe_text(safe, sizeof safe, line, length);
  watch->log[watch->log_count++] = pl_xstrdup(safe);
}

static bool update_log(pl_run_watch *watch) {
  char *path = pl_path_join(watch->folder, "core.log");
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  free(path);
  struct stat st;
  if (fd < 0) return false;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == watch->log_size) {
    close(fd);
    return false;
  }
  watch->log_size = st.st_size;
  char *bytes = pl_xmalloc(LOG_TAIL_BYTES);
  off_t from = st.st_size > LOG_TAIL_BYTES ? st.st_size - LOG_TAIL_BYTES : 0;
  ssize_t n = pread(fd, bytes, LOG_TAIL_BYTES, from);
  close(fd);
  clear_log(watch);
  const char *p = bytes, *end = bytes + (n > 0 ? n : 0);
  if (from > 0) {
    // The first line is cut: it is left out.
    const char *line_end = memchr(p, '\n', (size_t)(end - p));
    p = line_end != NULL ? line_end + 1 : end;
  }
  while (p < end) {
    const char *line_end = memchr(p, '\n', (size_t)(end - p));
    if (line_end == NULL) line_end = end;
    add_log_line(watch, p, (size_t)(line_end - p));
    p = line_end + 1;
  }
  free(bytes);
  watch->view.log_count = watch->log_count;
  return true;
}

static bool update_state(pl_run_watch *watch) {
  char *path = pl_path_join(watch->folder, "state.json");
  struct stat st;
  bool fresh = stat(path, &st) == 0 &&
               (st.st_mtim.tv_sec != watch->state_time.tv_sec || st.st_mtim.tv_nsec != watch->state_time.tv_nsec);
  free(path);
  if (!fresh || pl_run_state_load(&watch->state, watch->folder, NULL) != PL_OK) return false;
  watch->state_time = st.st_mtim;
  if (watch->state.heartbeat != watch->heartbeat) {
    pl_clock clock = pl_clock_system();
    // What was written before we looked says only when it was written.
    watch->view.seen = watch->heartbeat == 0 ? watch->state.time : pl_clock_wall(&clock);
    watch->previous_heartbeat = watch->heartbeat;
    watch->heartbeat = watch->state.heartbeat;
  }
  return true;
}

// What the file says, except that a dead core cannot have said that it died.
static bool judge(pl_run_watch *watch) {
  pl_run_view *view = &watch->view;
  pl_phase phase = view->state.phase;
  pl_alive alive = view->alive;
  view->alive = pl_run_alive(watch->folder, &watch->state, watch->previous_heartbeat);
  // It may have ended between our two looks, with its last words in the state.
  if (view->alive == PL_ALIVE_NO) (void)update_state(watch);
  view->state = watch->state;
  if (view->alive == PL_ALIVE_NO && view->state.phase != PL_PHASE_UNKNOWN && !pl_phase_is_over(view->state.phase)) {
    view->state.phase = PL_PHASE_FAILED;
    (void)snprintf(view->state.last_error, sizeof view->state.last_error,
                   "the core ended without a word; 'pleura train --resume %s' goes on", view->name);
  }
  return phase != view->state.phase || alive != view->alive;
}

pl_status pl_run_watch_update(pl_run_watch *watch, bool *changed, pl_error *err) {
  bool any = false;
  if (!watch->info_known) {
    pl_error problem = {0};
    watch->info_known = pl_run_load(&watch->info, watch->folder, &problem) == PL_OK;
    (void)pl_copy_text(watch->problem, sizeof watch->problem, watch->info_known ? "" : problem.message);
    watch->view.info = watch->info_known ? &watch->info : NULL;
    any = watch->info_known;
  }
  any |= update_state(watch);
  any |= judge(watch);
  any |= update_log(watch);
  bool grown = false;
  pl_status status = PL_OK;
  if (watch->journal != NULL) {
    status = pl_journal_reader_update(watch->journal, &grown, err);
    watch->view.journal = pl_journal_reader_view(watch->journal);
  }
  watch->view.read_only = pl_run_is_read_only(watch->folder);
  if (changed != NULL) *changed = any || grown;
  return status;
}

pl_journal_reader *pl_run_watch_take_journal(pl_run_watch *watch) {
  pl_journal_reader *reader = watch->journal;
  watch->journal = NULL;
  watch->view.journal = (pl_journal_view){0};
  return reader;
}

void pl_run_watch_give_journal(pl_run_watch *watch, pl_journal_reader *reader) {
  watch->journal = reader;
  watch->view.journal = pl_journal_reader_view(reader);
}

size_t pl_run_watch_unread(const pl_run_watch *watch) {
  return watch->journal != NULL ? pl_journal_reader_unread(watch->journal) : 0;
}

const pl_run_view *pl_run_watch_view(const pl_run_watch *watch) { return &watch->view; }
