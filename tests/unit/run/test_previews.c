// Previews: which cases are chosen, that epochs appear whole and in order, and what a reader makes of damage.
#include "core/run/previews.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/image/png_io.h"
#include "core/image/probability.h"
#include "core/run/config.h"
#include "tests/screens/fixture.h"
#include "tests/tools/testing.h"

enum { SIDE = 4, CASES = 102 };  // 100 to train on in five folds, each third one positive

typedef struct world {
  char folder[64];
  char *run;
  pl_manifest manifest;
  pl_config config;
} world;

static int set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  pl_error err = {0};
  strcpy(w->folder, "/tmp/pleura-previews-XXXXXX");
  if (mkdtemp(w->folder) == NULL || fixture_workspace(w->folder, CASES, &err) != PL_OK) return -1;
  if (pl_manifest_load(&w->manifest, w->folder, &err) != PL_OK) return -1;
  w->run = pl_path_join(w->folder, "run");
  if (pl_fs_make_folders(w->run, &err) != PL_OK) return -1;
  pl_config_defaults(&w->config);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  pl_manifest_clear(&w->manifest);
  (void)pl_fs_remove_tree(w->folder, NULL);
  free(w->run);
  free(w);
  return 0;
}

static size_t choose(size_t **cases, const world *w, const pl_config *config) {
  size_t count = 0;
  pl_error err = {0};
  if (pl_previews_choose(cases, &count, &w->manifest, config, &err) != PL_OK) fail_msg("%s", err.message);
  return count;
}

static void the_choice_spreads_and_is_stable(void **state) {
  world *w = *state;
  size_t *cases = NULL, *again = NULL, *other = NULL;
  assert_int_equal(choose(&cases, w, &w->config), 8);
  for (size_t i = 0; i < 8; i++) {
    const pl_case *c = &w->manifest.cases[cases[i]];
    assert_int_equal(c->fold, 0);
    assert_int_equal(c->label, i < 6 ? PL_LABEL_POSITIVE : PL_LABEL_NEGATIVE);
    if (i > 0 && i < 6) assert_true(c->mask_area < w->manifest.cases[cases[i - 1]].mask_area);
    for (size_t k = 0; k < i; k++) assert_int_not_equal(cases[k], cases[i]);
  }
  assert_int_equal(choose(&again, w, &w->config), 8);
  assert_memory_equal(cases, again, 8 * sizeof *cases);
  pl_config config = w->config;
  config.seed++;
  assert_int_equal(choose(&other, w, &config), 8);
  assert_true(memcmp(cases, other, 8 * sizeof *cases) != 0);
  free(cases);
  free(again);
  free(other);
}

static void the_choice_takes_what_there_is(void **state) {
  world *w = *state;
  size_t *cases = NULL;
  pl_config config = w->config;
  config.previews = 0;
  assert_int_equal(choose(&cases, w, &config), 0);
  assert_null(cases);
  config.previews = 64;  // the fold has 20
  assert_int_equal(choose(&cases, w, &config), 20);
  free(cases);
  config.previews = 8;
  config.limit = 3;
  assert_int_equal(choose(&cases, w, &config), 3);
  free(cases);
  // Named ones come whatever the scores leave out; positives only when there are no negatives.
  snprintf(config.where, sizeof config.where, "negative");
  snprintf(config.preview_cases, sizeof config.preview_cases, "positive number>20");
  const size_t count = choose(&cases, w, &config);
  assert_true(count >= 4);
  for (size_t i = 0; i < count; i++) assert_true(w->manifest.cases[cases[i]].number > 20);
  free(cases);
  pl_error err = {0};
  size_t none = 0;
  snprintf(config.preview_cases, sizeof config.preview_cases, "number=999");
  assert_int_equal(pl_previews_choose(&cases, &none, &w->manifest, &config, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "preview-cases"));
}

// The first case of the training part in this fold, or in another.
static const pl_case *case_of(const world *w, bool held_out, int fold) {
  for (size_t i = 0; i < w->manifest.count; i++) {
    const pl_case *c = &w->manifest.cases[i];
    if (c->part == PL_PART_TRAIN && c->status == PL_CASE_OK && (c->fold == fold) == held_out) return c;
  }
  fail_msg("no such case");
  return NULL;
}

