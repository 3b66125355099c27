// Scores against numbers worked out by hand, thresholds against the definition, the tuner's table against the pixels.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/rle.h"
#include "core/image/agreement.h"
#include "core/image/probability.h"
#include "core/score/binarize.h"
#include "core/score/bootstrap.h"
#include "core/score/levels.h"
#include "core/score/score.h"
#include "core/score/submission.h"
#include "core/score/triplet.h"
#include "tests/tools/testing.h"

enum { SIDE = 48, CASES = 40 };

static void near(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-12 * (1 + fabs(expected)))) fail_msg("%.17g is not %.17g", value, expected);
}

static pl_image make(uint32_t side, pl_pixel_type type, pl_image_meaning meaning) {
  pl_image image;
  assert_int_equal(pl_image_init(&image, side, side, type, meaning, NULL), PL_OK);
  return image;
}

// Blobs of probabilities with noise, and a label that agrees with them by and large. Every third case is negative.
static pl_image make_map(uint64_t seed, uint32_t side) {
  pl_image map = make(side, PL_PIXEL_U16, PL_IMAGE_PROBABILITY);
  const double cx = side * pl_rng_double(seed, 0, 0), cy = side * pl_rng_double(seed, 0, 1);
  const double radius = side * (0.1 + 0.3 * pl_rng_double(seed, 0, 2));
  for (uint32_t y = 0; y < side; y++) {
    for (uint32_t x = 0; x < side; x++) {
      const size_t i = (size_t)y * side + x;
      const double p = 1.3 - hypot(x - cx, y - cy) / radius + 0.4 * pl_rng_double(seed, 1, i);
      map.u16[i] = pl_probability_value((float)p);
    }
  }
  return map;
}

static pl_image make_truth(uint64_t seed, uint32_t side) {
  pl_image truth = make(side, PL_PIXEL_U8, PL_IMAGE_MASK), map = make_map(seed, side);
  for (size_t i = 0; i < (size_t)side * side && seed % 3 != 0; i++) {
    truth.u8[i] = map.u16[(i + 2) % ((size_t)side * side)] > 40000 ? 255 : 0;
  }
  pl_image_clear(&map);
  return truth;
}

static void test_dice(void **state) {
  (void)state;
  near(pl_score_dice(&(pl_score_case){.truth = 5, .predicted = 7, .hits = 3}), 0.5);
  near(pl_score_dice(&(pl_score_case){.truth = 0}), 1);  // nothing there, nothing found
  near(pl_score_dice(&(pl_score_case){.predicted = 1}), 0);
  near(pl_score_dice(&(pl_score_case){.truth = 1}), 0);
}

static void test_counts(void **state) {
  (void)state;
  pl_image truth = make(4, PL_PIXEL_U8, PL_IMAGE_MASK), predicted = make(4, PL_PIXEL_U8, PL_IMAGE_MASK);
  pl_image map = make(4, PL_PIXEL_U16, PL_IMAGE_PROBABILITY), other = make(5, PL_PIXEL_U8, PL_IMAGE_MASK);
  truth.u8[0] = truth.u8[5] = truth.u8[15] = 255;
  predicted.u8[5] = predicted.u8[15] = predicted.u8[14] = predicted.u8[13] = 1;  // any value above 0 is inside
  map.u16[5] = 65535;
  map.u16[0] = 100;
  map.u16[1] = 7;
  pl_score_case c;
  assert_int_equal(pl_score_masks(&c, &truth, &predicted, NULL), PL_OK);
  assert_int_equal(pl_score_soft(&c, &truth, &map, NULL), PL_OK);
  assert_int_equal(c.truth, 3);
  assert_int_equal(c.predicted, 4);
  assert_int_equal(c.hits, 2);
  assert_int_equal(c.soft_predicted, 65642);
  assert_int_equal(c.soft_hits, 65635);
  pl_error err = {0};
  assert_int_equal(pl_score_masks(&c, &truth, &other, &err), PL_E_FORMAT);
  assert_string_equal(err.message, "the prediction is 5x5 pixels, the mask 4x4");
  pl_image_clear(&truth);
  pl_image_clear(&predicted);
  pl_image_clear(&map);
  pl_image_clear(&other);
}

