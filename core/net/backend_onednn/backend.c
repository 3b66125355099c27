#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/backend_onednn/backend_onednn.h"
#include "core/net/backend_onednn/internal.h"

// The cores that this process may use, which can be fewer than the machine has.
static int usable_cores(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return omp_get_num_procs();
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

static void processor_name(char *name, size_t size) {
  snprintf(name, size, "CPU");
  FILE *file = fopen("/proc/cpuinfo", "re");
  if (!file) return;
  char line[256];
  while (fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !colon) continue;
    line[strcspn(line, "\n")] = 0;
    snprintf(name, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
    break;
  }
  fclose(file);
}

static void close_backend(pl_backend *backend) {
  if (!backend) return;
  pl_dnn_destroy(backend->dnn);
  free(backend);
}

static pl_status open_backend(pl_backend **out, const pl_host *host, const pl_backend_options *options, pl_error *err) {
  int wanted = options ? options->threads : 0;
  if (wanted < 0 || wanted > 4096) return pl_fail(err, PL_E_USAGE, "threads is %d; use 0 for all cores", wanted);
  if (options && options->precision > PL_PRECISION_F32)
    return pl_fail(err, PL_E_UNSUPPORTED, "the CPU computes in single precision; take --precision auto");
  pl_backend *backend = pl_xcalloc(1, sizeof *backend);
  if (host) backend->host = *host;
  backend->threads = wanted > 0 ? wanted : usable_cores();
  backend->plan = options && options->plan;
  // Timing would take the memory that a plan is to be made without.
  backend->tune = options && options->tune && !backend->plan;
  backend->block = pl_dnn_block();
  pl_status status = pl_dnn_create(&backend->dnn, err);
  if (status) {
    close_backend(backend);
    return status;
  }
  char name[96];
  processor_name(name, sizeof name);
  snprintf(backend->device, sizeof backend->device, "%s, %d thread%s, %s (oneDNN %s)", name, backend->threads,
           backend->threads == 1 ? "" : "s", pl_dnn_isa(), pl_dnn_version());
  *out = backend;
  return PL_OK;
}

static const char *device(const pl_backend *backend) { return backend->device; }

static pl_precision precision(const pl_backend *backend) {
  (void)backend;
  return PL_PRECISION_F32;
}

static pl_dtype tensor_dtype(const pl_store *store, int32_t tensor) {
  return store->model->tensors[tensor].dtype == PL_I64 ? PL_I64 : PL_F32;
}

static const char *choices(const pl_store *store) { return store->choices; }

// Primitives are generated for the number of threads that is set while they are made.
static pl_status compile(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err) {
  int threads = omp_get_max_threads();
  omp_set_num_threads(store->backend->threads);
  pl_status status = pl_onednn_compile(out, store, graph, err);
  omp_set_num_threads(threads);
  return status;
}

static pl_status reserve(pl_store *store, pl_error *err) {
  int threads = omp_get_max_threads();
  omp_set_num_threads(store->backend->threads);
  pl_status status = pl_onednn_arena_reserve(store, err);
  omp_set_num_threads(threads);
  return status;
}

const pl_backend_api pl_backend_onednn = {
    .struct_size = sizeof(pl_backend_api),
    .api_version = PL_BACKEND_API_VERSION,
    .name = "onednn",
    .description = "CPU, by oneDNN",
    .open = open_backend,
    .close = close_backend,
    .device = device,
    .precision = precision,
    .supports = pl_onednn_supports,
    .store_create = pl_onednn_store_create,
    .store_destroy = pl_onednn_store_destroy,
    .tensor_dtype = tensor_dtype,
    .upload = pl_onednn_upload,
    .download = pl_onednn_download,
    .compile = compile,
    .program_destroy = pl_onednn_program_destroy,
    .arena_reserve = reserve,
    .memory = pl_onednn_memory,
    .choices = choices,
    .input = pl_onednn_input,
    .run = pl_onednn_run,
    .wait = pl_onednn_wait,
};
