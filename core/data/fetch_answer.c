#include <stdio.h>

#include "core/base/str.h"
#include "core/data/fetch_private.h"

enum { RETRY_AFTER_MAX = 600 };

enum {
  UNAUTHORIZED = 401,
  FORBIDDEN = 403,
  NOT_FOUND = 404,
  REQUEST_TIMEOUT = 408,
  GONE = 410,
  RANGE_NOT_SATISFIABLE = 416,
  TOO_MANY_REQUESTS = 429,
  SERVER_ERROR = 500,
};

static const char *name_of(const pl_fetch_options *o) { return o->what != NULL ? o->what : "the file"; }

static pl_status fail_refused(const pl_fetch_options *o, int code, pl_error *err) {
  if (o->key == NULL) {
    return pl_fail(
        err, PL_E_UNSUPPORTED,
        "%s needs a key (%d): make one at https://www.kaggle.com/settings and save it as ~/.kaggle/kaggle.json",
        name_of(o), code);
  }
  if (code == UNAUTHORIZED) {
    return pl_fail(err, PL_E_UNSUPPORTED,
                   "the key in kaggle.json is not accepted (401): make a new one at https://www.kaggle.com/settings");
  }
  return pl_fail(err, PL_E_UNSUPPORTED, "%s is refused (403): accept its rules at %s, or the key is wrong", name_of(o),
                 o->page != NULL ? o->page : "its page");
}

pl_status fetch_answer_fail(bool *again, const pl_http_head *head, const pl_buf *body, const pl_fetch_options *options,
                            bool redirected, pl_error *err) {
  char words[80];
  pl_kaggle_error_text(words, sizeof words, body->length > 0 ? body->data : "", body->length);
  const char *before = words[0] != '\0' ? ": " : "";
  int code = head->status;
  *again = false;
  if (code == TOO_MANY_REQUESTS || code == REQUEST_TIMEOUT || code >= SERVER_ERROR) {
    *again = head->retry_after <= RETRY_AFTER_MAX;
    if (*again) return pl_fail(err, PL_E_IO, "the server cannot answer now (%d)%s%s", code, before, words);
    return pl_fail(err, PL_E_IO, "the server asks to come back in %lld minutes (%d)%s%s",
                   (long long)head->retry_after / 60, code, before, words);
  }
  // The address of the store was signed for a while only; Kaggle gives a new one.
  *again = redirected && (code == UNAUTHORIZED || code == FORBIDDEN || code == NOT_FOUND || code == GONE);
  if (*again) return pl_fail(err, PL_E_IO, "the store does not give the file (%d)", code);
  switch (code) {
    case UNAUTHORIZED:
    case FORBIDDEN: return fail_refused(options, code, err);
    case NOT_FOUND:
    case GONE:
      return pl_fail(err, PL_E_NOTFOUND, "the server has no such thing as %s (%d)%s%s", name_of(options), code, before,
                     words);
    case RANGE_NOT_SATISFIABLE: *again = true; return pl_fail(err, PL_E_IO, "the server has not so many bytes (416)");
    default: return pl_fail(err, PL_E_UNSUPPORTED, "the server gives a strange answer (%d)%s%s", code, before, words);
  }
}
