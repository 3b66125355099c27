#include "core/base/str.h"

#include <stdint.h>
#include <string.h>

// Decodes one UTF-8 character; returns its length, or 0 when the bytes are not valid UTF-8 (RFC 3629).
static size_t decode(const unsigned char *s, size_t left, uint32_t *code) {
  if (s[0] < 0x80) {
    *code = s[0];
    return 1;
  }
  size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  if (s[0] < 0xC2 || s[0] > 0xF4 || left < length) return 0;
  uint32_t value = s[0] & (0x7Fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
    value = value << 6 | (s[i] & 0x3Fu);
  }
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return 0;
  *code = value;
  return length;
}

static bool is_unsafe(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x200E || c == 0x200F || c == 0x061C ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029 || c == 0xFEFF;
}

size_t pl_safe_text(char *out, size_t size, const char *in, size_t length) {
  static const char hex[] = "0123456789abcdef";
  const unsigned char *s = (const unsigned char *)in;
  size_t used = 0;
  if (size == 0) return 0;
  for (size_t i = 0; i < length;) {
    uint32_t code = 0;
    size_t n = decode(s + i, length - i, &code);
    if (n != 0 && !is_unsafe(code)) {
      if (used + n >= size) break;
      memcpy(out + used, s + i, n);
      used += n;
      i += n;
      continue;
    }
    size_t bytes = n != 0 ? n : 1;
    if (used + 4 * bytes >= size) break;
    for (size_t k = 0; k < bytes; k++) {
      out[used++] = '\\';
      out[used++] = 'x';
      out[used++] = hex[s[i + k] >> 4];
      out[used++] = hex[s[i + k] & 15];
    }
    i += bytes;
  }
  out[used] = '\0';
  return used;
}

bool pl_copy_text(char *out, size_t size, const char *in) {
  size_t length = strlen(in);
  if (size == 0) return false;
  size_t n = length < size ? length : size - 1;
  memcpy(out, in, n);
  out[n] = '\0';
  return n == length;
}

bool pl_ends_with(const char *text, const char *suffix) {
  size_t n = strlen(text), m = strlen(suffix);
  return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

bool pl_begins_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }
