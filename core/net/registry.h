// The backends that this program has: those linked in, then plug-ins found beside the executable, in the install
// folder, and in PLEURA_BACKEND_PATH. Never in the current folder.
#pragma once

#include <stddef.h>

#include "core/base/status.h"
#include "core/net/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pl_registry pl_registry;

// "auto", "f32", "f16", "bf16"; NULL behind the last. And the one of that name, PL_PRECISION_AUTO for any other.
const char *pl_precision_name(pl_precision precision);
pl_precision pl_precision_find(const char *name);

// Never fails: a plug-in that cannot be loaded stays in the list with its reason.
pl_registry *pl_registry_create(const pl_host *host);
void pl_registry_destroy(pl_registry *registry);  // takes NULL; after everything opened from it was closed

typedef struct pl_registry_entry {
  const char *name;
  const pl_backend_api *api;  // NULL when it cannot be used
  const char *path;           // of a plug-in, NULL when linked in
  const char *reason;         // why it cannot be used, "" when it can
} pl_registry_entry;

size_t pl_registry_count(const pl_registry *registry);
const pl_registry_entry *pl_registry_at(const pl_registry *registry, size_t index);

// Loads one plug-in by path (for tests and --backend PATH). The entry is added, also when it failed.
pl_status pl_registry_load(pl_registry *registry, const char *path, pl_error *err);

// Opens "auto", or a backend by name. "auto" takes cuda when it opens, else onednn, and says in `why` (may be NULL; at
// most `why_size` bytes) why a better one was not taken. PL_E_NOTFOUND lists the names, PL_E_DEVICE has the reason.
pl_status pl_registry_open(pl_backend **out, const pl_backend_api **api, pl_registry *registry, const char *name,
                           const pl_backend_options *options, char *why, size_t why_size, pl_error *err);

#ifdef __cplusplus
}
#endif
