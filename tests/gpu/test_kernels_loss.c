// The loss and augmentation, against backend_ref's kernels in double, which the finite differences of other tests
// check.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/backend_ref/ref.h"
#include "tests/gpu/kernel_tests.h"

typedef struct batch {
  int32_t n;
  int64_t pixels;
  array logits, target;
} batch;

enum { EMPTY, FULL, MIXED, LARGE, TIES, KINDS };

static batch batch_of(int32_t n, int64_t pixels, int kind) {
  const double range = kind == LARGE ? 40 : 5;
  batch b = {n, pixels, array_random(PL_GPU_F32, n * pixels, -range, range),
             array_random(PL_GPU_F32, n * pixels, 0, 1)};
  for (int64_t i = 0; i < n * pixels; i++) {
    double t = kind == EMPTY ? 0 : kind == FULL ? 1 : b.target.value[i] > 0.8;
    ((float *)b.target.data)[i] = (float)t;
    b.target.value[i] = t;
    if (kind != TIES) continue;
    b.logits.value[i] = rint(b.logits.value[i]);
    ((float *)b.logits.data)[i] = (float)b.logits.value[i];
  }
  return b;
}

static pl_ref_call call_of(const pl_node *node, const batch *b, double *loss) {
  pl_shape shape = pl_shape_make(4, b->n, 1, 1, b->pixels);
  return (pl_ref_call){
      .node = node, .threads = 1, .in = {b->logits.value, b->target.value, loss}, .in_shape = {shape, shape}};
}

static void check_loss(const batch *b, const double weights[PL_LOSS_TERMS]) {
  pl_node node = {0};
  pl_gpu_loss loss = {.n = b->n, .pixels = b->pixels};
  for (int i = 0; i < PL_LOSS_TERMS; i++) node.a.loss_weights[i] = loss.weights[i] = weights[i];
  double want[PL_LOSS_VALUES], *got = doubles(PL_LOSS_VALUES);
  pl_ref_call call = call_of(&node, b, NULL);
  call.out[0] = want;
  assert_int_equal(pl_ref_combo_loss(&call), PL_OK);
  void *scratch = guarded(pl_gpu_loss_scratch(&loss));
  pl_gpu_combo_loss(NULL, &loss, b->logits.data, b->target.data, got, scratch);
  for (int i = 0; i < PL_LOSS_VALUES; i++) {
    if (isnan(want[i]) ? isnan(got[i]) : fabs(got[i] - want[i]) <= 2e-6 * fmax(1, fabs(want[i]))) continue;
    fail_msg("element %d of the loss is %.12g, it should be %.12g", i, got[i], want[i]);
  }
  const int64_t count = b->n * b->pixels;
  double *slopes = malloc((size_t)count * sizeof *slopes);
  assert_non_null(slopes);
  call = call_of(&node, b, want);
  call.out[0] = slopes;
  assert_int_equal(pl_ref_combo_loss_backward(&call), PL_OK);
  float *loss_scale = floats(1);
  *loss_scale = 512;
  for (int t = 0; t < 3; t++) {
    array gradient = array_poisoned(gpu_types[t], count);
    memset(scratch, 0xff, pl_gpu_loss_scratch(&loss));
    pl_gpu_combo_loss_backward(NULL, &loss, b->logits.data, b->target.data, got, loss_scale, gpu_types[t],
                               gradient.data, scratch);
    for (int64_t i = 0; i < count; i++) gradient.value[i] = slopes[i] * 512;
    array_check(&gradient, 4e-6, "gradient of the loss");
  }
  free(slopes);
}

static void test_loss(void **unused) {
  (void)unused;
  const struct {
    int32_t n;
    int64_t pixels;
  } sizes[] = {{1, 1}, {1, 7}, {3, 9}, {1, 2048}, {3, 5000}};
  const double mixes[][PL_LOSS_TERMS] = {
      {3, 1, 4}, {1}, {0, 1}, {0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 0, 1}, {0, 0, 0, 0, 0, 1}, {0.5, 1, 2, 3, 4, 5}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    for (int kind = 0; kind < KINDS; kind++) {
      for (size_t m = 0; m < sizeof mixes / sizeof *mixes; m++) {
        batch b = batch_of(sizes[s].n, sizes[s].pixels, kind);
        check_loss(&b, mixes[m]);
        arrays_clear();
      }
    }
  }
}

