#include "core/net/backend_ref/backend_ref.h"
#include "core/net/graph.h"
#include "core/net/model.h"
#include "core/net/plan.h"
#include "core/net/registry.h"
#include "tests/tools/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/net/augment_math.h"
#include "tests/unit/net/net_tests.h"

// ---------------------------------------------------------------------------------------------------------------------
// Models: counts as segmentation_models_pytorch prints them.

static const pl_unet small = {.encoder = "resnet18"}, large = {.encoder = "se_resnext50_32x4d"};

// A line for each entry of the state dict, as tests/tools/smp_round_trip.py --list writes them.
static void list_state(pl_buf *out, const pl_model *model) {
  for (int32_t row = 0; row < model->state_count; row++) {
    const pl_tensor *t = &model->tensors[row];
    pl_buf_printf(out, "%d %s ", row, t->name);
    for (int d = 0; d < t->shape.rank; d++) pl_buf_printf(out, "%s%lld", d > 0 ? "x" : "", (long long)t->shape.d[d]);
    pl_buf_printf(out, "%s %s %s\n", t->shape.rank == 0 ? "scalar" : "", t->dtype == PL_I64 ? "int64" : "float32",
                  t->role == PL_ROLE_PARAMETER ? "param" : "buffer");
  }
}

// Parameters, entries of the state dict, and the first digits of the SHA-256 of its listing, as
// segmentation_models.pytorch 0.6.0 gives them.
typedef struct known_network {
  const char *encoder, *attention;
  int64_t parameters;
  int32_t entries;
  const char *listing;
} known_network;

static const known_network known[] = {
    {"resnet18", "none", 14328209, 182, "8fda09a72ddc1064"},
    {"resnet18", "scse", 14442200, 242, "9c43bcaa3c57750e"},
    {"resnet34", "none", 24436369, 278, "7b213f48b65e4b20"},
    {"resnet34", "scse", 24550360, 338, "1782520e5b2b8747"},
    {"resnet50", "none", 32521105, 380, "093a8e772bb0a0eb"},
    {"resnet50", "scse", 33816076, 440, "de72734f1d81c387"},
    {"resnet101", "none", 51513233, 686, "feed6ad7b7b2cf2d"},
    {"resnet101", "scse", 52808204, 746, "1801d5648fbab6c7"},
    {"resnext50_32x4d", "none", 31992977, 380, "975059633a165468"},
    {"resnext50_32x4d", "scse", 33287948, 440, "7aaae4d10c4734d3"},
    {"se_resnet50", "none", 35052097, 444, "9af144d0e4bc97de"},
    {"se_resnet50", "scse", 36347068, 504, "dffc48b6d5b5e892"},
    {"se_resnext50_32x4d", "none", 34523969, 444, "bbbaa4b037fa477f"},
    {"se_resnext50_32x4d", "scse", 35818940, 504, "83744074535cb2dc"},
    {"se_resnext101_32x4d", "none", 55919489, 818, "3607d3da98678a80"},
    {"se_resnext101_32x4d", "scse", 57214460, 878, "35c40dae3b8a3cdf"},
};

static void test_state_dicts(void **state) {
  (void)state;
  assert_int_equal(sizeof known / sizeof known[0], pl_encoder_count() * pl_attention_count());
  for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
    pl_model model;
    const pl_unet unet = {.encoder = known[k].encoder, .attention = known[k].attention};
    assert_int_equal(pl_unet_model(&model, &unet, NULL), PL_OK);
    int64_t parameters = 0;
    for (int32_t i = 0; i < model.state_count; i++) {
      if (model.tensors[i].role == PL_ROLE_PARAMETER) parameters += pl_shape_elements(&model.tensors[i].shape);
    }
    pl_buf listing;
    pl_buf_init(&listing, 1 << 20);
    list_state(&listing, &model);
    char hash[PL_SHA256_HEX_SIZE];
    pl_sha256_bytes(hash, listing.data, listing.length);
    hash[strlen(known[k].listing)] = '\0';
    if (parameters != known[k].parameters || model.state_count != known[k].entries ||
        strcmp(hash, known[k].listing) != 0) {
      fail_msg("%s %s: %lld parameters, %d entries, listing %s", unet.encoder, unet.attention, (long long)parameters,
               model.state_count, hash);
    }
    pl_buf_clear(&listing);
    pl_model_clear(&model);
  }
}

static void test_unknown_encoder(void **state) {
  (void)state;
  pl_model model;
  pl_error err = {0};
  pl_unet unet = {.encoder = "resnet19"};
  assert_int_equal(pl_unet_model(&model, &unet, &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "resnet19"));
  assert_non_null(strstr(err.message, "se_resnext50_32x4d"));
  unet = (pl_unet){.encoder = "resnet18", .attention = "much"};
  assert_int_equal(pl_unet_model(&model, &unet, &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "much"));
  assert_non_null(strstr(err.message, "scse"));
  assert_null(pl_encoder_find("resnet19"));
  assert_string_equal(pl_encoder_find("resnet18")->name, "resnet18");
}

