// The parity suite: graphs that a backend and the reference compute from the same numbers.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/net/backend.h"
#include "core/net/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PARITY_GRAPHS_MAX = 3, PARITY_ARGUMENTS = 12 };

// What a case builds: a model and the programs that run over it one after another.
typedef struct parity_build {
  pl_model model;
  pl_graph graphs[PARITY_GRAPHS_MAX];
  int graph_count;
  const int *a;                     // the case's arguments
  const char *encoder, *attention;  // of whole models, NULL else
  pl_optimizer optimizer;
  bool freeze_encoder;
} parity_build;

// How results and tensors may differ: max|a - b| / max|b|, but |a - b| / |b| in the l2 norm for the tensors of whole
// networks.
typedef struct parity_case {
  const char *name;
  void (*build)(parity_build *build);
  int a[PARITY_ARGUMENTS];
  double tolerance, tensor_tolerance;  // 0: 2e-5
  const char *encoder, *attention;
  pl_optimizer optimizer;
  bool freeze_encoder;
  bool not_finite;  // NaN is expected where the reference has it
} parity_case;

extern const parity_case parity_cases[];
extern const size_t parity_case_count;

typedef enum parity_outcome { PARITY_PASSED, PARITY_FAILED, PARITY_SKIPPED } parity_outcome;

typedef struct parity_device {
  const pl_backend_api *api;
  pl_backend *backend;
  const char *choices;     // for the store, NULL for none
  pl_precision precision;  // that is tested: with 16 bits inputs are coarser and tolerances wider
} parity_device;

// Runs one case on both, prints its line, and says how it went. With `perf` also the tested backend's time.
parity_outcome parity_run(const parity_case *c, const parity_device *reference, const parity_device *tested, bool perf);

#ifdef __cplusplus
}
#endif
