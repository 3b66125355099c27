#include "tests/screens/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/rundir.h"
#include "tests/screens/fixture.h"
#include "tests/tools/testing.h"

static const char folder_pattern[] = "/tmp/pleura-screens-XXXXXX";

int world_set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  snprintf(w->root, sizeof w->root, "%s", folder_pattern);
  pl_error err = {0};
  assert_non_null(mkdtemp(w->root));
  w->workspace = pl_path_join(w->root, "w");
  w->empty = pl_path_join(w->root, "e");
  w->dump = pl_path_join(w->root, "dump");
  w->program = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  char *folder = NULL;
  if (fixture_workspace(w->workspace, CASES, &err) != PL_OK || pl_fs_make_folders(w->empty, &err) != PL_OK ||
      fixture_run(&folder, w->workspace, "2026-11-22-a", 3, PL_PHASE_FAILED, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  free(folder);
  folder = NULL;
  // The second run counts as alive as long as this test holds its lock.
  if (fixture_run(&folder, w->workspace, "2026-11-23-a", 12, PL_PHASE_TRAINING, &err) != PL_OK ||
      fixture_previews(folder, w->workspace, 12, 0, &err) != PL_OK || pl_run_lock(&w->lock, folder, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  free(folder);
  *state = w;
  return 0;
}

int world_tear_down(void **state) {
  world *w = *state;
  close(w->lock);
  pl_fs_remove_tree(w->root, NULL);
  free(w->workspace);
  free(w->empty);
  free(w->program);
  free(w->dump);
  free(w);
  return 0;
}

static char *script_file(const world *w, const char *text) {
  char *path = pl_path_join(w->root, "script"), *all = pl_xprintf("clock 1795435300\n%s\ndump %s\n", text, w->dump);
  assert_int_equal(pl_fs_replace(path, all, strlen(all), NULL), PL_OK);
  free(all);
  return path;
}

void start_script(pty *p, const world *w, const char *workspace, pty_kind kind, const char *term, int cols, int rows,
                  const char *text) {
  char *script = script_file(w, text);
  const char *const argv[] = {w->program, "-C", workspace, "--script", script, NULL};
  pty_start(p, kind, cols, rows, term, argv);
  free(script);
}

char *read_dump(const world *w) {
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  assert_int_equal(pl_fs_read(&text, w->dump, NULL), PL_OK);
  for (char *at = text.data; (at = strstr(at, w->root)) != NULL;) memcpy(at, folder_pattern, strlen(folder_pattern));
  return text.data;  // the caller frees
}

void compare(const char *dump, const char *name) {
  const char *source = getenv("PLEURA_SOURCE");
  char *path = pl_xprintf("%s/tests/screens/golden/%s.screen", source != NULL ? source : ".", name);
  if (getenv("PLEURA_UPDATE_GOLDEN") != NULL) assert_int_equal(pl_fs_replace(path, dump, strlen(dump), NULL), PL_OK);
  pl_buf golden;
  pl_buf_init(&golden, TEXT_MAX);
  pl_error err = {0};
  if (pl_fs_read(&golden, path, &err) != PL_OK) fail_msg("%s", err.message);
  if (strcmp(golden.data, dump) != 0) {
    char *now = pl_xprintf("%s/%s.screen", getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : "/tmp", name);
    pl_fs_replace(now, dump, strlen(dump), NULL);
    fail_msg("the screen is no longer as in %s; it is now as in %s", path, now);
  }
  pl_buf_clear(&golden);
  free(path);
}

char *dump_of(const world *w, const char *workspace, pty_kind kind, const char *term, int cols, int rows,
              const char *text) {
  pty p;
  start_script(&p, w, workspace, kind, term, cols, rows, text);
  if (!pty_run(&p, NULL, 120.0) || !WIFEXITED(p.status) || WEXITSTATUS(p.status) != 0) {
    fail_msg("status %d after\n%s\n%s", p.status, text, p.output.data != NULL ? p.output.data : "");
  }
  assert_true(pty_same_mode(&p));
  pty_close(&p);
  return read_dump(w);
}

void check(const world *w, const char *workspace, pty_kind kind, const char *term, int cols, int rows, const char *text,
           const char *golden) {
  char *dump = dump_of(w, workspace, kind, term, cols, rows, text);
  compare(dump, golden);
  free(dump);
}

char *text_of(const char *workspace, const char *name) {
  char *path = pl_path_join(workspace, name);
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  pl_error err = {0};
  if (pl_fs_read(&text, path, &err) != PL_OK) fail_msg("%s", err.message);
  free(path);
  return text.data;
}
