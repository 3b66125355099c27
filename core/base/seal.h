// Lines of append-only journals: one JSON object a line that ends with a CRC-32 of what stands before it, so that a
// line torn by a crash is never taken for a whole one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

// Ends the object that `line` holds without its closing brace, "{...": appends ,"crc":"XXXXXXXX"} and a line end.
void pl_seal(pl_buf *line);

// Whether line[0..length), without its line end, ends with such a CRC at all: a torn line does not.
bool pl_seal_is_there(const char *line, size_t length);

// Whether that CRC is the one of what stands before it.
bool pl_seal_holds(const char *line, size_t length);

#ifdef __cplusplus
}
#endif
