#include "core/run/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/str.h"

void pl_json_add_number(pl_buf *out, const char *key, double value, int digits) {
  if (isnan(value)) {
    (void)pl_buf_printf(out, ",\"%s\":\"nan\"", key);
  } else if (isinf(value)) {
    (void)pl_buf_printf(out, ",\"%s\":\"%s\"", key, value > 0 ? "inf" : "-inf");
  } else {
    // "%.17g" of a whole number looks like an integer, which JSON allows for a number.
    (void)pl_buf_printf(out, ",\"%s\":%.*g", key, digits, value);
  }
}

void pl_json_add_int(pl_buf *out, const char *key, int64_t value) {
  (void)pl_buf_printf(out, ",\"%s\":%" PRId64, key, value);
}

void pl_json_add_text(pl_buf *out, const char *key, const char *text) {
  char safe[2048];
  (void)pl_safe_text(safe, sizeof safe, text, strlen(text));
  (void)pl_buf_printf(out, ",\"%s\":\"", key);
  for (const char *p = safe; *p != '\0'; p++) {
    if (*p == '"' || *p == '\\') (void)pl_buf_add(out, "\\", 1);
    (void)pl_buf_add(out, p, 1);
  }
  (void)pl_buf_add(out, "\"", 1);
}

double pl_json_number(const json_t *object, const char *key, double missing) {
  const json_t *value = json_object_get(object, key);
  if (json_is_number(value)) return json_number_value(value);
  const char *text = json_string_value(value);
  if (text == NULL) return missing;
  if (strcmp(text, "nan") == 0) return (double)NAN;
  if (strcmp(text, "inf") == 0) return (double)INFINITY;
  if (strcmp(text, "-inf") == 0) return -(double)INFINITY;
  return missing;
}

int64_t pl_json_int(const json_t *object, const char *key, int64_t missing) {
  const json_t *value = json_object_get(object, key);
  return json_is_integer(value) ? (int64_t)json_integer_value(value) : missing;
}

void pl_json_text(char *out, size_t size, const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  out[0] = '\0';
  if (json_is_string(value)) (void)pl_safe_text(out, size, json_string_value(value), json_string_length(value));
}
