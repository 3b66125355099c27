#include "tests/faults/training.h"

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
#include "core/data/pack.h"
#include "core/image/png_io.h"
#include "core/run/journal.h"
#include "core/run/previews.h"
#include "core/run/rundir.h"
#include "tests/tools/testing.h"

enum { WAIT_SECONDS = 200 };

static char workspace[256];
static char *program;

// A grey square on noise, and its mask; every second case has none.
static void write_case(pl_manifest *m, pl_case *c) {
  pl_image image = {0}, mask = {0};
  assert_int_equal(pl_image_init(&image, TRAINING_SIDE, TRAINING_SIDE, PL_PIXEL_U8, PL_IMAGE_GREY, NULL), PL_OK);
  assert_int_equal(pl_image_init(&mask, TRAINING_SIDE, TRAINING_SIDE, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  uint32_t left = c->number % 10 + 4;
  for (uint32_t i = 0; i < TRAINING_SIDE * TRAINING_SIDE; i++) {
    uint32_t x = i % TRAINING_SIDE, y = i / TRAINING_SIDE;
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

int training_set_up(void **state) {
  (void)state;
  const char *build = getenv("PLEURA_BUILD");
  program = pl_path_join(build != NULL ? build : "build", "bin/pleura");
  const char *temporary = getenv("TMPDIR");
  (void)snprintf(workspace, sizeof workspace, "%s/pleura-resume-XXXXXX", temporary != NULL ? temporary : "/tmp");
  if (mkdtemp(workspace) == NULL || pl_workspace_init(workspace, NULL) != PL_OK) return -1;
  static char empty[] = "", ids[TRAINING_CASES][8];
  pl_case cases[TRAINING_CASES];
  pl_buf folds;
  pl_buf_init(&folds, 65536);
  (void)pl_buf_add_text(&folds, "ImageId,EncodedPixels,has_mask,kfold\n");
  pl_manifest m = {.workspace = workspace, .cases = cases, .count = TRAINING_CASES};
  char *images = pl_path_join(workspace, "images"), *masks = pl_path_join(workspace, "masks");
  if (pl_fs_make_folders(images, NULL) != PL_OK || pl_fs_make_folders(masks, NULL) != PL_OK) return -1;
  free(images);
  free(masks);
  for (uint32_t i = 0; i < TRAINING_CASES; i++) {
    (void)snprintf(ids[i], sizeof ids[i], "c%02u", (unsigned)i);
    cases[i] = (pl_case){.number = i + 1,
                         .id = ids[i],
                         .source = empty,
                         .rows = TRAINING_SIDE,
                         .cols = TRAINING_SIDE,
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

int training_tear_down(void **state) {
  (void)state;
  free(program);
  return pl_fs_remove_tree(workspace, NULL);
}

char *training_make(const char *name, const char *const (*values)[2], const char *like) {
  static const char *const common[][2] = {{"encoder", "resnet18"}, {"batch", "4"}, {"valid-batch", "4"},
                                          {"epochs", "3"},         {"lr", "1e-3"}, {"workers", "1"},
                                          {"threads", "1"},        {"fold", "0"},  {NULL, NULL}};
  pl_config c;
  pl_error err = {0};
  pl_config_defaults(&c);
  const char *const(*const sets[])[2] = {common, values};
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
    for (const char *const(*v)[2] = sets[i]; v != NULL && (*v)[0] != NULL; v++) {
      if (pl_config_set(&c, (*v)[0], (*v)[1], PL_ORIGIN_COMMAND, &err) != PL_OK) fail_msg("%s", err.message);
    }
  }
  assert_int_equal(pl_config_set(&c, "name", name, PL_ORIGIN_COMMAND, &err), PL_OK);
  if (like != NULL) {
    char *choices = pl_path_join(like, "choices.json");
    assert_int_equal(pl_config_set(&c, "choices", choices, PL_ORIGIN_COMMAND, &err), PL_OK);
    free(choices);
  }
  char *folder = NULL;
  if (pl_run_make(&folder, workspace, &c, &err) != PL_OK) fail_msg("%s", err.message);
  return folder;
}

void training_pack(void) {
  pl_manifest m = {0};
  pl_error err = {0};
  pl_pack_report report;
  const pl_pack_build_options options = {.threads = 1};
  if (pl_manifest_load(&m, workspace, &err) != PL_OK || pl_pack_build(&report, &m, &options, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  pl_manifest_clear(&m);
}

pid_t training_start(const char *folder, bool resume, const char *fault) {
  const char *build = getenv("PLEURA_BUILD");
  char *library = pl_xprintf("%s/tests/faults/libfault_io.so", build != NULL ? build : "build");
  pid_t pid = fork();
  if (pid == 0) {
    if (fault != NULL) {
      (void)setenv("LD_PRELOAD", library, 1);
      (void)setenv("FAULT_IO", fault, 1);
      // The sanitizer wants to be the first library, which costs nothing here.
      (void)setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
    }
    (void)execl(program, program, "core", "--run", folder, resume ? "--resume" : NULL, NULL);
    _exit(127);
  }
  free(library);
  return pid;
}

int training_end(pid_t pid) {
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// Waits until the journal has that many steps that count.
size_t training_steps(const char *folder) {
  pl_journal_reader *r = pl_journal_reader_create(folder);
  assert_int_equal(pl_journal_reader_update(r, NULL, NULL), PL_OK);
  const size_t steps = pl_journal_reader_view(r).step_count;
  pl_journal_reader_destroy(r);
  return steps;
}

void training_wait(const char *folder, pid_t pid, size_t steps) {
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

static size_t compare_steps(const pl_journal_view *x, const pl_journal_view *y) {
  assert_int_equal(y->step_count, x->step_count);
  for (size_t i = 0; i < x->step_count; i++) {
    pl_step_record a = x->steps[i], b = y->steps[i];
    assert_int_equal(b.step, a.step);
    assert_int_equal(b.epoch, a.epoch);
    assert_memory_equal(&b.loss, &a.loss, sizeof a.loss);
    assert_memory_equal(b.terms, a.terms, sizeof a.terms);
    assert_memory_equal(&b.loss_mean, &a.loss_mean, sizeof a.loss_mean);
    assert_memory_equal(&b.gradient_norm, &a.gradient_norm, sizeof a.gradient_norm);
    assert_memory_equal(&b.learning_rate, &a.learning_rate, sizeof a.learning_rate);
    // Whatever happened between two steps, time worked goes on.
    assert_true(i == 0 || (x->steps[i].active > x->steps[i - 1].active && y->steps[i].active > y->steps[i - 1].active));
  }
  // Steps that repeat by themselves would prove nothing.
  assert_true(x->step_count >= 6 && x->steps[0].loss != x->steps[1].loss && x->steps[2].loss != x->steps[5].loss);
  return x->step_count;
}

static void compare_epochs(const pl_journal_view *x, const pl_journal_view *y) {
  assert_int_equal(y->epoch_count, x->epoch_count);
  for (size_t i = 0; i < x->epoch_count; i++) {
    pl_epoch_record a = x->epochs[i], b = y->epochs[i];
    // Everything but the wall clock and the speed.
    a.time = b.time = a.images_per_second = b.images_per_second = 0;
    assert_memory_equal(&b.train_loss, &a.train_loss, sizeof a.train_loss);
    assert_memory_equal(b.train_terms, a.train_terms, sizeof a.train_terms);
    assert_memory_equal(b.valid_terms, a.valid_terms, sizeof a.valid_terms);
    assert_memory_equal(&b.learning_rate, &a.learning_rate, sizeof a.learning_rate);
    assert_memory_equal(&b.valid_loss, &a.valid_loss, sizeof a.valid_loss);
    assert_memory_equal(&b.dice_batch, &a.dice_batch, sizeof a.dice_batch);
    assert_memory_equal(&b.dice_image, &a.dice_image, sizeof a.dice_image);
    assert_memory_equal(&b.dice, &a.dice, sizeof a.dice);
    assert_int_equal(b.best, a.best);
  }
}

static void compare_file(const char *a, const char *b, const char *name) {
  char *x = pl_path_join(a, name), *y = pl_path_join(b, name), first[PL_SHA256_HEX_SIZE], second[PL_SHA256_HEX_SIZE];
  pl_error err = {0};
  if (pl_sha256_file(first, x, &err) != PL_OK || pl_sha256_file(second, y, &err) != PL_OK) fail_msg("%s", err.message);
  if (strcmp(first, second) != 0) fail_msg("%s and %s differ", x, y);
  free(x);
  free(y);
}

// The same checkpoints, and the same bytes in them.
static void compare_checkpoints(const char *a, const char *b) {
  static const char *const files[] = {"weights.safetensors", "optimizer.safetensors", "state.json", "MANIFEST"};
  char *x = pl_path_join(a, "ckpt"), *y = pl_path_join(b, "ckpt"), **names = NULL, **others = NULL;
  size_t count = 0, other_count = 0;
  assert_int_equal(pl_fs_list(&names, &count, x, NULL), PL_OK);
  assert_int_equal(pl_fs_list(&others, &other_count, y, NULL), PL_OK);
  assert_int_equal(other_count, count);
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(others[i], names[i]);
    char *from = pl_path_join(x, names[i]), *to = pl_path_join(y, names[i]);
    for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) compare_file(from, to, files[f]);
    free(from);
    free(to);
  }
  pl_fs_free_names(names, count);
  pl_fs_free_names(others, other_count);
  free(x);
  free(y);
}

// The same previews of the same epochs, and no epoch missing.
static void compare_previews(const char *a, const char *b, size_t epochs) {
  pl_previews x = {0}, y = {0};
  assert_int_equal(pl_previews_update(&x, a, NULL, NULL), PL_OK);
  assert_int_equal(pl_previews_update(&y, b, NULL, NULL), PL_OK);
  assert_true(x.case_count > 0 && x.case_count == y.case_count);
  assert_int_equal(x.epoch_count, epochs);
  assert_int_equal(y.epoch_count, epochs);
  for (size_t e = 0; e < epochs; e++) {
    for (size_t i = 0; i < x.case_count; i++) {
      char *name = pl_previews_path("", x.epochs[e], x.cases[i].id);
      assert_int_equal(pl_previews_find(&y, x.cases[i].id), i);
      compare_file(a, b, name + 1);
      free(name);
    }
  }
  pl_previews_clear(&x);
  pl_previews_clear(&y);
}

size_t training_compare(const char *calm, const char *rough) {
  pl_journal_reader *a = pl_journal_reader_create(calm), *b = pl_journal_reader_create(rough);
  assert_int_equal(pl_journal_reader_update(a, NULL, NULL), PL_OK);
  assert_int_equal(pl_journal_reader_update(b, NULL, NULL), PL_OK);
  pl_journal_view x = pl_journal_reader_view(a), y = pl_journal_reader_view(b);
  (void)compare_steps(&x, &y);
  compare_epochs(&x, &y);
  compare_previews(calm, rough, x.epoch_count);
  assert_int_equal(x.resumes, 0);
  assert_true(x.ended && y.ended);
  size_t resumes = y.resumes;
  pl_journal_reader_destroy(a);
  pl_journal_reader_destroy(b);
  compare_checkpoints(calm, rough);
  return resumes;
}
