// What `pleura show` shows: a case of the workspace or a file, read into a picture with its mask and a caption.
#pragma once

#include "core/data/manifest.h"
#include "core/image/image.h"
#include "tui/cli/label_choice.h"

// What is asked for. Texts are borrowed.
typedef struct pl_show_source {
  const char *name, *workspace;  // a case or a path; a folder, or NULL for the one around here
  pl_cli_label_choice labels;
  bool masked;
  const char *choice;  // a window of the file: its number, its name or "full"; NULL for the first
  bool has_window;     // centre and width were given
  double centre, width;
} pl_show_source;

// What was found; cleared by the caller.
typedef struct pl_show_subject {
  pl_image image, mask;
  bool has_mask;
  bool is_windowed;  // the window is applied already
  char caption[320];
} pl_show_subject;

// A path that names a case of the workspace is that case, with its mask; any other is a file on its own.
pl_status pl_show_read(pl_show_subject *out, const pl_show_source *source, pl_error *err);

// A case of a manifest, whatever the source's name.
pl_status pl_show_read_case(pl_show_subject *out, const pl_manifest *manifest, size_t index,
                            const pl_show_source *source, pl_error *err);

void pl_show_subject_clear(pl_show_subject *subject);