static void test_summary(void **state) {
  (void)state;
  const pl_score_case cases[] = {
      {.truth = 4, .predicted = 4, .hits = 3},  // 0.75
      {.truth = 0, .predicted = 0},             // 1
      {.truth = 0, .predicted = 9},             // 0
      {.truth = 5, .predicted = 0},             // 0
      {.truth = 2, .predicted = 2, .hits = 2},  // 1
      {.truth = 0, .predicted = 0},             // 1
      {.truth = 0, .predicted = 0},             // 1
  };
  const pl_score_summary s = pl_score_summarise(cases, 7);
  near(s.dice, 4.75 / 7);
  near(s.dice_pos, 1.75 / 3);
  near(s.dice_neg, 0.75);
  near(s.nothing, 4.0 / 7);
  near(s.precision, 2.0 / 3);
  near(s.recall, 2.0 / 3);
  assert_int_equal(s.positives, 3);
  assert_int_equal(s.true_positives, 2);
  assert_int_equal(s.false_positives, 1);
  assert_int_equal(s.false_negatives, 1);
  assert_int_equal(s.true_negatives, 3);
  const pl_score_summary empty = pl_score_summarise(NULL, 0), negative = pl_score_summarise(&cases[1], 1);
  assert_true(isnan(empty.dice) && isnan(empty.nothing));
  assert_true(isnan(negative.dice_pos) && isnan(negative.precision) && isnan(negative.recall));
  near(negative.dice_neg, 1);
}

static void test_dice_batches(void **state) {
  (void)state;
  const pl_score_case cases[] = {
      {.truth = 2, .soft_predicted = 65535, .soft_hits = 65535},
      {.truth = 1, .soft_predicted = 2 * 65535, .soft_hits = 65535},
      {.truth = 0, .soft_predicted = 0},
  };
  double sum = 0;
  assert_int_equal(pl_score_dice_batches(&sum, cases, 3, 2), 2);
  near(sum, (4 + 1e-6) / (6 + 1e-6) + 1);
}

static void test_bootstrap(void **state) {
  (void)state;
  // The mean of n draws of 0 and 1: the interval is near the normal one, 0.5 +- 1.96 * 0.5 / sqrt(n).
  enum { N = 400 };
  double values[N];
  for (int i = 0; i < N; i++) values[i] = i % 2;
  const pl_interval a = pl_bootstrap_mean(values, N, 1), b = pl_bootstrap_mean(values, N, 1);
  assert_true(a.low == b.low && a.high == b.high);
  assert_true(fabs(a.low - 0.451) < 0.006 && fabs(a.high - 0.549) < 0.006);
  assert_true(isnan(pl_bootstrap_mean(values, 0, 1).low));
  // A difference of means spreads as both together.
  for (int i = 0; i < N; i++) values[i] = i % 2 + 3;
  const pl_interval d = pl_bootstrap_difference(values, N, values, N, 1);
  assert_true(fabs(d.low + 0.0693) < 0.006 && fabs(d.high - 0.0693) < 0.006);
  pl_score_case cases[N];
  for (int i = 0; i < N; i++) cases[i] = (pl_score_case){.truth = 4, .predicted = 4, .hits = i % 2 ? 4 : 2};
  const pl_score_intervals s = pl_score_bootstrap(cases, N, 1);
  assert_true(fabs(s.dice.low - 0.7255) < 0.004 && fabs(s.dice.high - 0.7745) < 0.004);
  assert_true(s.dice_pos.low == s.dice.low && s.dice_pos.high == s.dice.high);
  assert_true(isnan(s.dice_neg.low));
  near(s.recall.low, 1);
}

static void test_triplet_text(void **state) {
  (void)state;
  pl_triplet t;
  char text[PL_TRIPLET_TEXT_SIZE];
  assert_int_equal(pl_triplet_parse(&t, "0.75,2000,0.3", NULL), PL_OK);
  assert_true(t.top == 0.75 && t.area == 2000 && t.bottom == 0.3);
  pl_triplet_text(text, &t);
  assert_string_equal(text, "0.75,2000,0.3");
  assert_int_equal(pl_triplet_parse(&t, "half", NULL), PL_OK);
  pl_triplet_text(text, &t);
  assert_string_equal(text, "0.5,0,0.5");
  assert_int_equal(pl_triplet_parse(&t, "winner", NULL), PL_OK);
  assert_int_equal(t.area, 2000);
  static const char *const wrong[] = {"",         "0.5",         "0.5,1",     "0.5,1,0.2,3", "0.3,1,0.5", "1.1,1,0.5",
                                      "0.5,-1,0", "0.5,1.5,0.1", "nan,1,0.1", "a,b,c",       "0.5,,0.1"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    pl_error err = {0};
    if (pl_triplet_parse(&t, wrong[i], &err) != PL_E_USAGE) fail_msg("'%s' was taken", wrong[i]);
    assert_non_null(strstr(err.message, "triplet"));
  }
}

