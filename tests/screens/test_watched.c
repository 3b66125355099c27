// Every command of the workbench, in a workspace and with a run that one may read but not write: those that would write
// refuse before they begin and say whose it is, and nothing there changes.
//
// Only the workspace's own folder and the run's inbox are closed: whatever lies below them the reader could write, so
// that a command which forgets to ask does change something.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/run/rundir.h"
#include "tests/screens/fixture.h"
#include "tests/screens/pty.h"
#include "tests/tools/testing.h"
#include "tui/cmd.h"

enum { CASES = 14, PATIENCE = 120, TEXT_MAX = 8 << 20, PROGRAM_MAX = 512 << 20 };

static const char setpriv[] = "/usr/bin/setpriv";

// What is typed behind a command; most take nothing, and "1" is good for the rest.
static const struct {
  const char *name, *args;
} arguments[] = {
    {"flag", "check"},
    {"note", "seen"},
    {"filter", "fold=0"},
    {"sort", "number"},
    {"search", "1"},
    {"import", "SET"},
    {"fetch", "a/b"},
    {"weights", "resnet18"},
    {"set", "learning-rate 1"},
    {"rate", "1e-3"},
    {"preset", "quick"},
    {"run", "latest"},
    {"triplet", "winner"},
    {"against", "latest"},
    {"theme", "dark"},
    {"mouse", "on"},
    {"export", "BELOW.png"},
    {"patients", "BELOW.csv"},
    {"leaks", ""},
    {"pack", ""},
    {"report", ""},
    {"eval", ""},
    {"predict", ""},
    {"chart", "loss"},
    {"curve", "dice"},
    {"show", "difference"},
    {"window", "100,50"},
    {"ruler", "file"},
    {"charts", "dice"},
    {"x-axis", "time"},
    {"prediction", "latest"},
    {"pause", ""},
    {"checkpoint", ""},
    {"stop", ""},
    {"resume", ""},
    {"cancel", "report-1"},
    {"replay", "latest"},
};

static const char *digit_of(const char *screen) {
  static const char *const digits[][2] = {{"data", "1"},  {"case", "2"}, {"folds", "3"}, {"train", "4"},
                                          {"runs", "5"},  {"log", "6"},  {"batch", "7"}, {"review", "8"},
                                          {"label", "2"}, {"jobs", "J"}};
  for (size_t i = 0; i < sizeof digits / sizeof digits[0]; i++) {
    if (strncmp(screen, digits[i][0], strlen(digits[i][0])) == 0) return digits[i][1];
  }
  fail_msg("no way to screen %s", screen);
  return "1";
}

// Those that would end the script.
static bool is_left_out(const pl_cmd *cmd) {
  return strcmp(cmd->name, "quit") == 0 || strcmp(cmd->name, "suspend") == 0 || strcmp(cmd->name, "command") == 0;
}

// Whether it must refuse, and in which words.
static const char *refusal_of(const pl_cmd *cmd) {
  static const char *const steering[] = {"pause", "checkpoint", "stop", "resume", "rate"};
  if (cmd->writes || cmd->job != NULL) return "nothing is written there";
  const bool train = cmd->screen != NULL && strcmp(cmd->screen, "train") == 0;
  for (size_t i = 0; train && i < sizeof steering / sizeof steering[0]; i++) {
    if (strcmp(cmd->name, steering[i]) == 0) return "only they may";
  }
  if (train && strcmp(cmd->name, "set") == 0) return "only they may";
  if (strcmp(cmd->name, "preview") == 0) return "only they may";
  return strcmp(cmd->name, "export") == 0 ? "name another place" : NULL;
}

static const char *argument_of(const pl_cmd *cmd) {
  if (cmd->args == NULL) return "";
  for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++) {
    if (strcmp(arguments[i].name, cmd->name) == 0) return arguments[i].args;
  }
  return "1";
}

