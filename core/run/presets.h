// Presets: named sets of options, each a file NAME.yaml that looks like a pleura.yaml, with a section of its own:
//
//   preset:
//     about: "what it is good for, in one line"
//   encoder: resnet18
//   size: 256
//
// They lie in share/pleura/presets beside the installed program, in assets/presets of the source tree for one that was
// only built, and the user's own in $XDG_CONFIG_HOME/pleura/presets (else ~/.config/...), which win.
#pragma once

#include <stddef.h>

#include "core/base/status.h"
#include "core/run/config.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_PRESET_NAME_MAX = 48, PL_PRESET_ABOUT_MAX = 160, PL_PRESETS_MAX = 64 };

typedef struct pl_preset {
  char name[PL_PRESET_NAME_MAX];  // of the file, without .yaml
  char about[PL_PRESET_ABOUT_MAX];
  char *path;
  char problem[PL_ERROR_MESSAGE_MAX];  // why it cannot be applied, "" when it can
  bool sets[PL_OPTIONS_MAX];           // by row of the table: the options that it sets
} pl_preset;

// In the order of their names. Plain data.
typedef struct pl_presets {
  pl_preset *items;
  size_t count;
} pl_presets;

// Reads what there is; a file that is wrong stays in the list with its problem. Never fails.
void pl_presets_load(pl_presets *out);
void pl_presets_clear(pl_presets *presets);

// The preset of that name, NULL when there is none.
const pl_preset *pl_presets_find(const pl_presets *presets, const char *name);

// Sets the preset's options, with PL_ORIGIN_PRESET. PL_E_FORMAT with file, line and column: see pl_config_read_yaml;
// then the config is untouched.
pl_status pl_preset_apply(pl_config *config, const pl_preset *preset, pl_error *err);

// The same by name. PL_E_NOTFOUND lists the presets.
pl_status pl_config_apply_preset(pl_config *config, const char *name, pl_error *err);

#ifdef __cplusplus
}
#endif
