// A backend that takes its time: the reference's plug-in, which lies beside it, with naps. PLEURA_SLOW says in what:
// planning, measuring (of the plan's speed), tuning (these tell how far they are), running or saving.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/net/backend.h"

enum { NAPS = 500, NAP_MS = 10, LONG_NAP_MS = 300, BACKENDS = 4 };

static const pl_backend_api *inner;
static pl_backend_api table;
// Up to three live at the same time: the one that trains, and meanwhile those that plan and that measure. Each has one
// store, and is forgotten when it is closed: the next one may get its address.
typedef struct opened {
  const pl_backend *backend;  // NULL for none
  const pl_store *store;
  pl_host host;
  const char *slow;  // what PLEURA_SLOW calls its compiling
} opened;

static opened all[BACKENDS];

__attribute__((visibility("default"))) const pl_backend_api *pl_backend_plugin(const pl_host *given);

static bool is_slow(const char *what) {
  const char *wanted = getenv("PLEURA_SLOW");
  return wanted != NULL && strcmp(wanted, what) == 0;
}

static void nap(int milliseconds) { (void)nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000L}, NULL); }

static opened *find(const pl_backend *backend) {
  size_t i = 0;
  while (i + 1 < BACKENDS && all[i].backend != backend) i++;
  return &all[i];
}

static pl_status slow_open(pl_backend **out, const pl_host *given, const pl_backend_options *options, pl_error *err) {
  pl_status status = inner->open(out, given, options, err);
  if (status != PL_OK) return status;
  const bool first = all[0].backend == NULL;
  *find(NULL) = (opened){.backend = *out,
                         .host = *given,
                         .slow = options->plan ? "planning"
                                 : first       ? "tuning"
                                               : "measuring"};
  return PL_OK;
}

static void slow_close(pl_backend *backend) {
  *find(backend) = (opened){0};
  inner->close(backend);
}

static pl_status slow_store_create(pl_store **out, pl_backend *backend, const pl_model *model, const char *choices,
                                   pl_error *err) {
  pl_status status = inner->store_create(out, backend, model, choices, err);
  if (status == PL_OK) find(backend)->store = *out;
  return status;
}

static void slow_store_destroy(pl_store *store) {
  for (size_t i = 0; i < BACKENDS; i++) {
    if (all[i].store == store) all[i].store = NULL;
  }
  inner->store_destroy(store);
}

static pl_status slow_compile(pl_program **out, pl_store *store, const pl_graph *graph, pl_error *err) {
  const opened *owner = &all[0];
  while (owner + 1 < all + BACKENDS && owner->store != store) owner++;
  const pl_progress *progress = &owner->host.progress;
  for (int i = 0; i < NAPS && owner->slow != NULL && is_slow(owner->slow); i++) {
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
  table.close = slow_close;
  table.store_create = slow_store_create;
  table.store_destroy = slow_store_destroy;
  table.compile = slow_compile;
  table.run = slow_run;
  table.download = slow_download;
  return &table;
}
