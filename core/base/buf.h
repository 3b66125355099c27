// A growing byte buffer with a maximum that its owner must choose.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Once an append would pass `max`, `failed` is set and stays set, and nothing more is added: check it once at the end.
// `data` is always terminated with a 0 byte that `length` does not count (NULL only while nothing was added).
typedef struct pl_buf {
  char *data;
  size_t length, capacity, max;
  bool failed;
} pl_buf;

void pl_buf_init(pl_buf *buf, size_t max);
void pl_buf_clear(pl_buf *buf);  // frees the bytes; the buffer may be used again with the same maximum
void pl_buf_reset(pl_buf *buf);  // empties it and keeps the memory

bool pl_buf_add(pl_buf *buf, const void *bytes, size_t length);
bool pl_buf_add_text(pl_buf *buf, const char *text);
bool pl_buf_printf(pl_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Room for `length` more bytes at data + length, for reading into; NULL when that would pass the maximum. The caller
// adds what it wrote to buf->length and terminates it.
char *pl_buf_reserve(pl_buf *buf, size_t length);

#ifdef __cplusplus
}
#endif
