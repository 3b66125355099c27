// Text that may have come from anywhere.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Writes in[0..length) into out[0..size) as UTF-8 that a terminal cannot be tricked by: C0, DEL, C1 controls, bidi
// controls and invalid UTF-8 become \xNN; cut at a character border, always terminated. Returns the bytes written,
// without the terminator. Use it for everything from outside that reaches a terminal or a log.
size_t pl_safe_text(char *out, size_t size, const char *in, size_t length);

// Copies `in` into out[0..size), cutting if needed; always terminated. Returns false if it was cut.
bool pl_copy_text(char *out, size_t size, const char *in);

// True when `text` ends with `suffix` / begins with `prefix`.
bool pl_ends_with(const char *text, const char *suffix);
bool pl_begins_with(const char *text, const char *prefix);

#ifdef __cplusplus
}
#endif