// Names, shapes, types and order of every entry, against the listing made with PyTorch.
static void test_state_dict(void **state) {
  (void)state;
  const char *folder = getenv("PLEURA_REFERENCE"), *source = getenv("PLEURA_SOURCE");
  char *path = folder != NULL ? pl_xprintf("%s/state_dict.txt", folder)
                              : pl_xprintf("%s/../shared/reference/state_dict.txt", source != NULL ? source : ".");
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    print_message("%s is not there: the listing is not compared\n", path);
    free(path);
    skip();
  }
  free(path);
  pl_model model;
  assert_int_equal(pl_unet_model(&model, &large, NULL), PL_OK);
  pl_buf ours, theirs;
  pl_buf_init(&ours, 1 << 20);
  pl_buf_init(&theirs, 1 << 20);
  list_state(&ours, &model);
  char line[256];
  while (fgets(line, sizeof line, file) != NULL) {
    if (line[0] != '#') pl_buf_add_text(&theirs, line);
  }
  assert_string_equal(ours.data, theirs.data);
  pl_buf_clear(&ours);
  pl_buf_clear(&theirs);
  fclose(file);
  pl_model_clear(&model);
}

static pl_status try_graph(pl_program_kind kind, int batch, int height, int width) {
  pl_model model;
  pl_graph graph;
  assert_int_equal(pl_unet_model(&model, &small, NULL), PL_OK);
  const pl_program_spec spec = pl_program_spec_default(kind, batch, height, width);
  pl_status status = pl_unet_graph(&graph, &model, &small, &spec, NULL);
  if (status == PL_OK) pl_graph_clear(&graph);
  pl_model_clear(&model);
  return status;
}

static void test_sizes(void **state) {
  (void)state;
  assert_int_equal(try_graph(PL_PROGRAM_STEP, 2, 64, 96), PL_OK);
  assert_int_equal(try_graph(PL_PROGRAM_STEP, 2, 64, 90), PL_E_USAGE);
  assert_int_equal(try_graph(PL_PROGRAM_STEP, 0, 64, 64), PL_E_USAGE);
  assert_int_equal(try_graph(PL_PROGRAM_STEP, 1, 32, 32), PL_E_USAGE);  // one value a channel: no variance
  assert_int_equal(try_graph(PL_PROGRAM_PREDICT, 1, 32, 32), PL_OK);
  assert_int_equal(try_graph(PL_PROGRAM_UPDATE, 0, 0, 0), PL_OK);
}

// Every value is written once, before it is read, and the image's gradient is not computed.
static void test_graph_order(void **state) {
  (void)state;
  pl_model model;
  pl_graph graph;
  assert_int_equal(pl_unet_model(&model, &large, NULL), PL_OK);
  const pl_program_spec spec = pl_program_spec_default(PL_PROGRAM_STEP, 2, 64, 64);
  assert_int_equal(pl_unet_graph(&graph, &model, &large, &spec, NULL), PL_OK);
  int written = 0, weights = 0, data = 0;
  for (int32_t n = 0; n < graph.node_count; n++) {
    const pl_node *node = &graph.nodes[n];
    for (int i = 0; i < PL_NODE_INPUTS_MAX && node->in[i] >= 0; i++)
      assert_true(graph.values[node->in[i]].producer < n);
    for (int i = 0; i < PL_NODE_OUTPUTS_MAX && node->out[i] >= 0; i++) {
      assert_int_equal(graph.values[node->out[i]].producer, n);
      written++;
    }
    weights += node->op == PL_OP_CONV_BACKWARD_WEIGHT;
    data += node->op == PL_OP_CONV_BACKWARD_DATA;
  }
  assert_int_equal(written + graph.input_count, graph.value_count);
  assert_int_equal(weights, 64 + 32);
  assert_int_equal(data, weights - 1);
  assert_int_equal(graph.result_count, 3);
  pl_graph_clear(&graph);
  pl_model_clear(&model);
}

// ---------------------------------------------------------------------------------------------------------------------

static void test_plan(void **state) {
  (void)state;
  pl_plan_buffer b[] = {{.bytes = 1000, .first = 0, .last = 1}, {.bytes = 500, .first = 1, .last = 2},
                        {.bytes = 400, .first = 2, .last = 3},  {.bytes = 100, .first = 0, .last = 3},
                        {.bytes = 600, .first = 2, .last = 2},  {.bytes = 0, .first = 0, .last = 3}};
  const size_t count = sizeof b / sizeof b[0], guard = 32;
  size_t arena = pl_plan_arena(b, count, 64, guard);
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(b[i].offset % 64, 0);
    assert_true(b[i].offset + b[i].bytes + guard <= arena);
    for (size_t j = 0; j < i; j++) {
      if (b[j].last < b[i].first || b[i].last < b[j].first) continue;
      assert_true(b[j].offset + b[j].bytes + guard <= b[i].offset || b[i].offset + b[i].bytes + guard <= b[j].offset);
    }
  }
  assert_true(arena < 1000 + 500 + 400 + 100 + 600 + 6 * (guard + 64));  // places are used twice
  assert_int_equal(pl_plan_arena(NULL, 0, 64, 0), 0);
}

