// pleura devices: the backends that there are, each with its device, or the reason why it cannot be used.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/registry.h"
#include "tui/cli/cli.h"

enum { WHY_SIZE = 1024, OPTION_PLUGIN = 256 };

typedef struct arguments {
  const char *plugin;
  int device;
} arguments;

static error_t parse(int key, char *arg, struct argp_state *state) {
  arguments *a = state->input;
  char *end;
  switch (key) {
    case OPTION_PLUGIN: a->plugin = arg; return 0;
    case 'd': {
      long device = strtol(arg, &end, 10);
      if (end == arg || *end != '\0' || device < 0 || device > 1023) {
        argp_error(state, "a device is a number from 0, not '%s'", arg);
      }
      a->device = (int)device;
      return 0;
    }
    case ARGP_KEY_ARG: argp_error(state, "'%s' is one word too many", arg); return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static pl_backend_options options_of(const arguments *a) {
  return (pl_backend_options){.struct_size = sizeof(pl_backend_options), .device = a->device, .deterministic = true};
}

static void print_entry(const pl_registry_entry *entry, const pl_host *host, const arguments *a) {
  pl_backend *backend = NULL;
  pl_error err = {0};
  const pl_backend_options options = options_of(a);
  if (entry->api == NULL) {
    printf("%-8s cannot be used: %s\n", entry->name, entry->reason);
  } else if (entry->api->open(&backend, host, &options, &err) != PL_OK) {
    printf("%-8s cannot be used: %s\n", entry->name, err.message);
  } else {
    printf("%-8s %s\n", entry->name, entry->api->device(backend));
    entry->api->close(backend);
  }
  if (entry->path != NULL) printf("         (%s)\n", entry->path);
}

static bool has(const pl_registry *registry, const char *name) {
  for (size_t i = 0; i < pl_registry_count(registry); i++) {
    if (strstr(pl_registry_at(registry, i)->name, name) != NULL) return true;
  }
  return false;
}

static pl_status print_auto(pl_registry *registry, const arguments *a, pl_error *err) {
  pl_backend *backend = NULL;
  const pl_backend_api *api = NULL;
  const pl_backend_options options = options_of(a);
  char why[WHY_SIZE] = "";
  pl_status status = pl_registry_open(&backend, &api, registry, "auto", &options, why, sizeof why, err);
  if (status) return status;
  printf("\n--backend auto takes %s%s%s%s\n", api->name, why[0] == '\0' ? "" : " (", why, why[0] == '\0' ? "" : ")");
  api->close(backend);
  return PL_OK;
}

static const struct argp_option options[] = {
    {.name = "device", .key = 'd', .arg = "N", .doc = "Which device, on a machine with several (0)"},
    {.name = "plugin", .key = OPTION_PLUGIN, .arg = "PATH", .doc = "A backend's plug-in to load besides"},
    {0},
};

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .doc =
        "Lists the backends that can compute a network, with their devices, or why they cannot be used.\v"
        "Plug-ins are looked for beside the program, in ../lib/pleura from there, and in the folder that "
        "PLEURA_BACKEND_PATH names.",
};

int pl_cli_devices(int argc, char **argv) {
  arguments a = {.plugin = NULL};
  int code = pl_cli_parse(&parser, argc, argv, &a);
  if (code != 0) return code;
  const pl_host host = {.struct_size = sizeof host, .api_version = PL_BACKEND_API_VERSION};
  pl_error err = {0};
  pl_registry *registry = pl_registry_create(&host);
  if (a.plugin != NULL) (void)pl_registry_load(registry, a.plugin, NULL);  // listed with its reason when it failed
  for (size_t i = 0; i < pl_registry_count(registry); i++) print_entry(pl_registry_at(registry, i), &host, &a);
  if (!has(registry, "cuda")) {
    printf("cuda     not installed: this pleura was built without CUDA, and no libpleura-cuda.so was found\n");
  }
  pl_status status = print_auto(registry, &a, &err);
  pl_registry_destroy(registry);
  return status == PL_OK ? 0 : pl_cli_report("devices", &err);
}
