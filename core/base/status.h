// Result codes and error messages. Every fallible function returns a pl_status and takes a pl_error last.
#pragma once

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

// 0 is success; every failure is negative. The code says what kind of thing went wrong, the message says the rest.
typedef enum pl_status {
  PL_OK = 0,
  PL_E_USAGE = -1,        // the caller or the user asked for something that makes no sense
  PL_E_FORMAT = -2,       // a file's content is wrong
  PL_E_IO = -3,           // reading or writing failed
  PL_E_NOMEM = -4,        // a large allocation failed
  PL_E_LIMIT = -5,        // larger than we are willing to take
  PL_E_UNSUPPORTED = -6,  // valid, but not something we can do
  PL_E_NOTFOUND = -7,     // a file, case, run, option or backend that does not exist
  PL_E_EXISTS = -8,       // would overwrite something
  PL_E_BUSY = -9,         // someone else holds it
  PL_E_DEVICE = -10,      // the compute device failed or is missing
  PL_E_NOSPACE = -11,     // the disk is full
  PL_E_CANCELLED = -12,   // the user or a signal asked to stop
  PL_E_INTERNAL = -13,    // a mistake of ours that was caught
} pl_status;

enum { PL_ERROR_MESSAGE_MAX = 240 };

// The caller owns it, usually on the stack: `pl_error err = {0};`. Written only on failure.
typedef struct pl_error {
  pl_status code;
  const char *file;  // where in our source, for the log; a string literal
  int line;
  char message[PL_ERROR_MESSAGE_MAX];  // for people: what, where, why, what to do
} pl_error;

// Starts an error: fills `err` (which may be NULL) and returns `code`, so that a failure is one line.
#define pl_fail(err, code, ...) pl_error_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)

// The function behind pl_fail. The message is cut at its maximum and made safe for terminals (see pl_safe_text).
pl_status pl_error_set(pl_error *err, pl_status code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

// Adds context in front while an error travels up: pl_wrap(err, "train-rle.csv line %zu", n) makes
// "train-rle.csv line 812: odd number of values". Returns the error's code. `err` may be NULL (then PL_E_INTERNAL).
pl_status pl_wrap(pl_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Sets an error from errno: "cannot open /x: No such file or directory". ENOSPC and EDQUOT become PL_E_NOSPACE, ENOENT
// PL_E_NOTFOUND, EEXIST PL_E_EXISTS, everything else PL_E_IO.
pl_status pl_fail_errno(pl_error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

// The process exit code of a failure: 2 usage, 3 data, 4 device, 5 storage, 6 preempted; 1 for mistakes of ours.
int pl_status_exit_code(pl_status status);

// A short name such as "format", for logs and tests. Static string.
const char *pl_status_name(pl_status status);

#ifdef __cplusplus
}
#endif
