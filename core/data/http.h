// One HTTP exchange, by libcurl. What to ask, whom to show a password and what to do next is the caller's business
// (core/data/fetch.h): redirections are reported, not followed.
//
// libcurl and the thirty libraries behind it are loaded when the first pl_http is made, not when the program starts.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
  PL_HTTP_TEXT_SIZE = 256,
  PL_HTTP_URL_SIZE = 8192,  // signed URLs are long
  PL_HTTP_MD5_SIZE = 33,
};

// What the head of an answer says. Nothing in it is trusted: texts that do not fit or hold control characters are left
// out, numbers that make no sense are -1.
typedef struct pl_http_head {
  int status;                        // 200, 404, ...; 0 before the first line
  int64_t length;                    // Content-Length, -1 when unknown
  int64_t range_start, range_total;  // of Content-Range, -1 when unknown
  int64_t retry_after;               // seconds, -1 when not given; only after pl_http_get
  char etag[PL_HTTP_TEXT_SIZE];      // a strong one, with its quotes, or ""
  char modified[PL_HTTP_TEXT_SIZE];  // Last-Modified, or ""
  char md5[PL_HTTP_MD5_SIZE];        // of the whole content, hex: x-goog-hash or Content-MD5, or ""
  bool is_google;                    // Google Cloud Storage, whose ETag is an MD5 when it looks like one
  char location[PL_HTTP_URL_SIZE];   // or ""
} pl_http_head;

// Takes one line of a head, with or without its line end. "HTTP/..." begins a new one.
void pl_http_head_add(pl_http_head *head, const char *line, size_t length);

// The content's MD5 in hex as far as the head tells it, else "".
void pl_http_head_md5(char hex[PL_HTTP_MD5_SIZE], const pl_http_head *head);

// What tells two versions of a content apart: the ETag, else Last-Modified, else "". Borrowed.
const char *pl_http_head_validator(const pl_http_head *head);

typedef struct pl_http_url {
  char text[PL_HTTP_URL_SIZE];
  char scheme[16], host[PL_HTTP_TEXT_SIZE];  // lower case
  int port;
  bool has_user;  // a user or a password stands in it
} pl_http_url;

typedef struct pl_http pl_http;

// PL_E_NOTFOUND when libcurl is not installed. The caller destroys it.
pl_status pl_http_create(pl_http **out, pl_error *err);
void pl_http_destroy(pl_http *http);  // takes NULL

// Takes a URL apart; with `base`, `text` may be relative to it. PL_E_USAGE when it makes no sense, or is neither http
// nor https.
pl_status pl_http_url_parse(pl_http_url *out, pl_http *http, const char *text, const char *base, pl_error *err);

// True for this machine itself: localhost, 127.0.0.0/8, ::1.
bool pl_http_url_is_loopback(const pl_http_url *url);

typedef struct pl_http_request {
  const char *url;
  const char *user, *password;  // sent as basic authentication; NULL for none
  uint64_t offset;              // above 0: asks for the bytes from here on ...
  const char *validator;        // ... of this version only (If-Range)
  unsigned stall_seconds;       // gives up when hardly a byte came for so long
  // Called once before the body, and for each piece of it. A failure ends the exchange with its status.
  pl_status (*on_head)(void *context, const pl_http_head *head, pl_error *err);
  pl_status (*on_body)(void *context, const void *bytes, size_t length, pl_error *err);
  bool (*on_wait)(void *context);  // called at least once a second; true ends the exchange
  void *context;
} pl_http_request;

// PL_OK when an answer came whole, whatever its status. PL_E_IO when the connection could not be made, was cut or
// stalled (*broken is set: trying again may help); PL_E_UNSUPPORTED when there is no safe connection (TLS);
// PL_E_CANCELLED; the status of a callback. *head holds what came of a head. Messages do not hold the URL's query.
pl_status pl_http_get(pl_http_head *head, bool *broken, pl_http *http, const pl_http_request *request, pl_error *err);

#ifdef __cplusplus
}
#endif
