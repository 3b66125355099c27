// The head of an answer, line by line (RFC 9110).
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/http.h"

enum { MD5_BYTES = 16, BASE64_MD5_DIGITS = 24 };

typedef struct text {
  const char *start;
  size_t length;
} text;

static text trimmed(const char *start, const char *end) {
  while (start < end && (*start == ' ' || *start == '\t')) start++;
  while (end > start && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n')) end--;
  return (text){start, (size_t)(end - start)};
}

static bool is_name(text t, const char *name) {
  return t.length == strlen(name) && strncasecmp(t.start, name, t.length) == 0;
}

// Copies what fits and can stand in a line that we send, else nothing.
static void keep(char *out, size_t size, text t) {
  out[0] = '\0';
  if (t.length >= size) return;
  for (size_t i = 0; i < t.length; i++) {
    if (t.start[i] < ' ' || t.start[i] > '~') return;
  }
  memcpy(out, t.start, t.length);
  out[t.length] = '\0';
}

static int64_t number(text t) {
  uint64_t value = 0;
  return pl_parse_u64(&value, t.start, t.length) && value <= INT64_MAX ? (int64_t)value : -1;
}

// "bytes 100-199/200", "bytes 100-199/*", "bytes */200".
static void read_range(pl_http_head *head, text t) {
  const char *end = t.start + t.length, *slash = memchr(t.start, '/', t.length);
  head->range_start = head->range_total = -1;
  if (t.length < 6 || strncasecmp(t.start, "bytes ", 6) != 0 || slash == NULL) return;
  head->range_total = number((text){slash + 1, (size_t)(end - slash - 1)});
  text range = trimmed(t.start + 6, slash);
  const char *dash = memchr(range.start, '-', range.length);
  if (dash != NULL) head->range_start = number((text){range.start, (size_t)(dash - range.start)});
}

static int base64_digit(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = c != '\0' ? strchr(digits, c) : NULL;
  return at != NULL ? (int)(at - digits) : -1;
}

// The base64 of 16 bytes as hex; nothing when it is not that.
static void read_md5(char hex[PL_HTTP_MD5_SIZE], text t) {
  static const char digits[] = "0123456789abcdef";
  uint32_t bits = 0, held = 0;
  size_t made = 0;
  char out[PL_HTTP_MD5_SIZE];
  if (t.length != BASE64_MD5_DIGITS || t.start[22] != '=' || t.start[23] != '=') return;
  for (size_t i = 0; i < BASE64_MD5_DIGITS - 2; i++) {
    int digit = base64_digit(t.start[i]);
    if (digit < 0) return;
    bits = bits << 6 | (uint32_t)digit;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    uint32_t byte = bits >> held & 0xff;
    out[made++] = digits[byte >> 4];
    out[made++] = digits[byte & 15];
  }
  out[made] = '\0';
  memcpy(hex, out, sizeof out);
}

// "crc32c=AAAAAA==,md5=...", in one line or several.
static void read_google_hash(pl_http_head *head, text t) {
  head->is_google = true;
  const char *end = t.start + t.length;
  for (const char *p = t.start; p < end;) {
    const char *comma = memchr(p, ',', (size_t)(end - p)), *stop = comma != NULL ? comma : end;
    text part = trimmed(p, stop);
    if (part.length > 4 && strncasecmp(part.start, "md5=", 4) == 0) {
      read_md5(head->md5, (text){part.start + 4, part.length - 4});
    }
    p = stop + (comma != NULL);
  }
}

static void begin(pl_http_head *head, const char *line, size_t length) {
  *head = (pl_http_head){.length = -1, .range_start = -1, .range_total = -1, .retry_after = -1};
  const char *space = memchr(line, ' ', length);
  size_t left = space != NULL ? length - (size_t)(space + 1 - line) : 0;
  if (left >= 3 && (left == 3 || !isdigit((unsigned char)space[4]))) {
    int64_t status = number((text){space + 1, 3});
    head->status = status >= 100 && status <= 599 ? (int)status : 0;
  }
}

void pl_http_head_add(pl_http_head *head, const char *line, size_t length) {
  if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    begin(head, line, length);
    return;
  }
  const char *colon = memchr(line, ':', length);
  if (colon == NULL) return;
  text name = {line, (size_t)(colon - line)}, value = trimmed(colon + 1, line + length);
  if (is_name(name, "content-length")) head->length = number(value);
  if (is_name(name, "content-range")) read_range(head, value);
  if (is_name(name, "last-modified")) keep(head->modified, sizeof head->modified, value);
  if (is_name(name, "location")) keep(head->location, sizeof head->location, value);
  if (is_name(name, "content-md5")) read_md5(head->md5, value);
  if (is_name(name, "x-goog-hash")) read_google_hash(head, value);
  if (is_name(name, "x-goog-generation")) head->is_google = true;
  if (is_name(name, "etag")) {
    keep(head->etag, sizeof head->etag, value);
    // A weak one does not promise the same bytes.
    size_t n = strlen(head->etag);
    if (n < 2 || head->etag[0] != '"' || head->etag[n - 1] != '"') head->etag[0] = '\0';
  }
}

void pl_http_head_md5(char hex[PL_HTTP_MD5_SIZE], const pl_http_head *head) {
  (void)pl_copy_text(hex, PL_HTTP_MD5_SIZE, head->md5);
  // Other servers' ETags may look the same and be something else.
  if (hex[0] != '\0' || !head->is_google || strlen(head->etag) != 2 * MD5_BYTES + 2) return;
  if (strspn(head->etag + 1, "0123456789abcdef") == 2 * MD5_BYTES) {
    memcpy(hex, head->etag + 1, 2 * MD5_BYTES);
    hex[2 * MD5_BYTES] = '\0';
  }
}

const char *pl_http_head_validator(const pl_http_head *head) {
  return head->etag[0] != '\0' ? head->etag : head->modified;
}
