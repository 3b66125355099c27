#include "core/run/presets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

static const char suffix[] = ".yaml";

// "quick" of "quick.yaml"; false for other names.
static bool name_of(char out[PL_PRESET_NAME_MAX], const char *file) {
  const size_t length = strlen(file), end = sizeof suffix - 1;
  if (length <= end || length - end >= PL_PRESET_NAME_MAX || strcmp(file + length - end, suffix) != 0) return false;
  if (file[0] == '.') return false;
  char name[PL_PRESET_NAME_MAX];
  snprintf(name, sizeof name, "%.*s", (int)(length - end), file);
  (void)pl_safe_text(out, PL_PRESET_NAME_MAX, name, strlen(name));
  return strcmp(out, name) == 0;
}

static void read_preset(pl_preset *preset) {
  pl_config *config = pl_xcalloc(1, sizeof *config);
  pl_config_defaults(config);
  pl_error err = {0};
  if (pl_config_read_preset(config, preset->about, sizeof preset->about, preset->path, &err) != PL_OK) {
    (void)pl_copy_text(preset->problem, sizeof preset->problem, err.message);
  }
  for (size_t i = 0; i < pl_option_count; i++) preset->sets[i] = config->origin[i] == PL_ORIGIN_PRESET;
  free(config);
}

static void add(pl_presets *presets, const char *folder, const char *file) {
  pl_preset preset = {.name = ""};
  if (presets->count == PL_PRESETS_MAX || !name_of(preset.name, file)) return;
  for (size_t i = 0; i < presets->count; i++) {
    if (strcmp(presets->items[i].name, preset.name) == 0) return;  // of a folder that comes first
  }
  preset.path = pl_path_join(folder, file);
  read_preset(&preset);
  presets->items[presets->count++] = preset;
}

static void add_folder(pl_presets *presets, char *folder) {
  char **names = NULL;
  size_t count = 0;
  if (folder != NULL && pl_fs_is_folder(folder) && pl_fs_list(&names, &count, folder, NULL) == PL_OK) {
    for (size_t i = 0; i < count; i++) add(presets, folder, names[i]);
    pl_fs_free_names(names, count);
  }
  free(folder);
}

static char *own_folder(void) {
  const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
  if (config != NULL && config[0] == '/') return pl_path_join(config, "pleura/presets");
  return home != NULL && home[0] == '/' ? pl_path_join(home, ".config/pleura/presets") : NULL;
}

// `from` the folder of the running program.
static char *program_folder(const char *from) {
  char *path = NULL, *folder = NULL;
  if (pl_fs_executable(&path, NULL) != PL_OK) return NULL;
  char *slash = strrchr(path, '/');
  if (slash != NULL) *slash = '\0';
  folder = pl_path_join(path, from);
  free(path);
  return folder;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const pl_preset *)a)->name, ((const pl_preset *)b)->name);
}

void pl_presets_load(pl_presets *out) {
  pl_presets presets = {.items = pl_xcalloc(PL_PRESETS_MAX, sizeof *presets.items)};
  add_folder(&presets, own_folder());
  add_folder(&presets, program_folder("../share/pleura/presets"));
  add_folder(&presets, program_folder("../../../assets/presets"));  // from build/release/bin
  qsort(presets.items, presets.count, sizeof *presets.items, by_name);
  *out = presets;
}

void pl_presets_clear(pl_presets *presets) {
  for (size_t i = 0; i < presets->count; i++) free(presets->items[i].path);
  free(presets->items);
  *presets = (pl_presets){0};
}

const pl_preset *pl_presets_find(const pl_presets *presets, const char *name) {
  for (size_t i = 0; i < presets->count; i++) {
    if (strcmp(presets->items[i].name, name) == 0) return &presets->items[i];
  }
  return NULL;
}

pl_status pl_preset_apply(pl_config *config, const pl_preset *preset, pl_error *err) {
  char about[PL_PRESET_ABOUT_MAX];
  return pl_config_read_preset(config, about, sizeof about, preset->path, err);
}

static pl_status not_found(const pl_presets *presets, const char *name, pl_error *err) {
  char known[160] = "";
  size_t used = 0;
  for (size_t i = 0; i < presets->count && used < sizeof known; i++) {
    const int n = snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", presets->items[i].name);
    if (n > 0) used += (size_t)n;
  }
  if (presets->count == 0) {
    return pl_fail(err, PL_E_NOTFOUND,
                   "there is no preset '%.40s': no file of any was found beside the program or in ~/.config/pleura",
                   name);
  }
  return pl_fail(err, PL_E_NOTFOUND, "there is no preset '%.40s'; there are: %s", name, known);
}

pl_status pl_config_apply_preset(pl_config *config, const char *name, pl_error *err) {
  pl_presets presets = {0};
  pl_presets_load(&presets);
  const pl_preset *preset = pl_presets_find(&presets, name);
  const pl_status status = preset != NULL ? pl_preset_apply(config, preset, err) : not_found(&presets, name, err);
  pl_presets_clear(&presets);
  return status;
}
