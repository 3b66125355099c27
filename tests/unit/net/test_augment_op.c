// Flip, rotation, shift-scale-rotate and normalisation through core's parameters and a backend's augment op, against
// what OpenCV and albumentations make of the same picture (tests/tools/make_augment_golden.py).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/augment.h"
#include "core/net/registry.h"
#include "tests/tools/testing.h"

// Between OpenCV's picture and ours, in grey levels.
static const double MEAN_TOLERANCE = 0.5, MAX_TOLERANCE = 2;
// Of pixels of the mask that differ: where a coordinate lies on a half. Releases of OpenCV differ so among themselves.
static const double MASK_TOLERANCE = 0.005;

static const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};

enum { CASES_MAX = 16, LEVELS_MAX = 16, LINE_MAX = 65536 };

typedef struct golden {
  uint32_t width, height;
  size_t count, level_count;
  struct {
    int flip;
    double degrees, scale, dx, dy;
    uint8_t *image, *mask;
  } cases[CASES_MAX];
  struct {
    int level;
    double value[3];
  } levels[LEVELS_MAX];
} golden;

static uint8_t *from_hex(const char *text, size_t count) {
  uint8_t *bytes = pl_xmalloc(count);
  assert_int_equal(strlen(text), 2 * count);
  for (size_t i = 0; i < count; i++) {
    unsigned value = 0;
    assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
    bytes[i] = (uint8_t)value;
  }
  return bytes;
}

static void read_line(golden *g, const char *line) {
  static char image[LINE_MAX], mask[LINE_MAX];
  size_t i = g->count, k = g->level_count;
  assert_true(i < CASES_MAX && k < LEVELS_MAX);
  if (sscanf(line, "size %u %u", &g->width, &g->height) == 2) return;
  if (sscanf(line, "case %d %lf %lf %lf %lf %65535s %65535s", &g->cases[i].flip, &g->cases[i].degrees,
             &g->cases[i].scale, &g->cases[i].dx, &g->cases[i].dy, image, mask) == 7) {
    g->cases[i].image = from_hex(image, (size_t)g->width * g->height);
    g->cases[i].mask = from_hex(mask, (size_t)g->width * g->height);
    g->count++;
  } else if (sscanf(line, "level %d %lf %lf %lf", &g->levels[k].level, &g->levels[k].value[0], &g->levels[k].value[1],
                    &g->levels[k].value[2]) == 4) {
    g->level_count++;
  } else if (line[0] != '#') {
    fail_msg("no line of the golden file: %.60s", line);
  }
}

static golden *load_golden(void) {
  golden *g = pl_xcalloc(1, sizeof *g);
  const char *source = getenv("PLEURA_SOURCE");
  char *path = pl_xprintf("%s/tests/golden/data/augment.txt", source != NULL ? source : "."), line[LINE_MAX];
  FILE *file = fopen(path, "r");
  if (file == NULL) fail_msg("cannot read %s", path);
  while (fgets(line, sizeof line, file) != NULL) read_line(g, line);
  (void)fclose(file);
  free(path);
  assert_true(g->count >= 6 && g->level_count == 6);
  return g;
}

static void free_golden(golden *g) {
  for (size_t i = 0; i < g->count; i++) {
    free(g->cases[i].image);
    free(g->cases[i].mask);
  }
  free(g);
}

