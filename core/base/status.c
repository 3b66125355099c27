#include "core/base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/str.h"

static void set_message(pl_error *err, const char *text) {
  (void)pl_safe_text(err->message, sizeof err->message, text, strlen(text));
}

pl_status pl_error_set(pl_error *err, pl_status code, const char *file, int line, const char *format, ...) {
  if (err == NULL) return code;
  char text[2 * PL_ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  err->code = code;
  err->file = file;
  err->line = line;
  set_message(err, text);
  return code;
}

pl_status pl_wrap(pl_error *err, const char *format, ...) {
  if (err == NULL) return PL_E_INTERNAL;
  char text[2 * PL_ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  int used = vsnprintf(text, PL_ERROR_MESSAGE_MAX, format, args);
  va_end(args);
  if (used < 0) used = 0;
  if (used >= PL_ERROR_MESSAGE_MAX) used = PL_ERROR_MESSAGE_MAX - 1;
  (void)snprintf(text + used, sizeof text - (size_t)used, ": %s", err->message);
  set_message(err, text);
  return err->code;
}

static pl_status code_of_errno(int errnum) {
  switch (errnum) {
    case ENOSPC:
    case EDQUOT: return PL_E_NOSPACE;
    case ENOENT: return PL_E_NOTFOUND;
    case EEXIST: return PL_E_EXISTS;
    case ENOMEM: return PL_E_NOMEM;
    default: return PL_E_IO;
  }
}

pl_status pl_fail_errno(pl_error *err, int errnum, const char *format, ...) {
  char what[PL_ERROR_MESSAGE_MAX];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(what, sizeof what, format, args);
  va_end(args);
  char reason[128];
  const char *text = strerror_r(errnum, reason, sizeof reason);  // the GNU variant returns the text
  return pl_error_set(err, code_of_errno(errnum), __FILE__, __LINE__, "%s: %s", what, text);
}

int pl_status_exit_code(pl_status status) {
  switch (status) {
    case PL_OK: return 0;
    case PL_E_USAGE:
    case PL_E_NOTFOUND:
    case PL_E_EXISTS:
    case PL_E_BUSY: return 2;
    case PL_E_FORMAT:
    case PL_E_LIMIT:
    case PL_E_UNSUPPORTED: return 3;
    case PL_E_DEVICE:
    case PL_E_NOMEM: return 4;
    case PL_E_IO:
    case PL_E_NOSPACE: return 5;
    case PL_E_CANCELLED: return 6;
    case PL_E_INTERNAL: return 1;
  }
  return 1;
}

const char *pl_status_name(pl_status status) {
  switch (status) {
    case PL_OK: return "ok";
    case PL_E_USAGE: return "usage";
    case PL_E_FORMAT: return "format";
    case PL_E_IO: return "io";
    case PL_E_NOMEM: return "memory";
    case PL_E_LIMIT: return "limit";
    case PL_E_UNSUPPORTED: return "unsupported";
    case PL_E_NOTFOUND: return "not found";
    case PL_E_EXISTS: return "exists";
    case PL_E_BUSY: return "busy";
    case PL_E_DEVICE: return "device";
    case PL_E_NOSPACE: return "no space";
    case PL_E_CANCELLED: return "cancelled";
    case PL_E_INTERNAL: return "internal";
  }
  return "unknown";
}
