#include "core/net/registry.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/backend_ref/backend_ref.h"
#ifdef PLEURA_ONEDNN
#include "core/net/backend_onednn/backend_onednn.h"
#endif

enum { REASON_SIZE = 256 };

typedef struct item {
  pl_registry_entry entry;
  char *name, *path;
  char reason[REASON_SIZE];
  void *library;
} item;

struct pl_registry {
  pl_host host;
  item **items;
  size_t count;
};

static item *add_item(pl_registry *registry, const char *name) {
  item *added = pl_xcalloc(1, sizeof *added);
  added->name = pl_xstrdup(name);
  added->entry.name = added->name;
  added->entry.reason = added->reason;
  registry->items = pl_xrealloc(registry->items, registry->count + 1, sizeof *registry->items);
  registry->items[registry->count++] = added;
  return added;
}

static void add_linked(pl_registry *registry, const pl_backend_api *api) {
  add_item(registry, api->name)->entry.api = api;
}

// The backend's functions are called through the table, so all that this program calls must be in it.
static bool complete(const pl_backend_api *api) {
  return api->name != NULL && api->description != NULL && api->open != NULL && api->close != NULL &&
         api->device != NULL && api->precision != NULL && api->supports != NULL && api->store_create != NULL &&
         api->store_destroy != NULL && api->tensor_dtype != NULL && api->upload != NULL && api->download != NULL &&
         api->compile != NULL && api->program_destroy != NULL && api->arena_reserve != NULL && api->memory != NULL &&
         api->choices != NULL && api->input != NULL && api->run != NULL && api->wait != NULL;
}

static void rename_item(item *loaded, const char *name) {
  char clean[64];
  pl_safe_text(clean, sizeof clean, name, strlen(name));
  free(loaded->name);
  loaded->name = pl_xstrdup(clean);
  loaded->entry.name = loaded->name;
}

static pl_status load_table(pl_registry *registry, item *loaded, pl_error *err) {
  loaded->library = dlopen(loaded->path, RTLD_NOW | RTLD_LOCAL);
  if (loaded->library == NULL) return pl_fail(err, PL_E_DEVICE, "cannot load it: %s", dlerror());
  void *symbol = dlsym(loaded->library, PL_BACKEND_SYMBOL);
  if (symbol == NULL) return pl_fail(err, PL_E_FORMAT, "it is not a pleura backend: it has no " PL_BACKEND_SYMBOL);
  pl_backend_entry *entry;
  memcpy(&entry, &symbol, sizeof entry);  // ISO C has no cast from data to function
  const pl_backend_api *api = entry(&registry->host);
  if (api == NULL) {
    return pl_fail(err, PL_E_UNSUPPORTED, "it was built for another version of pleura's backends than %d",
                   PL_BACKEND_API_VERSION);
  }
  if (api->api_version != PL_BACKEND_API_VERSION || api->struct_size < sizeof *api) {
    return pl_fail(err, PL_E_UNSUPPORTED, "it has version %u of the backend table (%u bytes), this program %d (%zu)",
                   (unsigned)api->api_version, (unsigned)api->struct_size, PL_BACKEND_API_VERSION, sizeof *api);
  }
  if (!complete(api)) return pl_fail(err, PL_E_FORMAT, "its backend table has gaps");
  rename_item(loaded, api->name);
  loaded->entry.api = api;
  return PL_OK;
}

pl_status pl_registry_load(pl_registry *registry, const char *path, pl_error *err) {
  item *loaded = add_item(registry, pl_path_base(path));
  loaded->path = pl_xstrdup(path);
  loaded->entry.path = loaded->path;
  pl_error reason = {0};
  // Without a slash dlopen would search the system's folders, with a relative path the current one.
  pl_status status = path[0] == '/' ? load_table(registry, loaded, &reason)
                                    : pl_fail(&reason, PL_E_USAGE, "a plug-in's path must begin with /");
  if (status == PL_OK) return PL_OK;
  pl_copy_text(loaded->reason, sizeof loaded->reason, reason.message);
  return pl_fail(err, status, "backend %s: %s", path, reason.message);
}

static bool is_plugin(const char *name) { return pl_begins_with(name, "libpleura-") && pl_ends_with(name, ".so"); }

static bool already_loaded(const pl_registry *registry, const char *path) {
  for (size_t i = 0; i < registry->count; i++) {
    if (registry->items[i]->path != NULL && strcmp(registry->items[i]->path, path) == 0) return true;
  }
  return false;
}

static void load_folder(pl_registry *registry, const char *folder) {
  if (folder[0] != '/' || !pl_fs_is_folder(folder)) return;
  char **names = NULL;
  size_t count = 0;
  if (pl_fs_list(&names, &count, folder, NULL) != PL_OK) return;
  for (size_t i = 0; i < count; i++) {
    if (!is_plugin(names[i])) continue;
    char *path = pl_path_join(folder, names[i]);
    if (!already_loaded(registry, path)) pl_registry_load(registry, path, NULL);
    free(path);
  }
  pl_fs_free_names(names, count);
}