// Runs the op on one image: x has 3 planes, target one.
static void run_op(const char *name, const uint8_t *image, const uint8_t *mask, const pl_augmentation *params,
                   uint32_t width, uint32_t height, float *x, float *target) {
  pl_registry *registry = pl_registry_create(NULL);
  pl_backend *backend = NULL;
  const pl_backend_api *api = NULL;
  pl_error err = {0};
  if (pl_registry_open(&backend, &api, registry, name, NULL, NULL, 0, &err) != PL_OK) fail_msg("%s", err.message);
  pl_model model = {0};
  pl_graph graph;
  pl_graph_init(&graph, &model);
  pl_shape plane = pl_shape_make(4, 1, 1, height, width);
  int32_t in[] = {pl_graph_input(&graph, "image", PL_U8, plane), pl_graph_input(&graph, "mask", PL_U8, plane),
                  pl_graph_input(&graph, "parameters", PL_F64, pl_shape_make(2, 1, PL_AUGMENT_VALUES, 1, 1))};
  pl_attributes a = {.mean = {mean[0], mean[1], mean[2]}, .deviation = {deviation[0], deviation[1], deviation[2]}};
  int32_t out = pl_graph_add(&graph, PL_OP_AUGMENT, "x", in, 3, NULL, 0, &a);
  pl_graph_result(&graph, out);
  pl_graph_result(&graph, out + 1);
  pl_store *store = NULL;
  pl_program *program = NULL;
  assert_int_equal(api->store_create(&store, backend, &model, NULL, &err), PL_OK);
  assert_int_equal(api->compile(&program, store, &graph, &err), PL_OK);
  assert_int_equal(api->arena_reserve(store, &err), PL_OK);
  assert_int_equal(api->input(program, 0, (const void *[]){image, mask, params}, &err), PL_OK);
  pl_controls controls = {.struct_size = sizeof controls};
  pl_result result = {.data = {x, target}};
  assert_int_equal(api->run(program, 0, &controls, &result, &err), PL_OK);
  assert_int_equal(api->wait(program, &err), PL_OK);
  api->program_destroy(program);
  api->store_destroy(store);
  pl_graph_clear(&graph);
  api->close(backend);
  pl_registry_destroy(registry);
}

static bool has_backend(const char *name) {
  pl_registry *registry = pl_registry_create(NULL);
  bool found = false;
  for (size_t i = 0; i < pl_registry_count(registry); i++) {
    const pl_registry_entry *entry = pl_registry_at(registry, i);
    found = found || (strcmp(entry->name, name) == 0 && entry->api != NULL);
  }
  pl_registry_destroy(registry);
  return found;
}

// The op's first channel as grey levels again.
static void compare(const char *name, size_t number, const float *x, const float *target, const uint8_t *image,
                    const uint8_t *mask, size_t pixels) {
  double sum = 0, most = 0;
  size_t wrong = 0;
  for (size_t i = 0; i < pixels; i++) {
    double difference = fabs((x[i] * deviation[0] + mean[0]) * 255 - image[i]);
    sum += difference;
    most = fmax(most, difference);
    wrong += (target[i] != 0) != (mask[i] != 0);
  }
  if (sum / (double)pixels > MEAN_TOLERANCE || most > MAX_TOLERANCE + 1e-3 ||
      (double)wrong > MASK_TOLERANCE * (double)pixels) {
    fail_msg("%s, case %zu: mean %.3f, most %.3f, %zu pixels of the mask", name, number, sum / (double)pixels, most,
             wrong);
  }
}

static const char *const backends[] = {"ref", "onednn"};

static void warps_as_opencv(void **state) {
  (void)state;
  golden *g = load_golden();
  size_t pixels = (size_t)g->width * g->height, compared = 0;
  float *x = pl_xcalloc(3 * pixels, sizeof *x), *target = pl_xcalloc(pixels, sizeof *target);
  for (size_t b = 0; b < sizeof backends / sizeof backends[0]; b++) {
    if (!has_backend(backends[b])) continue;
    for (size_t i = 0; i < g->count; i++) {
      pl_augmentation params = pl_augment_identity();
      if (g->cases[i].flip) pl_augment_flip(&params, g->width);
      pl_augment_shift_scale_rotate(&params, g->width, g->height, g->cases[i].degrees, g->cases[i].scale,
                                    g->cases[i].dx, g->cases[i].dy);
      run_op(backends[b], g->cases[0].image, g->cases[0].mask, &params, g->width, g->height, x, target);
      compare(backends[b], i, x, target, g->cases[i].image, g->cases[i].mask, pixels);
      compared++;
    }
  }
  assert_true(compared >= g->count);
  free(x);
  free(target);
  free_golden(g);
}