// A case that is named must be one that the run holds out, and joins those that are shown.
static void named_cases_are_held_out(void **state) {
  const world *w = *state;
  pl_config config;
  pl_config_defaults(&config);
  const pl_case *held = case_of(w, true, 0), *trained = case_of(w, false, 0);
  pl_error err = {0};
  size_t *cases = NULL, count = 0;
  char why[80], filter[PL_FILTER_SIZE] = "";
  int64_t previews = 0;
  snprintf(why, sizeof why, "case #%u is in fold %d, which this run trains on", (unsigned)trained->number,
           trained->fold);
  snprintf(config.preview_cases, sizeof config.preview_cases, "number=%u | number=%u", (unsigned)held->number,
           (unsigned)trained->number);
  assert_int_equal(pl_previews_choose(&cases, &count, &w->manifest, &config, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, why));
  assert_int_equal(pl_previews_add(filter, &previews, w->folder, &w->manifest, &config, trained, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, why));
  assert_string_equal(filter, "");
  assert_int_equal(pl_previews_add(filter, &previews, w->folder, &w->manifest, &config, held, &err), PL_OK);
  snprintf(why, sizeof why, "number=%u", (unsigned)held->number);
  assert_non_null(strstr(filter, why));
  assert_true(previews == 1);
}

static pl_preview_writer *open_writer(const world *w, const size_t *cases, size_t count, int64_t first) {
  pl_preview_writer *writer = NULL;
  pl_error err = {0};
  if (pl_preview_writer_open(&writer, w->run, &w->manifest, cases, count, first, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  return writer;
}

static void add(pl_preview_writer *writer, const pl_case *c, float value) {
  float map[SIDE * SIDE];
  for (size_t i = 0; i < SIDE * SIDE; i++) map[i] = value;
  assert_int_equal(pl_preview_writer_add(writer, c, map, SIDE, NULL), PL_OK);
}

static void expect_epochs(pl_previews *p, const world *w, size_t count) {
  bool changed = false;
  pl_error err = {0};
  if (pl_previews_update(p, w->run, &changed, &err) != PL_OK) fail_msg("%s", err.message);
  assert_true(changed);
  assert_int_equal(p->epoch_count, count);
  for (size_t i = 0; i < count; i++) assert_int_equal(p->epochs[i], i);
  assert_int_equal(pl_previews_update(p, w->run, &changed, &err), PL_OK);
  assert_false(changed);
}

static uint16_t value_of(const world *w, int64_t epoch, const char *id) {
  pl_image map = {0};
  pl_error err = {0};
  if (pl_previews_load(&map, w->run, epoch, id, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(map.width, SIDE);
  const uint16_t value = map.u16[0];
  pl_image_clear(&map);
  return value;
}

static void epochs_appear_whole_and_are_replaced(void **state) {
  world *w = *state;
  const size_t cases[] = {5, 0};
  const pl_case *a = &w->manifest.cases[5], *b = &w->manifest.cases[0];
  pl_previews p = {0};
  bool changed = true;
  assert_int_equal(pl_previews_update(&p, w->run, &changed, NULL), PL_OK);
  assert_false(changed);  // a run without any
  assert_int_equal(p.case_count, 0);
  pl_preview_writer *writer = open_writer(w, cases, 2, 0);
  expect_epochs(&p, w, 0);
  assert_int_equal(p.case_count, 2);
  assert_string_equal(p.cases[0].id, a->id);
  assert_int_equal(p.cases[1].number, b->number);
  assert_int_equal(pl_previews_find(&p, b->id), 1);
  assert_int_equal(pl_previews_find(&p, "nobody"), 2);
  for (int64_t epoch = 0; epoch < 3; epoch++) {
    add(writer, b, 0.25f * (float)epoch);
    pl_image map = {0};
    assert_int_equal(pl_previews_load(&map, w->run, epoch, b->id, NULL), PL_E_NOTFOUND);  // not before its end
    if (epoch != 1) add(writer, a, 1);
    assert_int_equal(pl_preview_writer_end(writer, epoch, NULL), PL_OK);
    expect_epochs(&p, w, (size_t)epoch + 1);
  }
  assert_int_equal(value_of(w, 2, b->id), 32768);
  assert_int_equal(value_of(w, 2, a->id), 65535);
  pl_error err = {0};
  pl_image map = {0};
  assert_int_equal(pl_previews_load(&map, w->run, 1, a->id, &err), PL_E_NOTFOUND);
  add(writer, a, 0.5f);  // killed in the middle of epoch 3
  pl_preview_writer_close(writer);
  // The run goes on from within epoch 2: that one is evaluated again.
  writer = open_writer(w, cases, 2, 2);
  expect_epochs(&p, w, 2);
  add(writer, b, 1);
  assert_int_equal(pl_preview_writer_end(writer, 2, NULL), PL_OK);
  assert_int_equal(pl_preview_writer_end(writer, 3, NULL), PL_OK);  // nothing was added: no folder
  pl_preview_writer_close(writer);
  expect_epochs(&p, w, 3);
  assert_int_equal(value_of(w, 2, b->id), 65535);
  assert_int_equal(pl_previews_load(&map, w->run, 2, a->id, &err), PL_E_NOTFOUND);
  pl_previews_clear(&p);
}

static void damage_is_told(void **state) {
  world *w = *state;
  static const char *const texts[] = {"{\"cases\":[{\"id\":\"../../secret\",\"number\":1}]}", "{\"cases\":{}}", "{",
                                      "{\"cases\":[{\"number\":1}]}"};
  char *path = pl_path_join(w->run, "preview/cases.json");
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    pl_previews p = {0};
    pl_error err = {0};
    assert_int_equal(pl_fs_replace(path, texts[i], strlen(texts[i]), NULL), PL_OK);
    assert_int_equal(pl_previews_update(&p, w->run, NULL, &err), PL_E_FORMAT);
    assert_int_equal(p.case_count, 0);
    pl_previews_clear(&p);
  }
  free(path);
  char *map_path = pl_previews_path(w->run, 0, w->manifest.cases[0].id);
  pl_image map = {0};
  assert_int_equal(pl_fs_replace(map_path, "\x89PNG", 4, NULL), PL_OK);
  assert_int_equal(pl_previews_load(&map, w->run, 0, w->manifest.cases[0].id, NULL), PL_E_FORMAT);
  free(map_path);
}

static void a_score_counts_pixels_above_the_threshold(void **state) {
  (void)state;
  pl_image map = {0}, mask = {0}, small = {0};
  assert_int_equal(pl_image_init(&map, 4, 1, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, NULL), PL_OK);
  assert_int_equal(pl_image_init(&mask, 4, 1, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  assert_int_equal(pl_image_init(&small, 2, 1, PL_PIXEL_U8, PL_IMAGE_MASK, NULL), PL_OK);
  memcpy(map.u16, (uint16_t[]){32767, 32768, 65535, 0}, 8);
  memcpy(mask.u8, (uint8_t[]){255, 255, 0, 0}, 4);
  pl_preview_score s;
  assert_int_equal(pl_previews_score(&s, &map, &mask, 0.5, NULL), PL_OK);
  assert_int_equal(s.predicted, 2);
  assert_int_equal(s.target, 2);
  assert_int_equal(s.both, 1);
  assert_true(s.dice == 0.5);
  assert_int_equal(pl_previews_score(&s, &map, &mask, 1, NULL), PL_OK);
  assert_true(s.predicted == 0 && s.dice == 0);
  memset(mask.u8, 0, 4);
  assert_int_equal(pl_previews_score(&s, &map, &mask, 1, NULL), PL_OK);
  assert_true(s.dice == 1);
  assert_int_equal(pl_previews_score(&s, &map, &small, 0.5, NULL), PL_E_USAGE);
  assert_int_equal(pl_previews_score(&s, &mask, &mask, 0.5, NULL), PL_E_USAGE);
  pl_image_clear(&map);
  pl_image_clear(&mask);
  pl_image_clear(&small);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_choice_spreads_and_is_stable),          cmocka_unit_test(the_choice_takes_what_there_is),
      cmocka_unit_test(epochs_appear_whole_and_are_replaced),      cmocka_unit_test(damage_is_told),
      cmocka_unit_test(a_score_counts_pixels_above_the_threshold), cmocka_unit_test(named_cases_are_held_out),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