// Goes to its screen, runs it, and says yes to whatever it asks; what the screen says then goes behind the dumps.
static void add_command(pl_buf *script, const pl_cmd *cmd, const char *below, const char *dump) {
  const char *args = argument_of(cmd);
  (void)pl_buf_printf(script, "key Esc\nkey 1\n%s%s\n", "key ", digit_of(cmd->screen != NULL ? cmd->screen : "data"));
  // A screen without a tab is on the screen when its command could open it, which it could not.
  if (cmd->screen != NULL && strcmp(cmd->screen, "label") == 0) {
    (void)pl_buf_printf(script, "cmd correct\n");
  } else if (strncmp(args, "BELOW", 5) == 0) {
    (void)pl_buf_printf(script, "cmd %s %s%s\n", cmd->name, below, args + 5);
  } else {
    (void)pl_buf_printf(script, "cmd %s %s\n", cmd->name, args);
  }
  (void)pl_buf_printf(script, "dump-more %s\nkey y\nkey Enter\nwait-job\n", dump);
}

// Names, sizes, times, owners and bytes of what lies in a folder.
static pl_status add_file(void *context, const char *path, uint64_t size, pl_error *err) {
  struct stat st;
  char hash[PL_SHA256_HEX_SIZE];
  pl_status status = pl_sha256_file(hash, path, err);
  if (status != PL_OK || stat(path, &st) != 0) return PL_E_IO;
  (void)pl_buf_printf(context, "%s %llu %lld.%09ld %u %s\n", path, (unsigned long long)size,
                      (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (unsigned)st.st_uid, hash);
  return PL_OK;
}

static char *list_files(const char *folder) {
  pl_buf text;
  pl_buf_init(&text, TEXT_MAX);
  assert_int_equal(pl_fs_walk(folder, add_file, &text, NULL), PL_OK);
  return text.data;
}

static void open_all(const char *path) {
  char **names = NULL;
  size_t count = 0;
  struct stat st;
  assert_int_equal(lstat(path, &st), 0);
  if (S_ISLNK(st.st_mode)) return;
  assert_int_equal(chmod(path, S_ISDIR(st.st_mode) ? 0777 : 0666), 0);
  if (!S_ISDIR(st.st_mode)) return;
  assert_int_equal(pl_fs_list(&names, &count, path, NULL), PL_OK);
  for (size_t i = 0; i < count; i++) {
    char *below = pl_path_join(path, names[i]);
    open_all(below);
    free(below);
  }
  pl_fs_free_names(names, count);
}

typedef struct world {
  char root[64];
  char *workspace, *run, *own, *program;
  int lock;
} world;

static void copy_program(world *w) {
  char *built = pl_path_join(getenv("PLEURA_BUILD") != NULL ? getenv("PLEURA_BUILD") : ".", "bin/pleura");
  pl_buf bytes;
  pl_buf_init(&bytes, PROGRAM_MAX);
  assert_int_equal(pl_fs_read(&bytes, built, NULL), PL_OK);
  w->program = pl_path_join(w->root, "pleura");
  assert_int_equal(pl_fs_replace(w->program, bytes.data, bytes.length, NULL), PL_OK);
  assert_int_equal(chmod(w->program, 0755), 0);
  pl_buf_clear(&bytes);
  free(built);
}

static void make_world(world *w) {
  pl_error err = {0};
  (void)snprintf(w->root, sizeof w->root, "/tmp/pleura-watched-XXXXXX");
  assert_non_null(mkdtemp(w->root));
  w->workspace = pl_path_join(w->root, "w");
  w->own = pl_path_join(w->root, "own");
  if (fixture_workspace(w->workspace, CASES, &err) != PL_OK ||
      fixture_run(&w->run, w->workspace, "going", 5, PL_PHASE_TRAINING, &err) != PL_OK ||
      fixture_previews(w->run, w->workspace, 5, 0, &err) != PL_OK || pl_run_lock(&w->lock, w->run, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  copy_program(w);
  char *inbox = pl_path_join(w->run, "inbox");
  assert_int_equal(mkdir(w->own, 0777), 0);
  open_all(w->workspace);
  open_all(w->own);
  assert_int_equal(chmod(w->root, 0755), 0);
  assert_int_equal(chmod(w->workspace, 0555), 0);
  assert_int_equal(chmod(inbox, 0555), 0);
  assert_int_equal(setenv("HOME", w->own, 1), 0);
  assert_int_equal(setenv("XDG_STATE_HOME", w->own, 1), 0);
  free(inbox);
}

// Runs a script as somebody who may only look on; returns what it dumped, which the caller frees.
static char *run_script(const world *w, const pl_buf *script, const char *dump) {
  const bool root = geteuid() == 0;
  char *path = pl_path_join(w->root, "script");
  assert_int_equal(pl_fs_replace(path, script->data, script->length, NULL), PL_OK);
  const char *const argv[] = {
      setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", w->program, "-C", w->workspace, "--script", path,
      NULL};
  pty p;
  pty_start(&p, PTY_SILENT, 250, 50, "xterm-256color", root ? argv : argv + 4);
  const bool ended = pty_run(&p, NULL, PATIENCE);
  if (!ended || !WIFEXITED(p.status) || WEXITSTATUS(p.status) != 0) {
    fail_msg("status %d, %.*s", p.status, (int)p.output.length, p.output.data);
  }
  pty_close(&p);
  pl_buf shown;
  pl_buf_init(&shown, TEXT_MAX);
  assert_int_equal(pl_fs_read(&shown, dump, NULL), PL_OK);
  free(path);
  return shown.data;
}

// The dumps of the commands follow each other, "== COLSxROWS" in front of each.
static void check_dumps(char *shown, const char *owner) {
  char *at = strstr(shown, "== 250x50");
  for (size_t i = 0; i < pl_cmd_count(); i++) {
    const pl_cmd *cmd = pl_cmd_at(i);
    if (is_left_out(cmd)) continue;
    assert_non_null(at);
    char *next = strstr(at + 1, "== 250x50");
    if (next != NULL) next[-1] = '\0';
    const char *refusal = refusal_of(cmd);
    const bool says = strstr(at, owner) != NULL || strstr(at, "is yours but write-protected") != NULL;
    if (refusal != NULL && (!says || strstr(at, refusal) == NULL)) {
      fail_msg("%s does not refuse with '%s':\n%s", cmd->name, refusal, at);
    }
    if (strstr(at, "WATCHING ") == NULL && strcmp(cmd->name, "full") != 0) fail_msg("%s: no badge:\n%s", cmd->name, at);
    at = next;
  }
}

static void test_every_command(void **state) {
  (void)state;
  if (geteuid() == 0 && access(setpriv, X_OK) != 0) {
    printf("skipped: as root it takes setpriv\n");
    skip();
  }
  world w = {.lock = -1};
  make_world(&w);
  char *dump = pl_path_join(w.own, "dump"), *below = pl_path_join(w.workspace, "images/below");
  pl_buf script;
  pl_buf_init(&script, TEXT_MAX);
  for (size_t i = 0; i < pl_cmd_count(); i++) {
    if (!is_left_out(pl_cmd_at(i))) add_command(&script, pl_cmd_at(i), below, dump);
  }
  char *before = list_files(w.workspace), *shown = run_script(&w, &script, dump), *after = list_files(w.workspace);
  check_dumps(shown, "belongs to ");
  assert_string_equal(after, before);
  close(w.lock);
  assert_int_equal(chmod(w.workspace, 0755), 0);
  assert_int_equal(pl_fs_remove_tree(w.root, NULL), PL_OK);
  pl_buf_clear(&script);
  free(before), free(after), free(shown);
  free(dump), free(below);
  free(w.workspace), free(w.run), free(w.own), free(w.program);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_command)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
