// A training that was started in the workbench goes on after the workbench was killed, and a new one shows it.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/inbox.h"
#include "core/run/rundir.h"
#include "tests/screens/fixture.h"
#include "tests/screens/pty.h"
#include "tests/tools/testing.h"

enum { CASES = 14, PATIENCE = 120 };

static void write_script(const char *path, const char *text) {
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
}

static void wait_for_end(const char *folder) {
  for (int i = 0; i < PATIENCE * 20 && pl_run_alive(folder, NULL, 0) == PL_ALIVE_YES; i++) usleep(50000);
  assert_int_equal(pl_run_alive(folder, NULL, 0), PL_ALIVE_NO);
}

static void stop_and_wait(const char *run) {
  pl_command stop = {.kind = PL_COMMAND_STOP};
  assert_int_equal(pl_inbox_send(&stop, run, NULL), PL_OK);
  wait_for_end(run);
}

// Runs `pleura WORDS...` in the workspace; true when a text is in what it says, which stays in `p` to be closed.
static bool says(pty *p, const char *program, const char *workspace, const char *const *words, const char *text) {
  const char *argv[12] = {program};
  size_t count = 1;
  for (; words[count - 1] != NULL; count++) argv[count] = words[count - 1];
  argv[count++] = "-C";
  argv[count++] = workspace;
  argv[count] = NULL;
  pty_start(p, PTY_SILENT, 200, 30, "xterm-256color", argv);
  assert_true(pty_run(p, NULL, PATIENCE));
  return memmem(p->output.data, p->output.length, text, strlen(text)) != NULL;
}

static void expect(const char *program, const char *workspace, const char *const *words, const char *text) {
  pty p;
  if (!says(&p, program, workspace, words, text)) {
    fail_msg("pleura %s says '%.*s', not '%s'", words[0], (int)p.output.length, p.output.data, text);
  }
  pty_close(&p);
}

// The same sooner or later: a core that writes a checkpoint does so first.
static void expect_soon(const char *program, const char *workspace, const char *const *words, const char *text) {
  for (int i = 0; i < PATIENCE * 4; i++) {
    pty p;
    const bool found = says(&p, program, workspace, words, text);
    pty_close(&p);
    if (found) return;
    usleep(250000);
  }
  expect(program, workspace, words, text);
}

static void test_outlives(void **state) {
  (void)state;
  char root[] = "/tmp/pleura-outlives-XXXXXX";
  assert_non_null(mkdtemp(root));
  char *workspace = pl_path_join(root, "w"), *script = pl_path_join(root, "script"), *dump = pl_path_join(root, "dump");
  char *program = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  char *run = pl_xprintf("%s/runs/outlive", workspace);
  pl_error err = {0};
  if (fixture_workspace(workspace, CASES, &err) != PL_OK) fail_msg("%s", err.message);

  write_script(script,
               "key 4\ncmd set name outlive\ncmd set encoder resnet18\ncmd set size 64\ncmd set batch 2\n"
               "cmd set epochs 1000\ncmd set checkpoint-every 1000\nkey S\nwait-ms 600000\n");
  const char *const argv[] = {program, "-C", workspace, "--script", script, NULL};
  pty first;
  pty_start(&first, PTY_SILENT, 100, 30, "xterm-256color", argv);
  if (!pty_run(&first, "outlive started", PATIENCE) || first.ended) {
    fail_msg("the training did not start: %s", first.output.data);
  }
  assert_int_equal(kill(first.child, SIGKILL), 0);
  assert_int_equal(waitpid(first.child, &first.status, 0), first.child);
  first.ended = true;
  pty_close(&first);  // and its terminal is gone too
  sleep(1);
  assert_int_equal(pl_run_alive(run, NULL, 0), PL_ALIVE_YES);

  char *text = pl_xprintf("key 4\nwait-run epoch 1\nwait-job\ndump %s\n", dump);
  write_script(script, text);
  free(text);
  pty second;
  pty_start(&second, PTY_VT340, 100, 30, "xterm-256color", argv);
  assert_true(pty_run(&second, NULL, PATIENCE));
  assert_true(WIFEXITED(second.status) && WEXITSTATUS(second.status) == 0);
  assert_non_null(memmem(second.output.data, second.output.length, "outlive trains on, epoch ", 25));
  assert_non_null(memmem(second.output.data, second.output.length, "Stop: pleura stop outlive", 25));
  pty_close(&second);
  pl_buf shown;
  pl_buf_init(&shown, 1 << 20);
  assert_int_equal(pl_fs_read(&shown, dump, NULL), PL_OK);
  assert_non_null(strstr(shown.data, "run 1 of 1"));
  assert_null(strstr(shown.data, "failed"));
  assert_non_null(strstr(shown.data, "[picture sixel"));
  pl_buf_clear(&shown);

  // The same from the command line, of the run made last.
  expect(program, workspace, (const char *[]){"status", "--json", NULL}, "\"alive\": true");
  expect(program, workspace, (const char *[]){"pause", NULL}, "pause (");
  expect_soon(program, workspace, (const char *[]){"status", "outl", NULL}, "outlive paused");
  expect(program, workspace, (const char *[]){"resume", "latest", NULL}, "resume (");
  expect(program, workspace, (const char *[]){"set", "learning-rate", "2e-4", NULL}, "learning-rate");
  expect(program, workspace, (const char *[]){"checkpoint", "--json", NULL}, "\"answered\": true");
  expect(program, workspace, (const char *[]){"runs", "--json", NULL}, "\"run\": \"outlive\"");

  stop_and_wait(run);
  expect(program, workspace, (const char *[]){"pause", NULL}, "no core is working on outlive");
  pl_fs_remove_tree(root, NULL);
  free(workspace);
  free(script);
  free(dump);
  free(program);
  free(run);
}

