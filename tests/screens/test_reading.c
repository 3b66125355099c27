// The workbench answers while it reads a journal of 256 GB, and leaves at once.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "tests/screens/pty.h"
#include "tests/tools/testing.h"

enum { PATIENCE = 60 };

static const off_t endless = (off_t)1 << 38;

static void expect(pty *p, const char *text) {
  if (!pty_run(p, text, PATIENCE) || p->ended) {
    fail_msg("no '%s' in '%.*s'", text, (int)p->output.length, p->output.data);
  }
  pl_buf_reset(&p->output);
  p->answered = 0;
}

static bool make_workspace(const char *root) {
  char *runs = pl_path_join(root, "runs"), *run = pl_path_join(runs, "a"), *yaml = pl_path_join(root, "pleura.yaml"),
       *info = pl_path_join(run, "run.json"), *journal = pl_path_join(run, "metrics.jsonl");
  assert_int_equal(mkdir(runs, 0777), 0);
  assert_int_equal(mkdir(run, 0777), 0);
  assert_int_equal(pl_fs_replace(yaml, "", 0, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(info, "{}", 2, NULL), PL_OK);
  assert_int_equal(pl_fs_replace(journal, "", 0, NULL), PL_OK);
  const bool made = truncate(journal, endless) == 0;
  free(runs);
  free(run);
  free(yaml);
  free(info);
  free(journal);
  return made;
}

static void test_long_journal(void **state) {
  (void)state;
  char root[] = "/tmp/pleura-long-XXXXXX";
  assert_non_null(mkdtemp(root));
  char *built = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  char *program = realpath(built, NULL);
  free(built);
  assert_non_null(program);
  if (!make_workspace(root)) {
    assert_int_equal(pl_fs_remove_tree(root, NULL), PL_OK);
    free(program);
    printf("skipped: no sparse file of 256 GB in /tmp\n");
    skip();
  }
  const char *const argv[] = {program, "-C", root, NULL};
  pty p;
  pty_start(&p, PTY_SILENT, 160, 40, "xterm-256color", argv);
  expect(&p, "Data");
  pty_type(&p, "4");
  expect(&p, "reading the journal ... ");
  pty_type(&p, "6");
  expect(&p, "has written no log yet");
  pty_type(&p, "4");
  expect(&p, "reading the journal ... ");
  pty_type(&p, "Q");
  assert_true(pty_run(&p, NULL, PATIENCE));
  assert_true(p.ended && p.status == 0);
  pty_close(&p);
  assert_int_equal(pl_fs_remove_tree(root, NULL), PL_OK);
  free(program);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_long_journal)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
