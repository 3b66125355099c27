// Numbers from text and arithmetic that says when it overflows.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// *out = a op b. Returns false, with *out unspecified, when the result does not fit.
static inline bool pl_add_size(size_t *out, size_t a, size_t b) { return !__builtin_add_overflow(a, b, out); }
static inline bool pl_mul_size(size_t *out, size_t a, size_t b) { return !__builtin_mul_overflow(a, b, out); }

// The whole of text[0..length) as a decimal number; false for empty text, anything left over, or out of range. The
// locale does not matter. Doubles take "1e-4", "nan" and "inf" are refused.
bool pl_parse_u64(uint64_t *out, const char *text, size_t length);
bool pl_parse_i64(int64_t *out, const char *text, size_t length);
bool pl_parse_double(double *out, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
