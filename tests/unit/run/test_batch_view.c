// A batch to look at against what the reference backend's augment op makes of the feed's batch.
#include "core/run/batch_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/feed.h"
#include "core/net/registry.h"
#include "tests/screens/fixture.h"
#include "tests/tools/testing.h"

enum { CASES = 40, SIDE = FIXTURE_SIDE, PLANE = SIDE * SIDE, BATCH = 12 };

typedef struct world {
  char folder[32];
  pl_manifest manifest;
  pl_config config;
} world;

static int set_up(void **state) {
  world *w = pl_xcalloc(1, sizeof *w);
  strcpy(w->folder, "/tmp/pleura-batch-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  pl_error err = {0};
  if (fixture_workspace(w->folder, CASES, &err) != PL_OK) fail_msg("%s", err.message);
  if (pl_manifest_load(&w->manifest, w->folder, &err) != PL_OK) fail_msg("%s", err.message);
  pl_config_defaults(&w->config);
  w->config.batch = BATCH;
  w->config.fold = 1;
  w->config.seed = 7;
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  pl_manifest_clear(&w->manifest);
  pl_fs_remove_tree(w->folder, NULL);
  free(w);
  return 0;
}

static pl_batch_view load(const world *w, const pl_config *config, uint64_t epoch, size_t batch) {
  pl_batch_view view = {0};
  pl_error err = {0};
  if (pl_batch_view_load(&view, &w->manifest, config, epoch, batch, &err) != PL_OK) fail_msg("%s", err.message);
  return view;
}

// What goes into the network, [n,3,h,w] and [n,1,h,w].
static void run_augment(double *x, double *target, const pl_batch *batch) {
  pl_error err = {0};
  const pl_host host = {.struct_size = sizeof host, .api_version = PL_BACKEND_API_VERSION};
  const pl_backend_options options = {.struct_size = sizeof options, .threads = 1, .deterministic = true};
  pl_registry *registry = pl_registry_create(&host);
  const pl_backend_api *api = NULL;
  pl_backend *backend = NULL;
  char why[256] = "";
  assert_int_equal(pl_registry_open(&backend, &api, registry, "ref", &options, why, sizeof why, &err), PL_OK);
  const int32_t n = (int32_t)batch->count;
  pl_model model = {0};
  pl_graph graph;
  pl_graph_init(&graph, &model);
  const int32_t in[] = {
      pl_graph_input(&graph, "image", PL_U8, pl_shape_make(4, n, 1, SIDE, SIDE)),
      pl_graph_input(&graph, "mask", PL_U8, pl_shape_make(4, n, 1, SIDE, SIDE)),
      pl_graph_input(&graph, "parameters", PL_F64, pl_shape_make(2, n, PL_AUGMENT_VALUES, 1, 1)),
  };
  const pl_attributes at = {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}};
  const int32_t out = pl_graph_add(&graph, PL_OP_AUGMENT, "x", in, 3, NULL, 0, &at);
  pl_graph_result(&graph, out);
  pl_graph_result(&graph, out + 1);
  pl_store *store = NULL;
  pl_program *program = NULL;
  float *x32 = pl_xcalloc((size_t)n * 3 * PLANE, sizeof *x32),
        *target32 = pl_xcalloc((size_t)n * PLANE, sizeof *target32);
  const void *const data[] = {batch->image, batch->mask, batch->augmentations};
  const pl_controls controls = {.struct_size = sizeof controls};
  pl_result result = {.data = {x32, target32}};
  assert_int_equal(graph.values[out].dtype, PL_F32);
  if (api->store_create(&store, backend, &model, NULL, &err) != PL_OK ||
      api->compile(&program, store, &graph, &err) != PL_OK || api->arena_reserve(store, &err) != PL_OK ||
      api->input(program, 0, data, &err) != PL_OK || api->run(program, 0, &controls, &result, &err) != PL_OK ||
      api->wait(program, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  for (int64_t i = 0; i < (int64_t)n * 3 * PLANE; i++) x[i] = x32[i];
  for (int64_t i = 0; i < (int64_t)n * PLANE; i++) target[i] = target32[i];
  free(x32);
  free(target32);
  api->program_destroy(program);
  api->store_destroy(store);
  api->close(backend);
  pl_graph_clear(&graph);
  pl_registry_destroy(registry);
}

static void test_as_the_network(void **state) {
  const world *w = *state;
  const pl_batch_view view = load(w, &w->config, 3, 2);
  assert_int_equal(view.count, PL_BATCH_VIEW_IMAGES);
  assert_int_equal(view.batch_images, BATCH);
  assert_int_equal(view.config.size, SIDE);

  // Another reader of the same epoch, from its beginning, and with its own number of threads.
  pl_feed_options options = pl_config_feed(&view.config);
  options.workers = 3;
  pl_feed *feed = NULL;
  const pl_batch *batch = NULL;
  pl_error err = {0};
  assert_int_equal(pl_feed_create(&feed, &w->manifest, &options, &err), PL_OK);
  assert_int_equal(pl_feed_start(feed, 3, 0, &err), PL_OK);
  assert_int_equal(pl_feed_next(feed, &batch, &err), PL_OK);
  assert_int_equal(pl_feed_next(feed, &batch, &err), PL_OK);
  double *x = pl_xcalloc(BATCH * 3 * PLANE, sizeof *x), *target = pl_xcalloc(BATCH * PLANE, sizeof *target);
  run_augment(x, target, batch);
  size_t changed = 0;
  for (size_t i = 0; i < view.count; i++) {
    assert_int_equal(view.images[i].index, batch->cases[i]);
    for (size_t p = 0; p < PLANE; p++) {
      const double grey = 255 * (x[i * 3 * PLANE + p] * 0.229 + 0.485);
      assert_true(fabs(grey - view.images[i].image.u8[p]) < 0.01);
      assert_true(view.images[i].mask.u8[p] == (target[i * PLANE + p] != 0 ? 255 : 0));
      changed += view.images[i].image.u8[p] != batch->image[i * PLANE + p];
    }
  }
  assert_true(changed > PLANE);  // else nothing was augmented, and this test would say little
  free(x);
  free(target);
  pl_feed_destroy(feed);
  pl_batch_view last = view;
  pl_batch_view_clear(&last);
}

static bool same(const pl_batch_view *a, const pl_batch_view *b) {
  for (size_t i = 0; i < a->count; i++) {
    if (a->images[i].index != b->images[i].index) return false;
    if (memcmp(a->images[i].image.u8, b->images[i].image.u8, PLANE) != 0) return false;
  }
  return a->count == b->count;
}

static void test_deterministic(void **state) {
  const world *w = *state;
  pl_config other = w->config;
  other.seed = 8;
  pl_batch_view a = load(w, &w->config, 1, 1), b = load(w, &w->config, 1, 1), epoch = load(w, &w->config, 2, 1);
  pl_batch_view batch = load(w, &w->config, 1, 2), seed = load(w, &other, 1, 1);
  assert_true(same(&a, &b));
  assert_false(same(&a, &epoch));
  assert_false(same(&a, &batch));
  assert_false(same(&a, &seed));
  pl_batch_view_clear(&a);
  pl_batch_view_clear(&b);
  pl_batch_view_clear(&epoch);
  pl_batch_view_clear(&batch);
  pl_batch_view_clear(&seed);
}

// All batches of an epoch together are the training cases of the other folds, each once.
static void test_whole_epoch(void **state) {
  const world *w = *state;
  pl_config config = w->config;
  config.batch = 8;
  size_t seen[CASES] = {0}, total = 0, batches = 1;
  for (size_t n = 1; n <= batches; n++) {
    pl_batch_view view = load(w, &config, 1, n);
    batches = view.batches;
    for (size_t i = 0; i < view.count; i++) seen[view.images[i].index]++;
    total += view.count;
    pl_batch_view_clear(&view);
  }
  assert_int_equal(batches, 4);
  assert_int_equal(total, 30);  // 38 labelled cases, 8 of them in fold 1
  for (size_t i = 0; i < CASES; i++) {
    const pl_case *c = &w->manifest.cases[i];
    assert_int_equal(seen[i], c->part == PL_PART_TRAIN && c->fold != 1);
  }
}

static void test_without_augmentation(void **state) {
  const world *w = *state;
  pl_config config = w->config;
  strcpy(config.augment, "none");
  pl_batch_view view = load(w, &config, 1, 1);
  uint8_t image[PLANE], mask[PLANE];
  for (size_t i = 0; i < view.count; i++) {
    assert_int_equal(pl_loader_read(image, mask, &w->manifest, view.images[i].index, SIDE, NULL), PL_OK);
    assert_memory_equal(view.images[i].image.u8, image, PLANE);
    assert_memory_equal(view.images[i].mask.u8, mask, PLANE);
  }
  pl_batch_view_clear(&view);
}

static void test_refusals(void **state) {
  const world *w = *state;
  pl_batch_view view = {0};
  pl_error err = {0};
  assert_int_equal(pl_batch_view_load(&view, &w->manifest, &w->config, 0, 1, &err), PL_E_USAGE);
  assert_int_equal(pl_batch_view_load(&view, &w->manifest, &w->config, 1, 0, &err), PL_E_USAGE);
  assert_int_equal(pl_batch_view_load(&view, &w->manifest, &w->config, 1, 4, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "batches 1 to 3"));
  pl_config config = w->config;
  config.fold = 5;
  assert_int_equal(pl_batch_view_load(&view, &w->manifest, &config, 1, 1, &err), PL_E_USAGE);
  assert_int_equal(view.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_as_the_network), cmocka_unit_test(test_deterministic),
      cmocka_unit_test(test_whole_epoch),    cmocka_unit_test(test_without_augmentation),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
