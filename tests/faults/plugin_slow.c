// A backend that takes its time: the reference's plug-in, which lies beside it, with naps. PLEURA_SLOW says in what:
// planning, tuning (both tell how far they are), running or saving.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/net/backend.h"

enum { NAPS = 200, NAP_MS = 10, LONG_NAP_MS = 300 };

static const pl_backend_api *inner;
static pl_backend_api table;
// Of the one that plans and of the one that trains, which live at the same time.
static pl_host hosts[2];
static const pl_backend *backends[2];
static const pl_store *stores[2];

__attribute__((visibility("default"))) const pl_backend_api *pl_backend_plugin(const pl_host *given);

static bool is_slow(const char *what) {
  const char *wanted = getenv("PLEURA_SLOW");
  return wanted != NULL && strcmp(wanted, what) == 0;
}

static void nap(int milliseconds) { (void)nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000L}, NULL); }

static pl_status slow_open(pl_backend **out, const pl_host *given, const pl_backend_options *options, pl_error *err) {
  pl_status status = inner->open(out, given, options, err);
  if (status != PL_OK) return status;
  hosts[options->plan] = *given;
  backends[options->plan] = *out;
  return PL_OK;
}

static pl_status slow_store_create(pl_store **out, pl_backend *backend, const pl_model *model, const char *choices,
                                   pl_error *err) {
  pl_status status = inner->store_create(out, backend, model, choices, err);
  if (status == PL_OK) stores[backend == backends[1]] = *out;
  return status;
}

static pl_status slow_compile(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err) {
  const bool plans = store == stores[1];
  const pl_progress *progress = &hosts[plans].progress;
  for (int i = 0; i < NAPS && is_slow(plans ? "planning" : "tuning"); i++) {
    nap(NAP_MS);
    if (progress->tell == NULL || progress->tell(progress->context, i, NAPS)) continue;
    if (err != NULL) {
      err->code = PL_E_CANCELLED;
      (void)snprintf(err->message, sizeof err->message, "told to stop");
    }
    return PL_E_CANCELLED;
  }
  return inner->compile(out, store, graph, err);
}

static pl_status slow_run(pl_program *program, int32_t slot, const pl_controls *controls, pl_result *result,
                          pl_error *err) {
  if (is_slow("running")) nap(LONG_NAP_MS);
  return inner->run(program, slot, controls, result, err);
}

static pl_status slow_download(pl_store *store, int32_t tensor, pl_dtype dtype, void *data, pl_error *err) {
  if (is_slow("saving")) nap(NAP_MS);
  return inner->download(store, tensor, dtype, data, err);
}

const pl_backend_api *pl_backend_plugin(const pl_host *given) {
  Dl_info self;
  char path[4096];
  if (dladdr((const void *)&table, &self) == 0) return NULL;
  (void)snprintf(path, sizeof path, "%s", self.dli_fname);
  char *slash = strrchr(path, '/');
  if (slash == NULL) return NULL;
  (void)snprintf(slash, sizeof path - (size_t)(slash - path), "/libparity_plugin.so");
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *symbol = library != NULL ? dlsym(library, PL_BACKEND_SYMBOL) : NULL;
  if (symbol == NULL) return NULL;
  pl_backend_entry *entry;
  memcpy(&entry, &symbol, sizeof entry);
  inner = entry(given);
  if (inner == NULL) return NULL;
  table = *inner;
  table.name = "slow";
  table.open = slow_open;
  table.store_create = slow_store_create;
  table.compile = slow_compile;
  table.run = slow_run;
  table.download = slow_download;
  return &table;
}
