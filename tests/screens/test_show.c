// `pleura show` of predictions: the numbers it prints, the files it writes, and what it refuses.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/manifest.h"
#include "core/image/png_io.h"
#include "core/image/probability.h"
#include "tests/screens/fixture.h"
#include "tests/screens/pty.h"
#include "tests/tools/testing.h"

enum { CASES = 9, EPOCHS = 4, WORDS_MAX = 16 };

typedef struct world {
  char root[40];
  char *workspace, *run, *program, *picture;
} world;

static int set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  snprintf(w->root, sizeof w->root, "/tmp/pleura-show-XXXXXX");
  assert_non_null(mkdtemp(w->root));
  const char *build = getenv("PLEURA_BUILD");
  w->program = pl_path_join(build != NULL ? build : ".", "bin/pleura");
  w->workspace = pl_path_join(w->root, "w");
  w->picture = pl_path_join(w->root, "picture.png");
  pl_error err = {0};
  if (fixture_workspace(w->workspace, CASES, &err) != PL_OK ||
      fixture_run(&w->run, w->workspace, "r", EPOCHS, PL_PHASE_FINISHED, &err) != PL_OK ||
      fixture_previews(w->run, w->workspace, EPOCHS, 0, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  pl_fs_remove_tree(w->root, NULL);
  free(w->workspace);
  free(w->run);
  free(w->program);
  free(w->picture);
  free(w);
  return 0;
}

// Runs `pleura show -C WORKSPACE WORDS...`; the caller frees what it printed.
static char *show(const world *w, int exit_code, const char *words) {
  const char *argv[WORDS_MAX] = {w->program, "show", "-C", w->workspace};
  char *copy = pl_xstrdup(words);
  size_t count = 4;
  char *rest = NULL;
  for (char *word = strtok_r(copy, " ", &rest); word != NULL && count + 1 < WORDS_MAX;
       word = strtok_r(NULL, " ", &rest)) {
    argv[count++] = word;
  }
  pty p;
  pty_start(&p, PTY_SILENT, 200, 50, "dumb", argv);
  assert_true(pty_run(&p, NULL, 30.0));
  assert_true(WIFEXITED(p.status));
  char *text = pl_xprintf("%.*s", (int)p.output.length, p.output.length > 0 ? p.output.data : "");
  if (WEXITSTATUS(p.status) != exit_code) fail_msg("%s: ended with %d\n%s", words, WEXITSTATUS(p.status), text);
  pty_close(&p);
  free(copy);
  return text;
}

static void expect(const world *w, int exit_code, const char *words, const char *part) {
  char *text = show(w, exit_code, words);
  if (strstr(text, part) == NULL) fail_msg("%s: no '%s' in\n%s", words, part, text);
  free(text);
}

static double dice_of(const world *w, const char *words) {
  char *text = show(w, 0, words);
  const char *at = strstr(text, "dice ");
  if (at == NULL) fail_msg("%s: no dice in\n%s", words, text);
  const double dice = strtod(at + 5, NULL);
  free(text);
  return dice;
}

// The rectangle comes nearer from epoch to epoch, and of the negative case it vanishes.
static void epochs_are_found(void **state) {
  const world *w = *state;
  expect(w, 0, "1 --as prediction", "epoch 4/20 of r, map 32x32, p > 0.50 at 64x64: dice ");
  expect(w, 0, "1 --epoch 0", "epoch 0 (untrained) of r");
  const double first = dice_of(w, "1 --run r --epoch 0"), last = dice_of(w, "1 --run r --epoch 4");
  assert_true(first > 0.3 && first < last && last < 1);
  assert_true(dice_of(w, "1 --threshold 0.9") > last);
  expect(w, 0, "2 --as difference --epoch 0", "dice 0.0000, hit 0 px, false alarm ");
  expect(w, 0, "2 --as difference", "dice 1.0000, hit 0 px, false alarm 0 px, missed 0 px");
}

// An evaluation that is right in every pixel scores 1.
static void evaluations_are_found(void **state) {
  const world *w = *state;
  expect(w, 2, "4 --epoch evaluation", "case #4 has no prediction of that: evaluation of r");
  pl_manifest manifest = {0};
  pl_image mask = {0}, map = {0};
  assert_int_equal(pl_manifest_load(&manifest, w->workspace, NULL), PL_OK);
  const pl_case *c = &manifest.cases[3];
  char *mask_path = pl_case_mask_path(&manifest, c), *folder = pl_path_join(w->run, "prob");
  char *map_path = pl_xprintf("%s/%s.png", folder, c->id);
  assert_int_equal(pl_png_read(&mask, mask_path, NULL), PL_OK);
  assert_int_equal(pl_image_init(&map, mask.width, mask.height, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, NULL), PL_OK);
  for (size_t i = 0; i < (size_t)mask.width * mask.height; i++) map.u16[i] = mask.u8[i] != 0 ? 40000 : 20000;
  assert_int_equal(pl_fs_make_folders(folder, NULL), PL_OK);
  assert_int_equal(pl_probability_write(map_path, &map, NULL), PL_OK);
  expect(w, 0, "4 --epoch evaluation --as difference", "evaluation of r, map 64x64, p > 0.50 at 64x64: dice 1.0000");
  expect(w, 0, "4 --epoch evaluation --threshold 0.7", "hit 0 px");
  expect(w, 0, "4", "#4");
  pl_image_clear(&mask);
  pl_image_clear(&map);
  pl_manifest_clear(&manifest);
  free(mask_path);
  free(map_path);
  free(folder);
}

static void pictures_are_written(void **state) {
  const world *w = *state;
  char *words = pl_xprintf("1 --as probability --size 300 -o %s", w->picture);
  expect(w, 0, words, "probability");
  free(words);
  pl_image picture = {0};
  assert_int_equal(pl_png_read(&picture, w->picture, NULL), PL_OK);
  assert_int_equal(picture.width, 300);
  pl_image_clear(&picture);
  // All cases that have a prediction, and no others.
  char *folder = pl_path_join(w->root, "all"), **names = NULL;
  size_t count = 0;
  words = pl_xprintf("--where fold>=0 --as difference -o %s", folder);
  free(show(w, 0, words));
  assert_int_equal(pl_fs_list(&names, &count, folder, NULL), PL_OK);
  assert_int_equal(count, 3);
  pl_fs_free_names(names, count);
  free(words);
  free(folder);
}

static void mistakes_are_told(void **state) {
  const world *w = *state;
  expect(w, 2, "3 --as difference", "r predicts other cases: #1 #4 #2 (option preview-cases)");
  expect(w, 2, "1 --epoch 5", "case #1 has no prediction of that: epoch 5 of r");
  expect(w, 2, "1 --run nobody", "nobody");
  expect(w, 2, "1 --as mask", "--as mask: it can be truth, prediction, difference or probability");
  expect(w, 2, "1 --threshold 1.5", "--threshold takes a probability from 0 to 1");
  expect(w, 2, "1 --epoch -1", "--epoch takes a number from 0");
  expect(w, 2, "--batch --as truth", "not about a batch");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(epochs_are_found),
      cmocka_unit_test(evaluations_are_found),
      cmocka_unit_test(pictures_are_written),
      cmocka_unit_test(mistakes_are_told),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