// p > t for every value and every threshold that a person would type, as doubles compare.
static void test_cut(void **state) {
  (void)state;
  for (int k = 0; k <= 1000; k++) {
    const double threshold = k / 1000.0;
    const uint32_t cut = pl_probability_cut(threshold, PL_PROBABILITY_ONE);
    assert_false(cut / 65535.0 > threshold);
    assert_true(cut == 65535 || (cut + 1) / 65535.0 > threshold);
  }
  assert_int_equal(pl_probability_cut(0.2, PL_PROBABILITY_ONE), 13107);  // 13107 / 65535 is 0.2, and not above it
  assert_int_equal(pl_probability_cut(0.5, PL_PROBABILITY_ONE), 32767);
}

// The winner's rule, spelt out pixel by pixel.
static void test_binarize(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 60; seed++) {
    pl_image map = make_map(seed, SIDE), mask = {0};
    const pl_binarizer b = {.triplet = {.top = (double)pl_rng_below(seed, 5, 0, 101) / 100,
                                        .area = pl_rng_below(seed, 5, 1, 600),
                                        .bottom = (double)pl_rng_below(seed, 5, 2, 101) / 100}};
    assert_int_equal(pl_binarize(&mask, &map, &b, NULL), PL_OK);
    uint64_t sure = 0;
    for (size_t i = 0; i < SIDE * SIDE; i++) sure += map.u16[i] / 65535.0 > b.triplet.top;
    for (size_t i = 0; i < SIDE * SIDE; i++) {
      const bool inside = map.u16[i] / 65535.0 > b.triplet.bottom && !(sure < b.triplet.area);
      assert_int_equal(mask.u8[i], inside ? 255 : 0);
    }
    pl_image_clear(&map);
    pl_image_clear(&mask);
  }
}

// The area is enough when it is reached.
static void test_area_is_strict(void **state) {
  (void)state;
  pl_image map = make(8, PL_PIXEL_U16, PL_IMAGE_PROBABILITY), mask = {0};
  for (int i = 0; i < 10; i++) map.u16[i] = 60000;
  map.u16[20] = 30000;
  pl_binarizer b = {.triplet = {.top = 0.75, .area = 10, .bottom = 0.3}};
  assert_int_equal(pl_binarize(&mask, &map, &b, NULL), PL_OK);
  assert_int_equal(pl_mask_area(&mask), 11);
  pl_image_clear(&mask);
  b.triplet.area = 11;
  assert_int_equal(pl_binarize(&mask, &map, &b, NULL), PL_OK);
  assert_int_equal(pl_mask_area(&mask), 0);
  pl_image_clear(&mask);
  pl_image_clear(&map);
}

static void test_components(void **state) {
  (void)state;
  static const char *const rows[] = {"##......",  // 2 + 1 by the corner
                                     "..#.....",  //
                                     "........",  //
                                     "#......#",  // two single ones, at both ends
                                     "....##..",  // 4
                                     "....##..",  //
                                     "........",  //
                                     ".......#"};
  pl_image mask = make(8, PL_PIXEL_U8, PL_IMAGE_MASK);
  for (int y = 0; y < 8; y++) {
    for (int x = 0; x < 8; x++) mask.u8[y * 8 + x] = rows[y][x] == '#' ? 255 : 0;
  }
  assert_int_equal(pl_mask_remove_small(&mask, 2, NULL), PL_OK);
  assert_int_equal(pl_mask_area(&mask), 7);
  assert_int_equal(mask.u8[3 * 8], 0);
  assert_int_equal(mask.u8[3 * 8 + 7], 0);
  assert_int_equal(mask.u8[8 + 2], 255);  // it touches the others at a corner
  assert_int_equal(pl_mask_remove_small(&mask, 4, NULL), PL_OK);
  assert_int_equal(pl_mask_area(&mask), 4);
  assert_int_equal(pl_mask_remove_small(&mask, 5, NULL), PL_OK);
  assert_int_equal(pl_mask_area(&mask), 0);
  pl_image_clear(&mask);
}

