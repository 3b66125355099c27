// What the files of `pleura labels` share.
#pragma once

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/data/label_edit.h"
#include "core/data/labels.h"
#include "core/data/manifest.h"

// labels_words.c. The journals of a workspace, and whether the exported files are what they give.
pl_status pl_cli_labels_status(const pl_manifest *manifest, bool json, pl_error *err);

// What was done to a case, line by line.
pl_status pl_cli_labels_log(const pl_manifest *manifest, const pl_case *c, bool json, pl_error *err);