static void load_beside_executable(pl_registry *registry) {
  char *executable = NULL;
  if (pl_fs_executable(&executable, NULL) != PL_OK) return;
  char *slash = strrchr(executable, '/');
  if (slash != NULL) {
    *slash = '\0';
    load_folder(registry, executable);
    char *installed = pl_xprintf("%s/../lib/pleura", executable);
    load_folder(registry, installed);
    free(installed);
  }
  free(executable);
}

pl_registry *pl_registry_create(const pl_host *host) {
  pl_registry *registry = pl_xcalloc(1, sizeof *registry);
  registry->host = (pl_host){.struct_size = sizeof(pl_host), .api_version = PL_BACKEND_API_VERSION};
  if (host != NULL) {
    registry->host.log = host->log;
    registry->host.context = host->context;
    registry->host.progress = host->progress;
  }
  add_linked(registry, &pl_backend_ref);
#ifdef PLEURA_ONEDNN
  add_linked(registry, &pl_backend_onednn);
#endif
  load_beside_executable(registry);
  const char *folder = getenv("PLEURA_BACKEND_PATH");
  if (folder != NULL) load_folder(registry, folder);
  return registry;
}

void pl_registry_destroy(pl_registry *registry) {
  if (registry == NULL) return;
  for (size_t i = 0; i < registry->count; i++) {
    item *gone = registry->items[i];
    if (gone->library != NULL) dlclose(gone->library);
    free(gone->name);
    free(gone->path);
    free(gone);
  }
  free(registry->items);
  free(registry);
}

size_t pl_registry_count(const pl_registry *registry) { return registry->count; }

const pl_registry_entry *pl_registry_at(const pl_registry *registry, size_t index) {
  return index < registry->count ? &registry->items[index]->entry : NULL;
}

static const pl_registry_entry *find(const pl_registry *registry, const char *name) {
  const pl_registry_entry *found = NULL;
  for (size_t i = 0; i < registry->count; i++) {
    const pl_registry_entry *entry = &registry->items[i]->entry;
    if (strcmp(entry->name, name) != 0) continue;
    if (entry->api != NULL) return entry;
    found = entry;
  }
  return found;
}

static pl_status open_named(pl_backend **out, const pl_backend_api **api, const pl_registry *registry, const char *name,
                            const pl_backend_options *options, pl_error *err) {
  const pl_registry_entry *entry = find(registry, name);
  if (entry == NULL) {
    pl_buf names;
    pl_buf_init(&names, 4096);
    for (size_t i = 0; i < registry->count; i++) pl_buf_printf(&names, ", %s", registry->items[i]->entry.name);
    pl_status status = pl_fail(err, PL_E_NOTFOUND, "there is no backend '%.40s'; there are: auto%s", name,
                               names.data == NULL ? "" : names.data);
    pl_buf_clear(&names);
    return status;
  }
  if (entry->api == NULL) return pl_fail(err, PL_E_DEVICE, "backend %s cannot be used: %s", name, entry->reason);
  pl_status status = entry->api->open(out, &registry->host, options, err);
  if (status != PL_OK) {
    pl_wrap(err, "backend %s", name);
    return status;
  }
  *api = entry->api;
  return PL_OK;
}

static const char *const precision_names[] = {
    [PL_PRECISION_AUTO] = "auto", [PL_PRECISION_F32] = "f32", [PL_PRECISION_F16] = "f16", [PL_PRECISION_BF16] = "bf16"};

const char *pl_precision_name(pl_precision precision) {
  return precision <= PL_PRECISION_BF16 ? precision_names[precision] : NULL;
}

pl_precision pl_precision_find(const char *name) {
  for (int p = PL_PRECISION_F32; p <= PL_PRECISION_BF16; p++) {
    if (strcmp(precision_names[p], name) == 0) return (pl_precision)p;
  }
  return PL_PRECISION_AUTO;
}

// Best first. The reference is not among them: it is for checking, and far too slow to be taken unasked.
static const char *const automatic[] = {"cuda", "onednn"};

pl_status pl_registry_open(pl_backend **out, const pl_backend_api **api, pl_registry *registry, const char *name,
                           const pl_backend_options *options, char *why, size_t why_size, pl_error *err) {
  if (why != NULL && why_size > 0) why[0] = '\0';
  if (strcmp(name, "auto") != 0) return open_named(out, api, registry, name, options, err);
  pl_status status = PL_E_NOTFOUND;
  pl_error reason = {0};
  size_t written = 0;
  for (size_t i = 0; i < sizeof automatic / sizeof automatic[0]; i++) {
    if (find(registry, automatic[i]) == NULL) {
      status = pl_fail(&reason, PL_E_NOTFOUND, "no %s backend is installed", automatic[i]);
    } else {
      status = open_named(out, api, registry, automatic[i], options, &reason);
    }
    if (status == PL_OK) return PL_OK;
    if (why != NULL && written < why_size) {
      int length = snprintf(why + written, why_size - written, "%s%s", written == 0 ? "" : "; ", reason.message);
      if (length > 0) written += (size_t)length;
    }
  }
  return pl_fail(err, status, "no backend can be used: %s; --backend ref works everywhere, slowly", reason.message);
}