typedef struct set {
  pl_image maps[CASES], truths[CASES];
  pl_levels levels[CASES];
} set;

static set *make_set(uint32_t map_side, uint32_t side) {
  set *s = pl_xcalloc(1, sizeof *s);
  for (size_t i = 0; i < CASES; i++) {
    s->maps[i] = make_map(i, map_side);
    s->truths[i] = make_truth(i, side);
    assert_int_equal(pl_levels_count(&s->levels[i], &s->maps[i], &s->truths[i], NULL), PL_OK);
  }
  return s;
}

static void free_set(set *s) {
  for (size_t i = 0; i < CASES; i++) {
    pl_image_clear(&s->maps[i]);
    pl_image_clear(&s->truths[i]);
  }
  free(s);
}

// What an evaluation makes of the set: pixels at the label's size.
static double evaluate(const set *s, const pl_triplet *triplet, pl_score_case cases[CASES]) {
  const pl_binarizer b = {.triplet = *triplet};
  for (size_t i = 0; i < CASES; i++) {
    pl_image resized = {0}, mask = {0};
    const pl_image *truth = &s->truths[i];
    assert_int_equal(pl_binarize_resize(&resized, &s->maps[i], truth->width, truth->height, NULL), PL_OK);
    assert_int_equal(pl_binarize(&mask, &resized, &b, NULL), PL_OK);
    assert_int_equal(pl_score_masks(&cases[i], truth, &mask, NULL), PL_OK);
    pl_image_clear(&resized);
    pl_image_clear(&mask);
  }
  return pl_score_summarise(cases, CASES).dice;
}

static void check_levels(uint32_t map_side, uint32_t side) {
  set *s = make_set(map_side, side);
  bool differs = false;
  double first = -1;
  for (uint64_t k = 0; k < 100; k++) {
    const int top = (int)pl_rng_below(3, k, 0, PL_LEVELS), bottom = (int)pl_rng_below(3, k, 1, (uint64_t)top + 1);
    const pl_level_triplet t = {.top = top, .bottom = bottom, .area = pl_rng_below(3, k, 2, 500)};
    const pl_triplet values = pl_level_triplet_values(&t);
    pl_level_triplet back;
    assert_true(pl_level_triplet_of(&back, &values));
    assert_true(back.top == t.top && back.bottom == t.bottom && back.area == t.area);
    pl_score_case cases[CASES];
    const double dice = evaluate(s, &values, cases);
    assert_true(pl_levels_dice(s->levels, CASES, &t) == dice);  // to the last bit
    for (size_t i = 0; i < CASES; i++) {
      const pl_score_case c = pl_levels_case(&s->levels[i], &t);
      assert_memory_equal(&c, &cases[i], sizeof c);
    }
    differs = differs || (first >= 0 && dice != first);
    first = dice;
  }
  assert_true(differs);
  free_set(s);
}

static void test_levels(void **state) {
  (void)state;
  check_levels(SIDE, SIDE);
  check_levels(32, SIDE);  // resized to the label
  check_levels(SIDE, 32);
}

static void test_levels_of(void **state) {
  (void)state;
  pl_level_triplet t;
  assert_true(pl_level_triplet_of(&t, &(pl_triplet){.top = 1, .area = 3, .bottom = 0}));
  assert_true(t.top == 100 && t.bottom == 0 && t.area == 3);
  assert_false(pl_level_triplet_of(&t, &(pl_triplet){.top = 0.755, .area = 3, .bottom = 0}));
}

