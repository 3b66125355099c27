// Somebody else, who may read a workspace and write nothing, watches its run live: from its files alone, and nothing in
// the workspace changes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/inbox.h"
#include "core/run/journal.h"
#include "core/run/rundir.h"
#include "tests/screens/fixture.h"
#include "tests/screens/pty.h"
#include "tests/tools/testing.h"

enum { CASES = 14, PATIENCE = 120, NUMBER = 65534 };

#define NOBODY "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"

// Whether there is such a user who may execute a file.
static bool has_nobody(const char *file) {
  if (geteuid() != 0 || access("/usr/bin/setpriv", X_OK) != 0) return false;
  const pid_t child = fork();
  if (child == 0) _exit(setgid(NUMBER) != 0 || setuid(NUMBER) != 0 || access(file, X_OK) != 0);
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Names, sizes, times and owners below a folder, but for what the core itself writes.
static pl_status add_file(void *context, const char *path, uint64_t size, pl_error *err) {
  struct stat st;
  (void)err;
  if (strstr(path, "/runs/shared/") != NULL && strstr(path, "/inbox/") == NULL) return PL_OK;
  if (stat(path, &st) != 0) return PL_E_IO;
  (void)pl_buf_printf(context, "%s %llu %lld.%09ld %u\n", path, (unsigned long long)size, (long long)st.st_mtim.tv_sec,
                      st.st_mtim.tv_nsec, (unsigned)st.st_uid);
  return PL_OK;
}

static char *list_files(const char *folder) {
  pl_buf text;
  pl_buf_init(&text, 1 << 20);
  assert_int_equal(pl_fs_walk(folder, add_file, &text, NULL), PL_OK);
  return text.data;
}

static void expect(const char *const *argv, const char *text) {
  pty p;
  pty_start(&p, PTY_SILENT, 200, 30, "xterm-256color", argv);
  assert_true(pty_run(&p, NULL, PATIENCE));
  if (memmem(p.output.data, p.output.length, text, strlen(text)) == NULL) {
    fail_msg("it says '%.*s', not '%s'", (int)p.output.length, p.output.data, text);
  }
  pty_close(&p);
}

static void stop_and_wait(const char *run) {
  pl_command stop = {.kind = PL_COMMAND_STOP};
  assert_int_equal(pl_inbox_send(&stop, run, NULL), PL_OK);
  for (int i = 0; i < PATIENCE * 20 && pl_run_alive(run, NULL, 0) == PL_ALIVE_YES; i++) usleep(50000);
  assert_int_equal(pl_run_alive(run, NULL, 0), PL_ALIVE_NO);
}

static void look_on_a_pty(const char *program, const char *workspace, const char *root) {
  char *own = pl_path_join(root, "own"), *dump = pl_path_join(own, "dump"), *script = pl_path_join(root, "script");
  assert_int_equal(mkdir(own, 0777), 0);
  assert_int_equal(chmod(own, 0777), 0);
  char *text =
      pl_xprintf("wait-run epoch 1\nkey 1\ncmd flag check\nkey 4\ncmd stop\nkey y\nwait-ms 500\ndump %s\n", dump);
  assert_int_equal(pl_fs_replace(script, text, strlen(text), NULL), PL_OK);
  free(text);
  const char *const argv[] = {NOBODY, program, "-C", workspace, "--script", script, NULL};
  pty p;
  pty_start(&p, PTY_SILENT, 160, 40, "xterm-256color", argv);
  assert_true(pty_run(&p, NULL, PATIENCE));
  pl_buf shown;
  pl_error err = {0};
  pl_buf_init(&shown, 1 << 20);
  if (pl_fs_read(&shown, dump, &err) != PL_OK) {
    fail_msg("%s: %.*s", err.message, (int)p.output.length, p.output.data);
  }
  if (strstr(shown.data, "WATCHING root@") == NULL) fail_msg("no badge:\n%s", shown.data);
  assert_non_null(strstr(shown.data, "shared"));
  pl_buf_clear(&shown);
  pty_close(&p);
  free(own);
  free(dump);
  free(script);
}

// Waits until so many epochs more have been evaluated.
static void wait_for_epochs(const char *workspace, size_t more) {
  char *run = pl_path_join(workspace, "runs/shared");
  pl_journal_reader *r = pl_journal_reader_create(run);
  size_t first = 0;
  for (int i = 0; i < PATIENCE * 20; i++) {
    assert_int_equal(pl_journal_reader_update(r, NULL, NULL), PL_OK);
    const size_t count = pl_journal_reader_view(r).epoch_count;
    if (i == 0) first = count;
    if (count >= first + more) break;
    usleep(50000);
  }
  pl_journal_reader_destroy(r);
  free(run);
}

// Comes back to a run that is going: the workbench opens on it, and the second time it tells what happened meanwhile.
static void come_back(const char *program, const char *workspace, const char *root) {
  char *visits = pl_path_join(root, "visits");
  assert_int_equal(setenv("XDG_STATE_HOME", visits, 1), 0);
  const char *const argv[] = {program, "-C", workspace, NULL};
  for (int visit = 1; visit <= 2; visit++) {
    pty p;
    pty_start(&p, PTY_SILENT, 160, 40, "xterm-256color", argv);
    if (!pty_run(&p, visit == 1 ? "run 1 of 1" : "shared since ", PATIENCE) || p.ended) {
      fail_msg("visit %d shows '%.*s'", visit, (int)p.output.length, p.output.data);
    }
    pty_type(&p, "Q");
    assert_true(pty_run(&p, NULL, PATIENCE));
    assert_non_null(memmem(p.output.data, p.output.length, "shared trains on", 16));
    pty_close(&p);
    wait_for_epochs(workspace, 2);
  }
  assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
  free(visits);
}

static void test_watcher(void **state) {
  (void)state;
  char root[] = "/tmp/pleura-watch-XXXXXX";
  char *built = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  char *program = realpath(built, NULL);
  free(built);
  if (program == NULL || !has_nobody(program)) {
    printf("skipped: it takes root, setpriv, and a build that other users may execute\n");
    free(program);
    skip();
  }
  assert_non_null(mkdtemp(root));
  assert_int_equal(chmod(root, 0755), 0);
  char *workspace = pl_path_join(root, "w"), *run = pl_xprintf("%s/runs/shared", workspace);
  pl_error err = {0};
  if (fixture_workspace(workspace, CASES, &err) != PL_OK) fail_msg("%s", err.message);
  expect((const char *[]){program, "train", "--detach", "--name=shared", "--encoder=resnet18", "--size=64", "--batch=2",
                          "--epochs=1000", "-C", workspace, NULL},
         "runs/shared");
  char *before = list_files(workspace);
  expect((const char *[]){NOBODY, program, "status", "--json", "-C", workspace, NULL}, "\"alive\": true");
  expect((const char *[]){NOBODY, program, "runs", "--json", "-C", workspace, NULL}, "\"run\": \"shared\"");
  expect((const char *[]){NOBODY, program, "stop", "-C", workspace, NULL},
         "you may watch it, and only they may stop it");
  look_on_a_pty(program, workspace, root);
  assert_int_equal(pl_run_alive(run, NULL, 0), PL_ALIVE_YES);
  char *after = list_files(workspace);
  assert_string_equal(after, before);
  come_back(program, workspace, root);
  stop_and_wait(run);
  assert_int_equal(pl_fs_remove_tree(root, NULL), PL_OK);
  free(before);
  free(after);
  free(workspace);
  free(run);
  free(program);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_watcher)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
