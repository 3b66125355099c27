#include "core/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"

void pl_buf_init(pl_buf *buf, size_t max) { *buf = (pl_buf){.max = max}; }

void pl_buf_clear(pl_buf *buf) {
  free(buf->data);
  pl_buf_init(buf, buf->max);
}

void pl_buf_reset(pl_buf *buf) {
  buf->length = 0;
  buf->failed = false;
  if (buf->data != NULL) buf->data[0] = '\0';
}

char *pl_buf_reserve(pl_buf *buf, size_t length) {
  size_t needed = 0;
  if (buf->failed || !pl_add_size(&needed, buf->length, length) || needed > buf->max) {
    buf->failed = true;
    return NULL;
  }
  if (buf->data == NULL || needed + 1 > buf->capacity) {
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < needed + 1) capacity = capacity > buf->max / 2 ? buf->max + 1 : capacity * 2;
    buf->data = pl_xrealloc(buf->data, capacity, 1);
    buf->capacity = capacity;
  }
  buf->data[buf->length] = '\0';
  return buf->data + buf->length;
}

bool pl_buf_add(pl_buf *buf, const void *bytes, size_t length) {
  char *room = pl_buf_reserve(buf, length);
  if (room == NULL) return false;
  if (length != 0) memcpy(room, bytes, length);
  buf->length += length;
  buf->data[buf->length] = '\0';
  return true;
}

bool pl_buf_add_text(pl_buf *buf, const char *text) { return pl_buf_add(buf, text, strlen(text)); }

bool pl_buf_printf(pl_buf *buf, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *room = length < 0 ? NULL : pl_buf_reserve(buf, (size_t)length);
  if (room == NULL) {
    buf->failed = true;
    return false;
  }
  va_start(args, format);
  (void)vsnprintf(room, (size_t)length + 1, format, args);
  va_end(args);
  buf->length += (size_t)length;
  return true;
}
