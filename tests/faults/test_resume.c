// A training that is hung up on, terminated and killed, and resumed each time, ends with the same losses and the same
// weights, bit for bit, as one that was left alone.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/manifest.h"
#include "core/image/png_io.h"
#include "core/run/journal.h"
#include "core/run/rundir.h"
#include "tests/tools/testing.h"

enum { SIDE = 32, CASES = 16, EPOCHS = 3, WAIT_SECONDS = 200 };

static char workspace[] = "/tmp/pleura-resume-XXXXXX";
static char *program;

// A grey square on noise, and its mask; every second case has none.
static void write_case(pl_manifest *m, pl_case *c) {
  pl_image image = {0}, mask = {0};
  assert_int_equal(pl_image_init(&image, SIDE, SIDE, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  assert_int_equal(pl_image_init(&mask, SIDE, SIDE, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  uint32_t left = c->number % 10 + 4;
  for (uint32_t i = 0; i < SIDE * SIDE; i++) {
    uint32_t x = i % SIDE, y = i / SIDE;
    bool inside = c->label == PL_LABEL_POSITIVE && x >= left && x < left + 12 && y >= 8 && y < 20;
    mask.u8[i] = inside ? 255 : 0;
    image.u8[i] = (uint8_t)((inside ? 150 : 40) + (int)pl_rng_below(1, c->number, i, 60));
  }
  char *path = pl_case_image_path(m, c), *mask_path = pl_case_mask_path(m, c);
  assert_int_equal(pl_png_write(path, &image, PL_PNG_FAST, NULL), PL_OK);
  assert_int_equal(pl_png_write(mask_path, &mask, PL_PNG_FAST, NULL), PL_OK);
  free(path);
  free(mask_path);
  pl_image_clear(&image);
  pl_image_clear(&mask);
}

static int make_workspace(void **state) {
  (void)state;
  const char *build = getenv("PLEURA_BUILD");
  program = pl_path_join(build != NULL ? build : "build", "bin/pleura");
  if (mkdtemp(workspace) == NULL || pl_workspace_init(workspace, NULL) != PL_OK) return -1;
  static char empty[] = "", ids[CASES][8];
  pl_case cases[CASES];
  pl_buf folds;
  pl_buf_init(&folds, 65536);
  (void)pl_buf_add_text(&folds, "ImageId,EncodedPixels,has_mask,kfold\n");
  pl_manifest m = {.workspace = workspace, .cases = cases, .count = CASES};
  char *images = pl_path_join(workspace, "images"), *masks = pl_path_join(workspace, "masks");
  if (pl_fs_make_folders(images, NULL) != PL_OK || pl_fs_make_folders(masks, NULL) != PL_OK) return -1;
  free(images);
  free(masks);
  for (uint32_t i = 0; i < CASES; i++) {
    (void)snprintf(ids[i], sizeof ids[i], "c%02u", (unsigned)i);
    cases[i] = (pl_case){.number = i + 1,
                         .id = ids[i],
                         .source = empty,
                         .rows = SIDE,
                         .cols = SIDE,
                         .label = i % 2 != 0 ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE,
                         .age = -1,
                         .patient = empty,
                         .fold = (int)(i / 2 % 4)};
    pl_sha256_bytes(cases[i].sha256, ids[i], 3);
    write_case(&m, &cases[i]);
    (void)pl_buf_printf(&folds, "%s,%s,%u,%d\n", ids[i], i % 2 != 0 ? "1 1" : "-1", (unsigned)(i % 2), cases[i].fold);
  }
  char *path = pl_path_join(workspace, "folds.csv");
  pl_status status = pl_fs_replace(path, folds.data, folds.length, NULL);
  free(path);
  pl_buf_clear(&folds);
  return status == PL_OK ? pl_manifest_save(&m, NULL) : -1;
}

static int remove_workspace(void **state) {
  (void)state;
  free(program);
  return pl_fs_remove_tree(workspace, NULL);
}

// `choices`: another run's file, so that both compute the same bits, or NULL to choose by timing.
static char *make_run(const char *name, const char *choices) {
  pl_config c;
  pl_error err = {0};
  pl_config_defaults(&c);
  static const char *const values[][2] = {{"encoder", "resnet18"},
                                          {"batch", "4"},
                                          {"valid-batch", "4"},
                                          {"epochs", "3"},
                                          {"lr", "1e-3"},
                                          {"milestones", "1,2"},
                                          {"accumulation", "1"},
                                          {"workers", "1"},
                                          {"threads", "1"},
                                          {"fold", "0"},
                                          {"keep", "2"},
                                          {"checkpoint-every", "1"},
                                          // Epochs of 2, 3 and 4 batches, in which negatives come twice.
                                          {"augment", "winner"},
                                          {"sample-rate", "0.8"},
                                          {"sample-rate-end", "0.4"}};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    assert_int_equal(pl_config_set(&c, values[i][0], values[i][1], PL_ORIGIN_COMMAND, &err), PL_OK);
  }
  assert_int_equal(pl_config_set(&c, "name", name, PL_ORIGIN_COMMAND, &err), PL_OK);
  if (choices != NULL) assert_int_equal(pl_config_set(&c, "choices", choices, PL_ORIGIN_COMMAND, &err), PL_OK);
  char *folder = NULL;
  if (pl_run_make(&folder, workspace, &c, &err) != PL_OK) fail_msg("%s", err.message);
  return folder;
}

static pid_t start(const char *folder, bool resume) {
  pid_t pid = fork();
  if (pid == 0) {
    (void)execl(program, program, "core", "--run", folder, resume ? "--resume" : NULL, NULL);
    _exit(127);
  }
  return pid;
}

static int end_of(pid_t pid) {
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Waits until the journal has that many steps that count.
static void wait_for_steps(const char *folder, pid_t pid, size_t steps) {
  pl_journal_reader *r = pl_journal_reader_create(folder);
  for (int i = 0; i < WAIT_SECONDS * 100; i++) {
    assert_int_equal(pl_journal_reader_update(r, NULL, NULL), PL_OK);
    if (pl_journal_reader_view(r).step_count >= steps) break;
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) != 0) fail_msg("the core ended early with status %d", status);
    (void)nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
  }
  assert_true(pl_journal_reader_view(r).step_count >= steps);
  pl_journal_reader_destroy(r);
}

static void hash_last(const char *folder, const char *file, char hex[PL_SHA256_HEX_SIZE]) {
  char *path = pl_xprintf("%s/ckpt/%06d/%s", folder, EPOCHS * 3, file);
  pl_error err = {0};
  if (pl_sha256_file(hex, path, &err) != PL_OK) fail_msg("%s", err.message);
  free(path);
}

static void compare_runs(const char *a, const char *b) {
  pl_journal_reader *ra = pl_journal_reader_create(a), *rb = pl_journal_reader_create(b);
  assert_int_equal(pl_journal_reader_update(ra, NULL, NULL), PL_OK);
  assert_int_equal(pl_journal_reader_update(rb, NULL, NULL), PL_OK);
  pl_journal_view x = pl_journal_reader_view(ra), y = pl_journal_reader_view(rb);
  assert_int_equal(x.step_count, EPOCHS * 3);
  assert_int_equal(y.step_count, EPOCHS * 3);
  assert_int_equal(x.epoch_count, EPOCHS + 1);
  assert_int_equal(y.epoch_count, EPOCHS + 1);
  for (size_t i = 0; i < x.step_count; i++) {
    assert_int_equal(y.steps[i].step, x.steps[i].step);
    assert_memory_equal(&y.steps[i].loss, &x.steps[i].loss, sizeof(double));
    assert_memory_equal(&y.steps[i].loss_mean, &x.steps[i].loss_mean, sizeof(double));
    assert_memory_equal(&y.steps[i].gradient_norm, &x.steps[i].gradient_norm, sizeof(double));
    assert_true(y.steps[i].learning_rate == x.steps[i].learning_rate);
  }
  for (size_t i = 0; i < x.epoch_count; i++) {
    assert_memory_equal(&y.epochs[i].dice_batch, &x.epochs[i].dice_batch, sizeof(double));
    assert_memory_equal(&y.epochs[i].valid_loss, &x.epochs[i].valid_loss, sizeof(double));
    assert_int_equal(y.epochs[i].best, x.epochs[i].best);
  }
  // Steps that repeat by themselves would prove nothing.
  assert_true(x.steps[0].loss != x.steps[1].loss && x.steps[5].loss != x.steps[8].loss);
  assert_true(x.steps[0].learning_rate == 1e-3 && x.steps[8].learning_rate == 1e-3 * 0.75 * 0.75);
  assert_int_equal(x.resumes, 0);
  assert_int_equal(y.resumes, 2);
  assert_true(x.ended && y.ended);
  pl_journal_reader_destroy(ra);
  pl_journal_reader_destroy(rb);
}

static void test_resume(void **state) {
  (void)state;
  char *calm = make_run("calm", NULL);
  assert_int_equal(end_of(start(calm, false)), 0);
  char *choices = pl_path_join(calm, "choices.json"), *rough = make_run("rough", choices);
  assert_int_not_equal(end_of(start(calm, false)), 0);  // trained already: only --resume goes on

  pid_t core = start(rough, false);
  wait_for_steps(rough, core, 1);
  assert_int_equal(end_of(start(rough, true)), pl_status_exit_code(PL_E_BUSY));
  assert_int_equal(kill(core, SIGHUP), 0);
  wait_for_steps(rough, core, 2);
  assert_int_equal(kill(core, SIGTERM), 0);
  assert_int_equal(end_of(core), 6);

  core = start(rough, true);
  wait_for_steps(rough, core, 5);
  (void)nanosleep(&(struct timespec){.tv_nsec = (long)(getpid() % 300) * 1000 * 1000}, NULL);
  assert_int_equal(kill(core, SIGKILL), 0);
  assert_int_equal(end_of(core), 1000 + SIGKILL);
  char *journal = pl_path_join(rough, "metrics.jsonl");
  int fd = open(journal, O_WRONLY | O_APPEND);
  assert_int_equal(write(fd, "{\"kind\":\"st", 11), 11);  // and in the middle of a line
  close(fd);
  free(journal);

  assert_int_equal(end_of(start(rough, true)), 0);
  compare_runs(calm, rough);
  static const char *const files[] = {"weights.safetensors", "optimizer.safetensors"};
  for (size_t i = 0; i < 2; i++) {
    char a[PL_SHA256_HEX_SIZE], b[PL_SHA256_HEX_SIZE];
    hash_last(calm, files[i], a);
    hash_last(rough, files[i], b);
    assert_string_equal(a, b);
  }
  free(choices);
  free(calm);
  free(rough);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_resume)};
  return cmocka_run_group_tests(tests, make_workspace, remove_workspace);
}
