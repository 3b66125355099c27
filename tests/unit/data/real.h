// The real files, for tests that have more to say with them. Not in the repository: see CONTRIBUTING.md.
#pragma once

#include <stddef.h>

#include "core/base/buf.h"

// The path of a file below PLEURA_DATA; the caller frees. Skips the test, saying why, when it is not there.
char *real_file(const char *name);

// The unpacked bytes of a .gz file below PLEURA_DATA, appended to `out`. Skips likewise.
void real_unpacked(pl_buf *out, const char *name);