// The search finds what trying everything finds, over all cases and over some.
static void test_search(void **state) {
  (void)state;
  set *s = make_set(SIDE, SIDE);
  const pl_triplet_grid g = {.top_first = 30,
                             .top_last = 90,
                             .top_step = 15,
                             .bottom_first = 10,
                             .bottom_last = 70,
                             .bottom_step = 20,
                             .area_first = 0,
                             .area_last = 400,
                             .area_step = 80};
  bool odd[CASES];
  pl_levels chosen[CASES];
  size_t count = 0;
  for (size_t i = 0; i < CASES; i++) {
    odd[i] = i % 2 != 0;
    if (odd[i]) chosen[count++] = s->levels[i];
  }
  double best = -1, best_odd = -1, found = 0;
  for (int top = 30; top <= 90; top += 15) {
    for (int bottom = 10; bottom <= 70 && bottom <= top; bottom += 20) {
      for (uint64_t area = 0; area <= 400; area += 80) {
        const pl_level_triplet t = {.top = top, .bottom = bottom, .area = area};
        best = fmax(best, pl_levels_dice(s->levels, CASES, &t));
        best_odd = fmax(best_odd, pl_levels_dice(chosen, count, &t));
      }
    }
  }
  pl_level_triplet t = pl_triplet_search(&found, s->levels, NULL, CASES, &g);
  assert_true(found == best && pl_levels_dice(s->levels, CASES, &t) == best);
  t = pl_triplet_search(&found, s->levels, odd, CASES, &g);
  assert_true(found == best_odd && pl_levels_dice(chosen, count, &t) == best_odd);
  // All cases empty and all labels too: everything scores 1, and the first triplet is taken.
  const pl_levels nothing[2] = {{0}};
  t = pl_triplet_search(&found, nothing, NULL, 2, &g);
  assert_true(found == 1 && t.top == 30 && t.area == 0 && t.bottom == 10);
  const pl_triplet_grid d = pl_triplet_grid_default(1 << 20), small = pl_triplet_grid_default(64 * 64);
  assert_int_equal(d.area_last, 3000);
  assert_int_equal(d.area_step, 200);
  assert_int_equal(small.area_step, 1);
  free_set(s);
}

// ---- Submissions

static const char sample_text[] =
    "ImageId,EncodedPixels\nd,-1\nempty,-1\nfull,-1\nfirst,-1\nlast,-1\nd,-1\ncorners,-1\nnoise,-1\ncolumn,-1\nstripes,"
    "-1\n";

// Masks at every edge, by the ids of the sample.
static pl_image make_edge(const char *id) {
  pl_image mask = make(SIDE, PL_PIXEL_U8, PL_IMAGE_MASK);
  const size_t pixels = SIDE * SIDE;
  for (size_t i = 0; i < pixels; i++) {
    bool inside = false;
    if (strcmp(id, "d") == 0) inside = i % SIDE > 10 && i % SIDE < 20 && i / SIDE > 5 && i / SIDE < 40;
    if (strcmp(id, "full") == 0) inside = true;
    if (strcmp(id, "first") == 0) inside = i == 0;
    if (strcmp(id, "last") == 0) inside = i == pixels - 1;
    if (strcmp(id, "corners") == 0) inside = i == 0 || i == SIDE - 1 || i == pixels - SIDE || i == pixels - 1;
    if (strcmp(id, "noise") == 0) inside = pl_rng_below(9, 0, i, 3) == 0;
    if (strcmp(id, "column") == 0) inside = i % SIDE == SIDE - 1;
    if (strcmp(id, "stripes") == 0) inside = i / SIDE % 2 != 0;
    mask.u8[i] = inside ? 255 : 0;
  }
  return mask;
}

static pl_rle_table parse(const char *text) {
  pl_rle_table table = {0};
  pl_error err = {0};
  if (pl_rle_table_parse(&table, text, strlen(text), true, &err) != PL_OK) fail_msg("%s", err.message);
  return table;
}

