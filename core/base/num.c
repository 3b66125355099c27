#include "core/base/num.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool pl_parse_u64(uint64_t *out, const char *text, size_t length) {
  if (length == 0) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    uint64_t digit = (uint64_t)(text[i] - '0');
    if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, digit, &value)) return false;
  }
  *out = value;
  return true;
}

bool pl_parse_i64(int64_t *out, const char *text, size_t length) {
  bool negative = length > 0 && text[0] == '-';
  uint64_t magnitude = 0;
  if (!pl_parse_u64(&magnitude, text + negative, length - negative)) return false;
  if (magnitude > (uint64_t)INT64_MAX + (negative ? 1u : 0u)) return false;
  *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
  return true;
}

bool pl_parse_double(double *out, const char *text, size_t length) {
  char copy[64];
  if (length == 0 || length >= sizeof copy || isspace((unsigned char)text[0])) return false;
  memcpy(copy, text, length);
  copy[length] = '\0';
  // strtod follows the process locale, where the decimal point may be a comma; "C" is what files mean.
  locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
  if (c_locale == (locale_t)0) return false;
  char *end = NULL;
  errno = 0;
  double value = strtod_l(copy, &end, c_locale);
  freelocale(c_locale);
  if (end != copy + length || !isfinite(value)) return false;
  *out = value;
  return true;
}
