// Numbers and texts in this folder's JSON files: non-finite numbers are strings ("nan"), texts are safe to print.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_t;

// Appends ,"key":value. `digits` 9 keeps a float, 17 a double.
void pl_json_add_number(pl_buf *out, const char *key, double value, int digits);
void pl_json_add_int(pl_buf *out, const char *key, int64_t value);
void pl_json_add_text(pl_buf *out, const char *key, const char *text);

// Members of an object: `missing` when there is none or it has another type.
double pl_json_number(const struct json_t *object, const char *key, double missing);
int64_t pl_json_int(const struct json_t *object, const char *key, int64_t missing);

// Writes "" when there is none; always safe to print.
void pl_json_text(char *out, size_t size, const struct json_t *object, const char *key);

#ifdef __cplusplus
}
#endif
