// Journal, state, inbox, lock and run folders, each with what may go wrong with it.
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/run/inbox.h"
#include "core/run/journal.h"
#include "core/run/predict.h"
#include "core/run/rundir.h"
#include "core/run/spawn.h"
#include "core/run/watch.h"
#include "tests/tools/testing.h"

static int make_folder(void **state) {
  char *folder = pl_xstrdup("/tmp/pleura-run-XXXXXX");
  if (mkdtemp(folder) == NULL) return -1;
  *state = folder;
  return 0;
}

static int remove_folder(void **state) {
  pl_status status = pl_fs_remove_tree(*state, NULL);
  free(*state);
  return status;
}

static void append(const char *folder, const char *name, const char *text) {
  char *path = pl_path_join(folder, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  free(path);
}

static void add_step(pl_journal *j, int64_t step, double loss) {
  pl_step_record r = {.step = step,
                      .epoch = 1,
                      .time = 1,
                      .loss = loss,
                      .loss_mean = loss,
                      .learning_rate = 1e-4,
                      .active = (double)step / 2,
                      .cpu = step % 2 == 0 ? 0.75 : (double)NAN,
                      .gpu = (double)NAN,
                      .gpu_memory = (double)NAN};
  for (int i = 0; i < PL_LOSS_TERMS; i++) r.terms[i] = i == PL_LOSS_DICE ? 0.25 * loss : (double)NAN;
  assert_int_equal(pl_journal_step(j, &r, NULL), PL_OK);
}

static void add_message(pl_journal *j, pl_message_kind kind, int64_t step, int64_t epoch, const char *text) {
  pl_message_record r = {.kind = kind, .step = step, .epoch = epoch};
  (void)snprintf(r.text, sizeof r.text, "%s", text);
  assert_int_equal(pl_journal_message(j, &r, NULL), PL_OK);
}

static void test_journal_line(void **state) {
  const char *folder = *state;
  pl_journal *j = NULL;
  assert_int_equal(pl_journal_open(&j, folder, NULL), PL_OK);
  add_step(j, 3, (double)INFINITY);
  pl_journal_close(j);
  char *path = pl_path_join(folder, "metrics.jsonl");
  pl_buf text;
  pl_buf_init(&text, 4096);
  assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
  const char *head = "{\"kind\":\"step\",\"t\":1,\"step\":3,\"epoch\":1,\"loss\":\"inf\",\"loss_mean\":\"inf\"";
  assert_memory_equal(text.data, head, strlen(head));
  assert_non_null(strstr(text.data, "\"terms\":{ \"dice\":\"inf\"}"));
  // The last 19 bytes are ,"crc":"XXXXXXXX"} and the line's end.
  char crc[9];
  (void)snprintf(crc, sizeof crc, "%08x", (unsigned)pl_crc32(0, text.data, text.length - 19));
  assert_memory_equal(text.data + text.length - 11, crc, 8);
  pl_buf_clear(&text);
  free(path);
}

static void test_journal_grows(void **state) {
  const char *folder = *state;
  pl_journal_reader *r = pl_journal_reader_create(folder);
  bool changed = true;
  assert_int_equal(pl_journal_reader_update(r, &changed, NULL), PL_OK);
  assert_false(changed);
  pl_journal *j = NULL;
  assert_int_equal(pl_journal_open(&j, folder, NULL), PL_OK);
  for (int64_t step = 1; step <= 600; step++) add_step(j, step, 1.0 / (double)step);
  assert_int_equal(pl_journal_reader_update(r, &changed, NULL), PL_OK);
  assert_true(changed);
  assert_int_equal(pl_journal_reader_view(r).step_count, 600);
  assert_true(pl_journal_reader_view(r).steps[2].loss == 1.0 / 3);
  assert_true(pl_journal_reader_view(r).steps[2].terms[PL_LOSS_DICE] == 0.25 * (1.0 / 3));
  assert_true(isnan(pl_journal_reader_view(r).steps[2].terms[PL_LOSS_BCE]));
  assert_true(pl_journal_reader_view(r).steps[2].active == 1.5);
  assert_true(isnan(pl_journal_reader_view(r).steps[2].cpu) && isnan(pl_journal_reader_view(r).steps[2].gpu));
  assert_true(pl_journal_reader_view(r).steps[3].cpu == 0.75);
  pl_epoch_record e = {.step = 600, .epoch = 1, .dice = 0.5, .dice_pos = (double)NAN, .best = true};
  assert_int_equal(pl_journal_epoch(j, &e, NULL), PL_OK);
  assert_int_equal(pl_journal_reader_update(r, &changed, NULL), PL_OK);
  pl_journal_view v = pl_journal_reader_view(r);
  assert_int_equal(v.epoch_count, 1);
  assert_true(v.epochs[0].best && v.epochs[0].dice == 0.5 && isnan(v.epochs[0].dice_pos));
  assert_int_equal(v.gaps, 0);
  pl_journal_close(j);
  pl_journal_reader_destroy(r);
}

// In parts, between which somebody may look; and without steps.
static void test_journal_in_parts(void **state) {
  const char *folder = *state;
  pl_journal_reader *r = pl_journal_reader_create(folder);
  assert_int_equal(pl_journal_reader_unread(r), 0);
  assert_true(pl_journal_reader_share(r) == 1);
  pl_journal *j = NULL;
  assert_int_equal(pl_journal_open(&j, folder, NULL), PL_OK);
  for (int64_t step = 1; step <= 600; step++) add_step(j, step, 1.0 / (double)step);
  pl_epoch_record e = {.step = 600, .epoch = 1, .dice = 0.5};
  assert_int_equal(pl_journal_epoch(j, &e, NULL), PL_OK);
  const size_t all = pl_journal_reader_unread(r);
  size_t parts = 0, steps = 0;
  double share = 0;
  bool changed = true;
  assert_true(all > 60000);
  for (; changed; parts++) {
    assert_int_equal(pl_journal_reader_part(r, 1000, &changed, NULL), PL_OK);
    assert_true(pl_journal_reader_view(r).step_count >= steps && pl_journal_reader_view(r).step_count <= steps + 10);
    assert_true(changed ? pl_journal_reader_share(r) > share : pl_journal_reader_share(r) == 1);
    steps = pl_journal_reader_view(r).step_count;
    share = pl_journal_reader_share(r);
    assert_int_equal(pl_journal_reader_unread(r), all > 1000 * (parts + 1) ? all - 1000 * (parts + 1) : 0);
  }
  assert_int_equal(parts, (all + 999) / 1000 + 1);
  assert_int_equal(steps, 600);
  assert_int_equal(pl_journal_reader_view(r).epoch_count, 1);
  assert_int_equal(pl_journal_reader_view(r).gaps, 0);
  pl_journal_reader_destroy(r);
  r = pl_journal_reader_create(folder);
  pl_journal_reader_leave_steps(r);
  assert_int_equal(pl_journal_reader_update(r, &changed, NULL), PL_OK);
  assert_int_equal(pl_journal_reader_view(r).step_count, 0);
  assert_int_equal(pl_journal_reader_view(r).epoch_count, 1);
  assert_int_equal(pl_journal_reader_view(r).gaps, 0);
  pl_journal_reader_destroy(r);
  pl_journal_close(j);
}

static void test_journal_torn_and_resumed(void **state) {
  const char *folder = *state;
  pl_journal *j = NULL;
  assert_int_equal(pl_journal_open(&j, folder, NULL), PL_OK);
  for (int64_t step = 1; step <= 5; step++) add_step(j, step, (double)step);
  pl_journal_close(j);
  append(folder, "metrics.jsonl", "{\"kind\":\"step\",\"t\":1,\"st");
  pl_journal_reader *r = pl_journal_reader_create(folder);
  assert_int_equal(pl_journal_reader_update(r, NULL, NULL), PL_OK);
  assert_int_equal(pl_journal_reader_view(r).step_count, 5);
  assert_int_equal(pl_journal_reader_view(r).gaps, 0);  // it may still be growing
  assert_int_equal(pl_journal_open(&j, folder, NULL), PL_OK);
  add_message(j, PL_MESSAGE_RESUME, 2, 0, "resumed");
  add_step(j, 3, 30);
  add_message(j, PL_MESSAGE_END, 3, 1, "finished \x1b[31m\"now\"");
  assert_int_equal(pl_journal_reader_update(r, NULL, NULL), PL_OK);
  pl_journal_view v = pl_journal_reader_view(r);
  assert_int_equal(v.gaps, 1);
  assert_int_equal(v.step_count, 3);
  assert_true(v.steps[1].loss == 2 && v.steps[2].loss == 30);
  // The second core began to count at 0; the first had worked 1 s when it wrote step 2.
  assert_true(v.steps[1].active == 1 && v.steps[2].active == 2.5);
  assert_int_equal(v.resumes, 1);
  assert_true(v.ended);
  assert_string_equal(v.messages[1].text, "finished \\x1b[31m\"now\"");
  pl_journal_close(j);
  pl_journal_reader_destroy(r);
}

static void test_journal_bad_lines(void **state) {
  const char *folder = *state;
  pl_journal *j = NULL;
  assert_int_equal(pl_journal_open(&j, folder, NULL), PL_OK);
  add_step(j, 1, 1);
  append(folder, "metrics.jsonl", "{\"kind\":\"step\",\"step\":2,\"epoch\":1,\"crc\":\"00000000\"}\n");
  append(folder, "metrics.jsonl", "short\n");
  char *huge = pl_xcalloc(1, 3 * PL_JOURNAL_LINE_MAX);
  memset(huge, 'x', 3 * PL_JOURNAL_LINE_MAX - 2);
  huge[3 * PL_JOURNAL_LINE_MAX - 2] = '\n';
  append(folder, "metrics.jsonl", huge);
  free(huge);
  add_step(j, 2, 2);
  pl_journal_close(j);
  pl_journal_reader *r = pl_journal_reader_create(folder);
  assert_int_equal(pl_journal_reader_update(r, NULL, NULL), PL_OK);
  assert_int_equal(pl_journal_reader_view(r).gaps, 3);
  assert_int_equal(pl_journal_reader_view(r).step_count, 2);
  pl_journal_reader_destroy(r);
}

static void test_state(void **state) {
  const char *folder = *state;
  pl_run_state s, back;
  assert_int_equal(pl_run_state_load(&back, folder, NULL), PL_E_NOTFOUND);
  pl_run_state_init(&s);
  s.phase = PL_PHASE_TRAINING;
  s.heartbeat = 9;
  s.step = 12;
  s.loss = 0.1;
  (void)snprintf(s.device, sizeof s.device, "a \"CPU\"");
  assert_int_equal(pl_run_state_save(&s, folder, NULL), PL_OK);
  assert_int_equal(pl_run_state_load(&back, folder, NULL), PL_OK);
  assert_int_equal(back.phase, PL_PHASE_TRAINING);
  assert_true(back.heartbeat == 9 && back.step == 12 && back.loss == 0.1 && isnan(back.eta) && back.epoch == -1);
  assert_string_equal(back.device, "a \"CPU\"");
  // Not alive although it says that it trains: it died.
  pl_run_watch *w = NULL;
  assert_int_equal(pl_run_watch_create(&w, folder, NULL), PL_OK);
  assert_int_equal(pl_run_watch_update(w, NULL, NULL), PL_OK);
  assert_int_equal(pl_run_watch_view(w)->alive, PL_ALIVE_NO);
  assert_int_equal(pl_run_watch_view(w)->state.phase, PL_PHASE_FAILED);
  assert_true(strlen(pl_run_watch_view(w)->problem) > 0);
  pl_run_watch_destroy(w);
  append(folder, "state.json", "x");
  assert_int_equal(pl_run_state_load(&back, folder, NULL), PL_E_FORMAT);
}

static void make_inbox(const char *folder) {
  char *inbox = pl_path_join(folder, "inbox");
  assert_int_equal(mkdir(inbox, 0700), 0);
  free(inbox);
}

static void test_inbox(void **state) {
  const char *folder = *state;
  make_inbox(folder);
  pl_error err = {0};
  pl_command pause = {.kind = PL_COMMAND_PAUSE}, set = {.kind = PL_COMMAND_SET, .option = "epochs", .value = "30"};
  assert_int_equal(pl_inbox_send(&pause, folder, &err), PL_OK);
  assert_int_equal(pl_inbox_send(&set, folder, &err), PL_OK);
  pl_command got;
  bool any = false;
  char refused[PL_ERROR_MESSAGE_MAX];
  assert_int_equal(pl_inbox_receive(&got, &any, refused, folder, &err), PL_OK);
  assert_true(any && got.kind == PL_COMMAND_PAUSE);
  assert_string_equal(got.id, pause.id);
  assert_int_equal(pl_inbox_receive(&got, &any, refused, folder, &err), PL_OK);
  assert_true(any && got.kind == PL_COMMAND_SET);
  assert_string_equal(got.option, "epochs");
  assert_string_equal(got.value, "30");
  assert_int_equal(pl_inbox_receive(&got, &any, refused, folder, &err), PL_OK);
  assert_true(!any && refused[0] == '\0');
  pl_command fixed = {.kind = PL_COMMAND_SET, .option = "batch", .value = "4"};
  assert_int_equal(pl_inbox_send(&fixed, folder, &err), PL_E_USAGE);
  pl_command range = {.kind = PL_COMMAND_SET, .option = "epochs", .value = "-1"};
  assert_int_equal(pl_inbox_send(&range, folder, &err), PL_E_USAGE);
}

static void refused_file(const char *folder, const char *word) {
  pl_command got;
  bool any = true;
  char refused[PL_ERROR_MESSAGE_MAX];
  pl_error err = {0};
  assert_int_equal(pl_inbox_receive(&got, &any, refused, folder, &err), PL_OK);
  assert_false(any);
  if (strstr(refused, word) == NULL) fail_msg("'%s' does not say '%s'", refused, word);
  assert_int_equal(pl_inbox_receive(&got, &any, refused, folder, &err), PL_OK);
  assert_true(!any && refused[0] == '\0');
}

static void test_inbox_hostile(void **state) {
  const char *folder = *state;
  make_inbox(folder);
  append(folder, "target", "{\"command\":\"stop\"}");
  char *path = pl_path_join(folder, "inbox/a.json"), *target = pl_path_join(folder, "target");
  assert_int_equal(symlink(target, path), 0);
  refused_file(folder, "link");
  assert_true(pl_fs_is_file(target));
  assert_int_equal(mkfifo(path, 0600), 0);
  refused_file(folder, "regular");
  assert_int_equal(mkdir(path, 0700), 0);
  refused_file(folder, "regular");
  char *huge = pl_xcalloc(1, PL_INBOX_FILE_MAX + 2);
  memset(huge, ' ', PL_INBOX_FILE_MAX + 1);
  append(folder, "inbox/a.json", huge);
  refused_file(folder, "more than");
  free(huge);
  append(folder, "inbox/a.json", "{\"command\":\"stop\"");
  refused_file(folder, "JSON");
  append(folder, "inbox/a.json", "{\"command\":\"rm\\u001b\"}");
  refused_file(folder, "there is no command 'rm\\x1b'");
  append(folder, "inbox/a.json", "{\"command\":\"set\",\"option\":\"plugin\",\"value\":\"/tmp/x.so\"}");
  refused_file(folder, "fixed");
  append(folder, "inbox/\x1b[2J", "x");
  refused_file(folder, "\\x1b[2J");
  if (geteuid() == 0) {
    append(folder, "inbox/a.json", "{\"command\":\"stop\"}");
    assert_int_equal(chown(path, 12345, 12345), 0);
    refused_file(folder, "another user");
  } else {
    print_message("another user's file: skipped, needs root\n");
  }
  char *inbox = pl_path_join(folder, "inbox"), refused[PL_ERROR_MESSAGE_MAX];
  assert_int_equal(chmod(inbox, 0777), 0);
  pl_command got;
  bool any = false;
  assert_int_equal(pl_inbox_receive(&got, &any, refused, folder, NULL), PL_E_IO);
  free(inbox);
  free(path);
  free(target);
}

static void test_lock(void **state) {
  const char *folder = *state;
  assert_int_equal(pl_run_alive(folder, NULL, 0), PL_ALIVE_NO);
  int fd = -1, second = -1;
  pl_error err = {0};
  assert_int_equal(pl_run_lock(&fd, folder, &err), PL_OK);
  assert_int_equal(pl_run_alive(folder, NULL, 0), PL_ALIVE_YES);
  assert_int_equal(pl_run_lock(&second, folder, &err), PL_E_BUSY);
  assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  close(fd);
  assert_int_equal(pl_run_alive(folder, NULL, 0), PL_ALIVE_NO);
  // A core elsewhere: only its heartbeat tells.
  char *path = pl_path_join(folder, "core.json");
  assert_int_equal(pl_fs_replace(path, "{\"host\":\"elsewhere\"}", 20, NULL), PL_OK);
  free(path);
  pl_run_state s;
  pl_run_state_init(&s);
  s.phase = PL_PHASE_TRAINING;
  s.heartbeat = 5;
  assert_int_equal(pl_run_alive(folder, &s, 0), PL_ALIVE_UNKNOWN);
  assert_int_equal(pl_run_alive(folder, &s, 5), PL_ALIVE_UNKNOWN);
  assert_int_equal(pl_run_alive(folder, &s, 4), PL_ALIVE_YES);
  s.phase = PL_PHASE_FINISHED;
  assert_int_equal(pl_run_alive(folder, &s, 4), PL_ALIVE_NO);
}

// A core that only tells what it was started with.
static char *told_by_core(const char *folder) {
  append(folder, "core.sh", "#!/bin/sh\necho \"[$OMP_WAIT_POLICY] [$GOMP_SPINCOUNT]\"\necho \"$@\"\necho ready >&3\n");
  char *program = pl_path_join(folder, "core.sh"), *log = pl_path_join(folder, "core.log");
  assert_int_equal(chmod(program, 0700), 0);
  pl_error err = {0};
  const pl_spawn_options options = {.executable = program, .resume = true};
  assert_int_equal(pl_spawn_core(folder, &options, &err), PL_OK);
  pl_buf text;
  pl_buf_init(&text, 4096);
  assert_int_equal(pl_fs_read(&text, log, NULL), PL_OK);
  char *copy = pl_xprintf("%.*s", (int)text.length, text.data);
  pl_buf_clear(&text);
  assert_int_equal(unlink(log), 0);
  assert_int_equal(unlink(program), 0);
  free(log);
  free(program);
  return copy;
}

// Threads of a core do not wait for long before they sleep, unless the user's environment says otherwise.
static void test_spawn_environment(void **state) {
  const char *folder = *state;
  (void)unsetenv("OMP_WAIT_POLICY");
  (void)unsetenv("GOMP_SPINCOUNT");
  char *told = told_by_core(folder);
  assert_ptr_equal(strstr(told, "[] [10000]\ncore --run "), told);
  assert_non_null(strstr(told, " --ready=3 --resume\n"));
  free(told);
  (void)setenv("OMP_WAIT_POLICY", "active", 1);
  told = told_by_core(folder);
  assert_ptr_equal(strstr(told, "[active] []\n"), told);
  free(told);
  (void)unsetenv("OMP_WAIT_POLICY");
  (void)setenv("GOMP_SPINCOUNT", "7", 1);
  told = told_by_core(folder);
  assert_ptr_equal(strstr(told, "[] [7]\n"), told);
  free(told);
  (void)unsetenv("GOMP_SPINCOUNT");
}

static bool not_for_long(void *context) {
  int *looks = context;
  return ++*looks < 3;
}

// Who no longer wants to wait leaves; what was started goes on by itself.
static void test_spawn_not_waited_for(void **state) {
  const char *folder = *state;
  char *program = pl_path_join(folder, "program"), *begun = pl_path_join(folder, "begun");
  char *text = pl_xprintf("#!/bin/sh\n: >%s\nsleep 2\n: >%s.end\n", begun, begun);
  char *end = pl_xprintf("%s.end", begun);
  assert_int_equal(pl_fs_replace(program, text, strlen(text), NULL), PL_OK);
  assert_int_equal(chmod(program, 0700), 0);
  int looks = 0;
  pl_error err = {0};
  const pl_spawn_options options = {.executable = program, .waiting = not_for_long, .context = &looks};
  assert_int_equal(pl_spawn_core(folder, &options, &err), PL_E_CANCELLED);
  assert_int_equal(looks, 3);
  assert_false(pl_fs_is_file(end));
  for (int i = 0; i < 600 && !pl_fs_is_file(end); i++) usleep(50000);
  assert_true(pl_fs_is_file(begun) && pl_fs_is_file(end));
  free(text);
  free(end);
  free(begun);
  free(program);
}

static void test_maps_of_other_pictures(void **state) {
  const char *folder = *state;
  assert_true(pl_run_maps_are_of(folder, "ab"));  // no maps
  append(folder, "maps.json", "{\"format\":1}");
  assert_true(pl_run_maps_are_of(folder, "ab"));  // they do not say
  append(folder, "maps.json.new", "{\"format\":1,\"pictures_sha256\":\"ab\"}");
  char *from = pl_path_join(folder, "maps.json.new"), *to = pl_path_join(folder, "maps.json");
  assert_int_equal(rename(from, to), 0);
  assert_true(pl_run_maps_are_of(folder, "ab"));
  assert_false(pl_run_maps_are_of(folder, "cd"));
  assert_false(pl_run_maps_are_of(folder, ""));
  free(from);
  free(to);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_journal_line, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_journal_grows, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_journal_in_parts, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_journal_torn_and_resumed, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_journal_bad_lines, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_state, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_inbox, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_inbox_hostile, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_lock, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_maps_of_other_pictures, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_spawn_environment, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(test_spawn_not_waited_for, make_folder, remove_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
