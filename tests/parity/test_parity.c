// Compares a backend with the reference, op by op and for whole networks.
//   test_parity [--backend NAME|PATH] [--precision f32|f16|bf16] [--choices JSON] [--unchecked] [--perf] [--fast]
//   [FILTER]
#include <stdio.h>
#include <string.h>

#include "core/base/str.h"
#include "core/net/backend_ref/backend_ref.h"
#include "core/net/registry.h"
#include "tests/parity/parity.h"

enum { SKIPPED = 77 };

typedef struct request {
  const char *backend, *filter, *choices;
  pl_precision precision;
  bool perf, fast, unchecked;
} request;

static request parse(int argc, char **argv) {
  request r = {.backend = "onednn"};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--perf") == 0) {
      r.perf = true;
    } else if (strcmp(argv[i], "--fast") == 0) {
      r.fast = true;  // without whole networks
    } else if (strcmp(argv[i], "--unchecked") == 0) {
      r.unchecked = true;  // activations share memory, as in training
    } else if (strcmp(argv[i], "--backend") == 0 && i + 1 < argc) {
      r.backend = argv[++i];
    } else if (strcmp(argv[i], "--choices") == 0 && i + 1 < argc) {
      r.choices = argv[++i];
    } else if (strcmp(argv[i], "--precision") == 0 && i + 1 < argc) {
      r.precision = pl_precision_find(argv[++i]);
    } else {
      r.filter = argv[i];
    }
  }
  return r;
}

static int run_cases(const request *r, const parity_device *reference, const parity_device *tested) {
  int counts[3] = {0};
  printf("%s: %s\n", tested->api->name, tested->api->device(tested->backend));
  for (size_t i = 0; i < parity_case_count; i++) {
    const parity_case *c = &parity_cases[i];
    if (r->filter != NULL && strstr(c->name, r->filter) == NULL) continue;
    if (r->fast && c->encoder != NULL) continue;
    counts[parity_run(c, reference, tested, r->perf)]++;
  }
  printf("%d passed, %d failed, %d skipped\n", counts[PARITY_PASSED], counts[PARITY_FAILED], counts[PARITY_SKIPPED]);
  return counts[PARITY_FAILED] > 0 || counts[PARITY_PASSED] == 0 ? 1 : 0;
}

int main(int argc, char **argv) {
  const request r = parse(argc, argv);
  const char *name = r.backend;
  pl_error err = {0};
  const pl_backend_options plain = {.struct_size = sizeof plain, .deterministic = true, .check = true};
  pl_backend_options options = plain;
  options.check = !r.unchecked;
  options.precision = r.precision;
  pl_registry *registry = pl_registry_create(NULL);
  parity_device tested = {.choices = r.choices, .precision = r.precision},
                reference = {.api = &pl_backend_ref, .precision = r.precision};
  if (name[0] == '/') {
    if (pl_registry_load(registry, name, &err) != PL_OK) {
      printf("FAILED: %s\n", err.message);
      pl_registry_destroy(registry);
      return 1;
    }
    tested.api = pl_registry_at(registry, pl_registry_count(registry) - 1)->api;
    const pl_host host = {.struct_size = sizeof host, .api_version = PL_BACKEND_API_VERSION};
    if (tested.api->open(&tested.backend, &host, &options, &err) != PL_OK) tested.backend = NULL;
  } else if (pl_registry_open(&tested.backend, &tested.api, registry, name, &options, NULL, 0, &err) != PL_OK) {
    tested.backend = NULL;
  }
  int exit_code = SKIPPED;
  if (tested.backend == NULL) {
    printf("SKIPPED: %s\n", err.message);
  } else {
    if (reference.api->open(&reference.backend, NULL, &plain, &err) == PL_OK) {
      exit_code = run_cases(&r, &reference, &tested);
    }
    reference.api->close(reference.backend);
    tested.api->close(tested.backend);
  }
  pl_registry_destroy(registry);
  return exit_code;
}
