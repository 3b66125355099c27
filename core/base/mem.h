// Host memory. Small allocations cannot fail (the process aborts, and the workbench's SIGABRT handler restores the
// terminal first); anything sized by a file or a tensor goes through pl_try_alloc and is checked.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// malloc, calloc, realloc and strdup that abort with one line on stderr when memory is exhausted or count*size
// overflows. The caller owns the result and releases it with free().
void *pl_xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *pl_xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *pl_xrealloc(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *pl_xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *pl_xprintf(const char *format, ...) __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

// A large block of `size` bytes aligned to 64, or NULL. Not zeroed. Release with free().
void *pl_try_alloc(size_t size) __attribute__((malloc));

#ifdef __cplusplus
}
#endif