// Where a logout would end the training (a fake of logind's busctl says so) the form asks before it starts one.
static void test_asks_about_logout(void **state) {
  (void)state;
  char root[] = "/tmp/pleura-logout-XXXXXX";
  assert_non_null(mkdtemp(root));
  char *workspace = pl_path_join(root, "w"), *script = pl_path_join(root, "script"),
       *runs = pl_path_join(root, "w/runs");
  char *program = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  char *fake = pl_path_join(root, "busctl"), *path = pl_xstrdup(getenv("PATH"));
  static const char busctl[] = "#!/bin/sh\necho 'b true'\n";
  pl_error err = {0};
  if (fixture_workspace(workspace, CASES, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(pl_fs_replace(fake, busctl, sizeof busctl - 1, NULL), PL_OK);
  assert_int_equal(chmod(fake, 0700), 0);
  char *sh = pl_path_join(root, "sh");
  assert_int_equal(symlink("/bin/sh", sh), 0);
  write_script(script, "key 4\ncmd set encoder resnet18\ncmd set size 64\ncmd set batch 2\nkey S\nwait-ms 600000\n");
  const char *const argv[] = {program, "-C", workspace, "--script", script, NULL};
  // A PATH without systemd-run.
  assert_int_equal(setenv("PATH", root, 1), 0);
  assert_int_equal(setenv("XDG_SESSION_ID", "7", 1), 0);
  assert_int_equal(setenv("PLEURA_LOGOUT_ROOT", "1", 1), 0);
  pty p;
  pty_start(&p, PTY_SILENT, 100, 30, "xterm-256color", argv);
  assert_int_equal(setenv("PATH", path, 1), 0);
  assert_int_equal(unsetenv("XDG_SESSION_ID"), 0);
  assert_int_equal(unsetenv("PLEURA_LOGOUT_ROOT"), 0);
  if (!pty_run(&p, "KillUserProcesses", 20) || p.ended) fail_msg("it does not ask: %s", p.output.data);
  pty_type(&p, "n");
  pty_type(&p, "Q");
  assert_true(pty_run(&p, NULL, PATIENCE));
  pty_close(&p);
  char **names = NULL;
  size_t count = 0;
  if (pl_fs_list(&names, &count, runs, NULL) == PL_OK) pl_fs_free_names(names, count);
  assert_int_equal(count, 0);
  pl_fs_remove_tree(root, NULL);
  free(workspace);
  free(script);
  free(runs);
  free(program);
  free(fake);
  free(path);
  free(sh);
}

// All folds from the form, stopped as one, and gone on with as one.
static void test_all_folds(void **state) {
  (void)state;
  char root[] = "/tmp/pleura-folds-XXXXXX";
  assert_non_null(mkdtemp(root));
  char *workspace = pl_path_join(root, "w"), *script = pl_path_join(root, "script");
  char *program = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  char *group = pl_xprintf("%s/runs/all", workspace), *next = pl_xprintf("%s/runs/all-fold1", workspace);
  pl_error err = {0};
  if (fixture_workspace(workspace, CASES, &err) != PL_OK) fail_msg("%s", err.message);
  write_script(script,
               "key 4\ncmd set name all\ncmd set all-folds on\ncmd set encoder resnet18\ncmd set size 64\n"
               "cmd set batch 2\ncmd set epochs 1000\ncmd set checkpoint-every 1000\nkey S\nwait-ms 600000\n");
  const char *const argv[] = {program, "-C", workspace, "--script", script, NULL};
  pty p;
  pty_start(&p, PTY_SILENT, 100, 30, "xterm-256color", argv);
  if (!pty_run(&p, "all-fold0 started", PATIENCE) || p.ended) fail_msg("it did not start: %s", p.output.data);
  pty_close(&p);
  assert_int_equal(pl_run_alive(group, NULL, 0), PL_ALIVE_YES);
  expect(program, workspace, (const char *[]){"stop", "all", NULL}, "stop (");
  wait_for_end(group);
  assert_false(pl_fs_is_folder(next));
  write_script(script, "key 4\nkey R\nwait-ms 600000\n");
  pty_start(&p, PTY_SILENT, 100, 30, "xterm-256color", argv);
  if (!pty_run(&p, "all-fold0 resumed", PATIENCE) || p.ended) fail_msg("it does not go on: %s", p.output.data);
  pty_close(&p);
  assert_int_equal(pl_run_alive(group, NULL, 0), PL_ALIVE_YES);
  expect(program, workspace, (const char *[]){"stop", "all", NULL}, "stop (");
  wait_for_end(group);
  pl_fs_remove_tree(root, NULL);
  free(workspace);
  free(script);
  free(program);
  free(group);
  free(next);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_outlives), cmocka_unit_test(test_asks_about_logout),
                                     cmocka_unit_test(test_all_folds)};
  if (argc > 1) cmocka_set_test_filter(argv[1]);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