static char *temporary(void) {
  char *folder = pl_xprintf("%s/pleura-score-XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
  assert_non_null(mkdtemp(folder));
  return folder;
}

static void put_all(pl_submission *s, const pl_rle_table *sample, const char *but) {
  for (size_t i = 0; i < sample->image_count; i++) {
    if (but != NULL && strcmp(sample->images[i].id, but) == 0) continue;
    pl_image mask = make_edge(sample->images[i].id);
    assert_int_equal(pl_submission_put(s, i, &mask, NULL), PL_OK);
    pl_image_clear(&mask);
  }
}

// Masks of every edge kind, written, read back, and scored: 1.0 each.
static void test_round_trip(void **state) {
  (void)state;
  char *folder = temporary(), *path = pl_path_join(folder, "submission.csv");
  pl_rle_table sample = parse(sample_text), written = {0};
  pl_submission *s = pl_submission_create(&sample);
  pl_error err = {0};
  put_all(s, &sample, "noise");
  assert_int_equal(pl_submission_write(s, path, &err), PL_E_USAGE);
  assert_string_equal(err.message, "there is no prediction for image noise");
  assert_false(pl_fs_is_file(path));
  put_all(s, &sample, NULL);
  assert_int_equal(pl_submission_positives(s), 8);
  if (pl_submission_write(s, path, &err) != PL_OK) fail_msg("%s", err.message);
  assert_int_equal(pl_rle_table_load(&written, path, true, &err), PL_OK);
  assert_int_equal(written.count, sample.count);
  for (size_t i = 0; i < written.count; i++) {
    assert_string_equal(written.rows[i].id, sample.rows[i].id);
    pl_image mask = make(SIDE, PL_PIXEL_U8, PL_IMAGE_MASK), expected = make_edge(written.rows[i].id);
    assert_int_equal(pl_rle_decode(&mask, written.rows[i].pixels, NULL), PL_OK);
    assert_memory_equal(mask.u8, expected.u8, SIDE * SIDE);
    pl_image_clear(&mask);
    pl_image_clear(&expected);
  }
  const pl_submission_tables tables = {&written, &written, "a", "b", SIDE, SIDE};
  pl_submission_score score = {0};
  assert_int_equal(pl_submission_score_tables(&score, &tables, NULL), PL_OK);
  assert_int_equal(score.count, 9);
  assert_true(pl_score_summarise(score.cases, score.count).dice == 1);
  pl_submission_score_clear(&score);
  pl_submission_destroy(s);
  pl_rle_table_clear(&written);
  pl_rle_table_clear(&sample);
  assert_int_equal(pl_fs_remove_tree(folder, NULL), PL_OK);
  free(folder);
  free(path);
}

static void test_score_tables(void **state) {
  (void)state;
  // 4 x 4 pixels. b: 3 of the label's 4 (in two rows that overlap) and one besides; c is missing; z is unknown.
  pl_rle_table labels = parse("ImageId, EncodedPixels\na,-1\nb,0 2\nb,1 3\nc,-1\nd,5 1\n");
  pl_rle_table submission = parse("ImageId,EncodedPixels\nb,1 4\nz,0 1\na,-1\nd,-1\n");
  pl_submission_tables tables = {&submission, &labels, "sub.csv", "rle.csv", 4, 4};
  pl_submission_score score = {0};
  pl_error err = {0};
  assert_int_equal(pl_submission_score_tables(&score, &tables, &err), PL_OK);
  assert_int_equal(score.count, 3);
  assert_int_equal(score.unknown, 1);
  assert_int_equal(score.missing, 1);
  assert_string_equal(score.ids[1], "b");
  assert_int_equal(score.cases[1].truth, 4);
  assert_int_equal(score.cases[1].hits, 3);
  near(pl_score_summarise(score.cases, 3).dice, (1 + 0.75 + 0) / 3);
  pl_submission_score_clear(&score);
  tables.width = tables.height = 2;
  assert_int_equal(pl_submission_score_tables(&score, &tables, &err), PL_E_FORMAT);
  assert_non_null(strstr(err.message, "sub.csv line 2 (of 2x2 pixels)"));
  pl_rle_table_clear(&submission);
  submission = parse("ImageId,EncodedPixels\ny,-1\n");
  assert_int_equal(pl_submission_score_tables(&score, &tables, &err), PL_E_NOTFOUND);
  assert_string_equal(err.message, "none of the 1 images of sub.csv is in rle.csv");
  pl_rle_table_clear(&submission);
  pl_rle_table_clear(&labels);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_dice),         cmocka_unit_test(test_counts),     cmocka_unit_test(test_summary),
      cmocka_unit_test(test_dice_batches), cmocka_unit_test(test_bootstrap),  cmocka_unit_test(test_triplet_text),
      cmocka_unit_test(test_cut),          cmocka_unit_test(test_binarize),   cmocka_unit_test(test_area_is_strict),
      cmocka_unit_test(test_components),   cmocka_unit_test(test_levels),     cmocka_unit_test(test_levels_of),
      cmocka_unit_test(test_search),       cmocka_unit_test(test_round_trip), cmocka_unit_test(test_score_tables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