static void test_augment_math(void **state) {
  (void)state;
  static const int reflected[] = {2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0};  // fgh: positions -4 .. 6 of four pixels
  for (int i = 0; i < 11; i++) assert_int_equal(pl_augment_reflect(i - 4, 4), reflected[i]);
  assert_int_equal(pl_augment_reflect(-7, 1), 0);
  assert_int_equal(pl_augment_round(0.5), 0);
  assert_int_equal(pl_augment_round(1.5), 2);
  assert_int_equal(pl_augment_round(NAN), 0);
  assert_int_equal(pl_augment_round(-INFINITY), -(1 << 29));
  const uint8_t pixels[] = {0, 100, 200, 50};
  assert_int_equal(pl_augment_linear(pixels, 2, 2, 0, 0), 0);
  assert_int_equal(pl_augment_linear(pixels, 2, 2, 16, 0), 50);
  assert_int_equal(pl_augment_linear(pixels, 2, 2, 16, 16), 88);  // 87.5 rounds up
  assert_int_equal(pl_augment_grey(100, 1.5, 1), 151);
  assert_int_equal(pl_augment_grey(250, 1.1, 0), 255);
  assert_int_equal(pl_augment_grey(3, 1, -7), 0);
}

// ---------------------------------------------------------------------------------------------------------------------

static void test_registry(void **state) {
  (void)state;
  pl_registry *registry = pl_registry_create(NULL);
  pl_backend *backend = NULL;
  const pl_backend_api *api = NULL;
  pl_error err = {0};
  assert_int_equal(pl_registry_open(&backend, &api, registry, "ref", NULL, NULL, 0, &err), PL_OK);
  assert_string_equal(api->name, "ref");
  api->close(backend);
  assert_int_equal(pl_registry_open(&backend, &api, registry, "nothing", NULL, NULL, 0, &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "ref"));
  size_t count = pl_registry_count(registry);
  assert_int_equal(pl_registry_load(registry, "relative.so", &err), PL_E_USAGE);
  assert_int_equal(pl_registry_load(registry, "/nowhere/libpleura-x.so", &err), PL_E_DEVICE);
  assert_int_equal(pl_registry_count(registry), count + 2);
  const pl_registry_entry *entry = pl_registry_at(registry, count + 1);
  assert_null(entry->api);
  assert_true(entry->reason[0] != '\0');
  assert_int_equal(pl_registry_open(&backend, &api, registry, "libpleura-x.so", NULL, NULL, 0, &err), PL_E_DEVICE);
  pl_registry_destroy(registry);
}

static void test_ref_refuses(void **state) {
  (void)state;
  pl_model model = {0};
  pl_model_add(&model, "w", PL_ROLE_PARAMETER, PL_F32, pl_shape_make(1, 4, 1, 1, 1), PL_INIT_CONSTANT, 0);
  pl_model_add_training_tensors(&model, PL_OPTIMIZER_ADAM);
  const pl_backend_api *api = &pl_backend_ref;
  pl_backend *backend;
  pl_store *store;
  pl_error err = {0};
  assert_int_equal(api->open(&backend, NULL, &(pl_backend_options){.threads = -1}, &err), PL_E_USAGE);
  assert_int_equal(api->open(&backend, NULL, NULL, &err), PL_OK);
  assert_int_equal(api->store_create(&store, backend, &model, NULL, &err), PL_OK);
  double data[4] = {0};
  assert_int_equal(api->upload(store, 99, PL_F64, data, &err), PL_E_USAGE);
  assert_int_equal(api->upload(store, 0, PL_I64, data, &err), PL_E_USAGE);
  assert_int_equal(api->arena_reserve(store, &err), PL_OK);
  assert_int_equal(api->arena_reserve(store, &err), PL_E_USAGE);
  api->store_destroy(store);
  api->close(backend);
  pl_model_clear(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_state_dicts),        cmocka_unit_test(test_unknown_encoder),
      cmocka_unit_test(test_state_dict),         cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_graph_order),        cmocka_unit_test(test_plan),
      cmocka_unit_test(test_augment_math),       cmocka_unit_test(test_registry),
      cmocka_unit_test(test_ref_refuses),        cmocka_unit_test(test_gradients_of_every_op),
      cmocka_unit_test(test_weights_round_trip), cmocka_unit_test(test_weights_hostile),
      cmocka_unit_test(test_weights_not_strict), cmocka_unit_test(test_weights_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
