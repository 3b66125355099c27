// What a user has chosen about the workbench, from ~/.config/pleura/config.yaml:
//
//   theme: colour-blind        # dark, colour-blind, 16, mono
//   bell: off                  # no bell and no notification when a run ends
//   mouse: off                 # then the terminal's own selecting of text works
//   graphics: blocks           # auto, sixel, blocks, ascii, none; --graphics and PLEURA_GRAPHICS win
//   greys: 64                  # at most so many in a sixel picture, 16 to 101
//   labels: corrected          # original or corrected ones; --labels wins
//   keys:
//     everywhere: {quit: "^X ^C"}
//     data: {next: "j Down n"} # names as in the help; "" takes a command's keys away
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

enum { PL_SETTINGS_CMDS_MAX = 256 };

typedef struct pl_settings {
  bool mouse, bell;
  char theme[16];                    // a name of pl_theme_names, "" for the default
  char graphics[16];                 // "" when nothing was chosen
  char labels[16];                   // the same
  unsigned greys;                    // 0 when nothing was chosen
  char *keys[PL_SETTINGS_CMDS_MAX];  // by row of the command table: instead of the command's own; NULL leaves those
} pl_settings;

// Mouse on, everything else as it comes.
pl_settings pl_settings_default(void);
void pl_settings_clear(pl_settings *settings);

// $XDG_CONFIG_HOME/pleura/config.yaml, else below ~/.config; the caller frees. NULL without either variable.
char *pl_settings_path(void);

// Reads the file into *out, which was pl_settings_default; without the file that stays. PL_E_FORMAT with file, line and
// column: not YAML, an unknown name, a value that is none of its kind, a key that is no key or stands for two commands
// of one screen. *out is then as it was.
pl_status pl_settings_read(pl_settings *out, const char *path, pl_error *err);

// The keys of a row of the command table; NULL for none.
const char *pl_settings_keys(const pl_settings *settings, size_t cmd);
