// Accumulated gradients are those of PyTorch's loop of the reference: loss.backward() for every batch, so that the
// gradients of the batches are summed, not averaged, and each batch keeps its own batch-norm statistics.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/backend_ref/backend_ref.h"
#include "core/net/golden_fill.h"
#include "core/net/model.h"
#include "core/net/registry.h"
#include "core/net/weights.h"
#include "tests/tools/testing.h"

enum { IMAGES = 2, SIDE = 32, PIXELS = IMAGES * SIDE * SIDE };

typedef struct bench {
  pl_backend *backend;
  pl_model model;
  pl_store *store;
  pl_program *overwrite, *add;
} bench;

static void compile(pl_program **out, const bench *b, pl_program_kind kind) {
  static const pl_unet unet = {.encoder = "resnet18"};
  pl_program_spec spec = pl_program_spec_default(kind, IMAGES, SIDE, SIDE);
  spec.augment = false;
  pl_graph graph = {0};
  assert_int_equal(pl_unet_graph(&graph, &b->model, &unet, &spec, NULL), PL_OK);
  assert_int_equal(pl_backend_ref.compile(out, b->store, &graph, NULL), PL_OK);
  pl_graph_clear(&graph);
}

static void backward(pl_program *program, int batch) {
  static float x[3 * PIXELS], target[PIXELS];
  double loss[PL_LOSS_VALUES], sums[IMAGES][PL_DICE_VALUES];
  pl_golden_batch(x, target, 5, batch, IMAGES, SIDE, SIDE);
  const pl_controls controls = {.struct_size = sizeof controls};
  pl_result result = {.data = {loss, sums}};
  assert_int_equal(pl_backend_ref.input(program, 0, (const void *const[]){x, target}, NULL), PL_OK);
  assert_int_equal(pl_backend_ref.run(program, 0, &controls, &result, NULL), PL_OK);
  assert_int_equal(pl_backend_ref.wait(program, NULL), PL_OK);
}

// The gradients of every parameter, one after the other.
static double *gradients(const bench *b, size_t *count) {
  size_t room = 0;
  for (int32_t i = 0; i < b->model.count; i++) {
    if (b->model.tensors[i].role == PL_ROLE_GRADIENT) room += (size_t)pl_shape_elements(&b->model.tensors[i].shape);
  }
  double *all = pl_xcalloc(room, sizeof *all);
  *count = 0;
  for (int32_t i = 0; i < b->model.count; i++) {
    if (b->model.tensors[i].role != PL_ROLE_GRADIENT) continue;
    assert_int_equal(pl_backend_ref.download(b->store, i, PL_F64, all + *count, NULL), PL_OK);
    *count += (size_t)pl_shape_elements(&b->model.tensors[i].shape);
  }
  return all;
}

static void test_sum(void **state) {
  (void)state;
  static const pl_unet unet = {.encoder = "resnet18"};
  const pl_host host = {.struct_size = sizeof host, .api_version = PL_BACKEND_API_VERSION};
  const pl_backend_options options = {.struct_size = sizeof options, .threads = 2, .deterministic = true};
  bench b = {.store = NULL};
  assert_int_equal(pl_backend_ref.open(&b.backend, &host, &options, NULL), PL_OK);
  assert_int_equal(pl_unet_model(&b.model, &unet, NULL), PL_OK);
  assert_int_equal(pl_backend_ref.store_create(&b.store, b.backend, &b.model, NULL, NULL), PL_OK);
  assert_int_equal(pl_weights_initialise(&pl_backend_ref, b.store, &b.model, 3, NULL), PL_OK);
  compile(&b.overwrite, &b, PL_PROGRAM_ACCUMULATE);
  compile(&b.add, &b, PL_PROGRAM_ACCUMULATE_ADD);
  assert_int_equal(pl_backend_ref.arena_reserve(b.store, NULL), PL_OK);
  size_t count = 0;
  double *each[2], largest = 0;
  for (int batch = 0; batch < 2; batch++) {
    backward(b.overwrite, batch);
    each[batch] = gradients(&b, &count);
  }
  backward(b.overwrite, 0);
  backward(b.add, 1);
  double *sum = gradients(&b, &count);
  assert_true(count == 14328209);  // the parameters of this network
  for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs(sum[i]));
  assert_true(largest > 1e-3);
  for (size_t i = 0; i < count; i++) {
    const double expected = each[0][i] + each[1][i];
    if (!(fabs(sum[i] - expected) <= 1e-12 * largest)) fail_msg("%zu: %.17g is not %.17g", i, sum[i], expected);
  }
  free(sum);
  for (int batch = 0; batch < 2; batch++) free(each[batch]);
  pl_backend_ref.program_destroy(b.overwrite);
  pl_backend_ref.program_destroy(b.add);
  pl_backend_ref.store_destroy(b.store);
  pl_model_clear(&b.model);
  pl_backend_ref.close(b.backend);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sum)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
