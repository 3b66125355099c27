#include "core/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/num.h"

static _Noreturn void out_of_memory(void) {
  static const char text[] = "pleura: out of memory\n";
  ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
  (void)ignored;
  abort();
}

void *pl_xmalloc(size_t size) {
  void *p = malloc(size != 0 ? size : 1);
  if (p == NULL) out_of_memory();
  return p;
}

void *pl_xcalloc(size_t count, size_t size) {
  void *p = calloc(count != 0 ? count : 1, size != 0 ? size : 1);
  if (p == NULL) out_of_memory();
  return p;
}

void *pl_xrealloc(void *old, size_t count, size_t size) {
  size_t bytes = 0;
  if (!pl_mul_size(&bytes, count, size)) out_of_memory();
  void *p = realloc(old, bytes != 0 ? bytes : 1);
  if (p == NULL) out_of_memory();
  return p;
}

char *pl_xstrdup(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = pl_xmalloc(size);
  memcpy(copy, text, size);
  return copy;
}

char *pl_xprintf(const char *format, ...) {
  va_list args;
  char *text = NULL;
  va_start(args, format);
  int length = vasprintf(&text, format, args);
  va_end(args);
  if (length < 0 || text == NULL) out_of_memory();
  return text;
}

void *pl_try_alloc(size_t size) {
  size_t rounded = 0;
  if (!pl_add_size(&rounded, size, 63)) return NULL;
  rounded &= ~(size_t)63;
  return aligned_alloc(64, rounded != 0 ? rounded : 64);
}