static void normalises_as_albumentations(void **state) {
  (void)state;
  enum { SIDE = 16, PIXELS = SIDE * SIDE };
  golden *g = load_golden();
  uint8_t image[PIXELS], mask[PIXELS] = {0};
  float x[3 * PIXELS], target[PIXELS];
  for (int i = 0; i < PIXELS; i++) image[i] = (uint8_t)i;
  pl_augmentation params = pl_augment_identity();
  for (size_t b = 0; b < sizeof backends / sizeof backends[0]; b++) {
    if (!has_backend(backends[b])) continue;
    run_op(backends[b], image, mask, &params, SIDE, SIDE, x, target);
    for (size_t i = 0; i < g->level_count; i++) {
      for (int c = 0; c < 3; c++) {
        double got = x[c * PIXELS + g->levels[i].level], want = g->levels[i].value[c];
        if (fabs(got - want) > 2e-6) fail_msg("%s: level %d is %.7f", backends[b], g->levels[i].level, got);
      }
    }
  }
  free_golden(g);
}

// Wider than a tile of the fast backend, with an empty mask or not, turned, mirrored, shifted, and far outside.
static void backends_agree_on_wide_images(void **state) {
  (void)state;
  enum { WIDTH = 1100, HEIGHT = 70, PIXELS = WIDTH * HEIGHT };
  if (!has_backend("onednn")) skip();
  static const double maps[][6] = {
      {1, 0, 0, 0, 1, 0},
      {-1, 0, WIDTH - 1, 0, 1, 0},
      {1, 0, -37, 0, 1, 12},
      {1, 0, 0.5, 0, 1, 0},
      {0.98, -0.17, 20, 0.17, 0.98, -90},
      {-0.9, 0.3, 1300, -0.3, -1.1, 200},
      {1, 0, 5e6, 0, 1, -5e6},
      {0, 0, 3, 0, 0, 5},
      {1e30, 0, 0, 0, -1e30, 0},
  };
  uint8_t *image = pl_xmalloc(PIXELS), *mask = pl_xcalloc(PIXELS, 1);
  float *x[2], *target[2];
  for (int b = 0; b < 2; b++) {
    x[b] = pl_xcalloc(3 * PIXELS, sizeof(float));
    target[b] = pl_xcalloc(PIXELS, sizeof(float));
  }
  for (size_t i = 0; i < PIXELS; i++) image[i] = (uint8_t)pl_rng_below(1, 0, i, 256);
  for (size_t k = 0; k < 2 * sizeof maps / sizeof maps[0]; k++) {
    pl_augmentation params = {.gain = 1.1, .bias = -3};
    memcpy(params.affine, maps[k / 2], sizeof params.affine);
    // A single pixel, last in the plane, is what an empty mask is most easily mistaken for.
    mask[PIXELS - 1] = k % 2 != 0 ? 255 : 0;
    for (int b = 0; b < 2; b++) run_op(backends[b], image, mask, &params, WIDTH, HEIGHT, x[b], target[b]);
    for (size_t i = 0; i < 3 * PIXELS; i++) {
      if (fabsf(x[0][i] - x[1][i]) > 1e-6F) fail_msg("map %zu, pixel %zu: %g, not %g", k / 2, i, x[1][i], x[0][i]);
    }
    assert_memory_equal(target[0], target[1], PIXELS * sizeof(float));
  }
  for (int b = 0; b < 2; b++) {
    free(x[b]);
    free(target[b]);
  }
  free(image);
  free(mask);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(warps_as_opencv),
      cmocka_unit_test(normalises_as_albumentations),
      cmocka_unit_test(backends_agree_on_wide_images),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