// A sum below the least loss has no gradient; a loss that is not finite has not-a-number, which holds the update back.
static void test_clamped_and_lost(void **unused) {
  (void)unused;
  const double weights[PL_LOSS_TERMS] = {[PL_LOSS_BCE] = 1};
  batch b = batch_of(1, 100, EMPTY);
  for (int i = 0; i < 100; i++) {
    b.logits.value[i] = -50;
    ((float *)b.logits.data)[i] = -50;
  }
  check_loss(&b, weights);
  const double all[PL_LOSS_TERMS] = {1, 1, 1, 1, 1, 1};
  b = batch_of(2, 50, MIXED);
  b.logits.value[77] = NAN;
  ((float *)b.logits.data)[77] = NAN;
  check_loss(&b, all);
  b = batch_of(2, 50, MIXED);
  b.logits.value[3] = INFINITY;
  ((float *)b.logits.data)[3] = INFINITY;
  b.target.value[3] = ((float *)b.target.data)[3] = 0;
  check_loss(&b, weights);
  arrays_clear();
}

static void test_dice_sums(void **unused) {
  (void)unused;
  for (int32_t n = 1; n <= 3; n += 2) {
    batch b = batch_of(n, 7001, MIXED);
    pl_node node = {0};
    double want[3 * PL_DICE_VALUES], *got = doubles(n * PL_DICE_VALUES);
    pl_ref_call call = call_of(&node, &b, NULL);
    call.out[0] = want;
    assert_int_equal(pl_ref_dice_sums(&call), PL_OK);
    pl_gpu_dice_sums(NULL, n, b.pixels, b.logits.data, b.target.data, got, guarded(PL_GPU_FLAT_SCRATCH));
    for (int i = 0; i < n * PL_DICE_VALUES; i++) assert_true(fabs(got[i] - want[i]) <= 1e-6 * fabs(want[i]));
    arrays_clear();
  }
}

// ---------------------------------------------------------------------------------------------------------------------

static void check_augment(pl_gpu_type type, int32_t n, int32_t h, int32_t w, int32_t channels) {
  const int64_t area = (int64_t)h * w, count = n * area;
  uint8_t *image = guarded((size_t)count), *mask = guarded((size_t)count);
  for (int64_t i = 0; i < count; i++) {
    image[i] = (uint8_t)draw_bits();
    mask[i] = draw(0, 1) > 0.7 ? 255 : 0;
  }
  double *parameters = doubles((int64_t)n * PL_AUGMENT_VALUES);
  for (int32_t i = 0; i < n; i++) {
    double angle = draw(-0.5, 0.5), scale = draw(0.7, 1.3);
    const double row[PL_AUGMENT_VALUES] = {scale * cos(angle), -scale * sin(angle), draw(-9, 9),    scale * sin(angle),
                                           scale * cos(angle), draw(-9, 9),         draw(0.8, 1.2), draw(-20, 20)};
    memcpy(parameters + i * PL_AUGMENT_VALUES, row, sizeof row);
  }
  pl_node node = {.a = {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}}};
  double *x_want = malloc((size_t)(3 * count) * sizeof *x_want);
  assert_non_null(x_want);
  array x = array_poisoned(type, count * channels), target = array_poisoned(PL_GPU_F32, count);
  pl_ref_call call = {.node = &node,
                      .in = {image, mask, parameters},
                      .out = {x_want, target.value},
                      .in_shape = {pl_shape_make(4, n, 1, h, w)}};
  assert_int_equal(pl_ref_augment(&call), PL_OK);
  for (int64_t i = 0; i < x.count; i++) {
    int64_t c = i % channels, pixel = i / channels % area, m = i / channels / area;
    x.value[i] = c < 3 ? x_want[(m * 3 + c) * area + pixel] : 0;
  }
  const pl_gpu_shape shape = {n, h, w, channels};
  pl_gpu_augment(NULL, type, &shape, image, mask, parameters, node.a.mean, node.a.deviation, x.data, target.data);
  array_check(&x, 0, "augmented image");
  array_check(&target, 0, "augmented mask");
  free(x_want);
  arrays_clear();
}

static void test_augment(void **unused) {
  (void)unused;
  for (int t = 0; t < 3; t++) {
    check_augment(gpu_types[t], 1, 1, 1, 4);
    check_augment(gpu_types[t], 3, 37, 29, 4);
    check_augment(gpu_types[t], 2, 32, 40, 8);
    check_augment(gpu_types[t], 1, 9, 64, 3);
  }
}

int run_loss_tests(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_loss), cmocka_unit_test(test_clamped_and_lost),
                                     cmocka_unit_test(test_dice_sums), cmocka_unit_test(test_augment)};
  return cmocka_run_group_tests_name("loss and augmentation", tests, NULL, NULL);
}
