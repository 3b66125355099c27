#include "core/data/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"

enum { CONNECT_SECONDS = 30, STALL_BYTES_A_SECOND = 16 };

// What is used of libcurl, under its own names. A pointer to a variadic function is called like the function.
typedef struct curl_api {
  CURLcode (*global_init)(long flags);
  CURL *(*easy_init)(void);
  void (*easy_reset)(CURL *curl);
  CURLcode (*easy_setopt)(CURL *curl, CURLoption option, ...);
  CURLcode (*easy_perform)(CURL *curl);
  CURLcode (*easy_getinfo)(CURL *curl, CURLINFO info, ...);
  void (*easy_cleanup)(CURL *curl);
  const char *(*easy_strerror)(CURLcode code);
  struct curl_slist *(*slist_append)(struct curl_slist *list, const char *line);
  void (*slist_free_all)(struct curl_slist *list);
  CURLU *(*url)(void);
  void (*url_cleanup)(CURLU *url);
  CURLUcode (*url_set)(CURLU *url, CURLUPart part, const char *text, unsigned flags);
  CURLUcode (*url_get)(const CURLU *url, CURLUPart part, char **text, unsigned flags);
  void (*free)(void *text);
} curl_api;

struct pl_http {
  curl_api api;
  CURL *curl;
};

static const struct symbol {
  const char *name;
  size_t offset;
} symbols[15];

static const char *const libraries[3];

static pl_status load(curl_api *api, pl_error *err) {
  void *library = NULL;
  for (size_t i = 0; library == NULL && libraries[i] != NULL; i++)
    library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    return pl_fail(err, PL_E_NOTFOUND, "downloading needs libcurl, which is not installed (Debian: libcurl4)");
  }
  for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
    void *function = dlsym(library, symbols[i].name);
    if (function == NULL)
      return pl_fail(err, PL_E_UNSUPPORTED, "this libcurl is too old: it has no %s", symbols[i].name);
    memcpy((char *)api + symbols[i].offset, &function, sizeof function);
  }
  // The library stays: what it has started cannot be undone.
  return PL_OK;
}

pl_status pl_http_create(pl_http **out, pl_error *err) {
  pl_http *http = pl_xcalloc(1, sizeof *http);
  pl_status status = load(&http->api, err);
  if (status == PL_OK && http->api.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) http->curl = http->api.easy_init();
  if (status == PL_OK && http->curl == NULL) status = pl_fail(err, PL_E_INTERNAL, "libcurl cannot be started");
  if (status != PL_OK) {
    free(http);
    return status;
  }
  *out = http;
  return PL_OK;
}

void pl_http_destroy(pl_http *http) {
  if (http == NULL) return;
  http->api.easy_cleanup(http->curl);
  free(http);
}

// URLs

static bool get_part(char *out, size_t size, const curl_api *api, const CURLU *url, CURLUPart part, unsigned flags) {
  char *text = NULL;
  bool fits = api->url_get(url, part, &text, flags) == CURLUE_OK && text != NULL && pl_copy_text(out, size, text);
  api->free(text);
  return fits;
}

static bool has_part(const curl_api *api, const CURLU *url, CURLUPart part) {
  char *text = NULL;
  bool there = api->url_get(url, part, &text, 0) == CURLUE_OK;
  api->free(text);
  return there;
}

pl_status pl_http_url_parse(pl_http_url *out, pl_http *http, const char *text, const char *base, pl_error *err) {
  const curl_api *api = &http->api;
  CURLU *url = api->url();
  pl_http_url u = {0};
  char port[8] = "";
  bool good = url != NULL && (base == NULL || api->url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK) &&
              api->url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
              get_part(u.text, sizeof u.text, api, url, CURLUPART_URL, 0) &&
              get_part(u.scheme, sizeof u.scheme, api, url, CURLUPART_SCHEME, 0) &&
              get_part(u.host, sizeof u.host, api, url, CURLUPART_HOST, 0) &&
              get_part(port, sizeof port, api, url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  u.has_user = good && (has_part(api, url, CURLUPART_USER) || has_part(api, url, CURLUPART_PASSWORD));
  if (url != NULL) api->url_cleanup(url);
  // A URL may hold a password or a signature, so a message shows only its beginning.
  int shown = (int)strcspn(text, "?@");
  if (!good) return pl_fail(err, PL_E_USAGE, "'%.*s' is not a URL", shown < 100 ? shown : 100, text);
  for (char *p = u.host; *p != '\0'; p++) {
    if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
  }
  if (strcmp(u.scheme, "https") != 0 && strcmp(u.scheme, "http") != 0) {
    return pl_fail(err, PL_E_USAGE, "'%s' is neither http nor https", u.scheme);
  }
  u.port = (int)strtol(port, NULL, 10);
  *out = u;
  return PL_OK;
}

bool pl_http_url_is_loopback(const pl_http_url *url) {
  if (strcmp(url->host, "localhost") == 0 || strcmp(url->host, "[::1]") == 0) return true;
  // A name may begin with 127. as well.
  return pl_begins_with(url->host, "127.") && strspn(url->host, "0123456789.") == strlen(url->host);
}

// The exchange

typedef struct exchange {
  const pl_http_request *request;
  pl_http_head head;
  bool head_given;
  pl_status status;  // of a callback
  pl_error err;
} exchange;

static bool give_head(exchange *x) {
  if (x->head_given) return x->status == PL_OK;
  x->head_given = true;
  x->status = x->request->on_head(x->request->context, &x->head, &x->err);
  return x->status == PL_OK;
}

static size_t on_header(char *line, size_t one, size_t length, void *context) {
  (void)one;
  exchange *x = context;
  pl_http_head_add(&x->head, line, length);
  return length;
}

static size_t on_bytes(char *bytes, size_t one, size_t length, void *context) {
  (void)one;
  exchange *x = context;
  if (!give_head(x)) return length + 1;  // any other number than `length` ends the transfer
  x->status = x->request->on_body(x->request->context, bytes, length, &x->err);
  return x->status == PL_OK ? length : length + 1;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up) {
  (void)total;
  (void)now;
  (void)up_total;
  (void)up;
  exchange *x = context;
  if (!x->request->on_wait(x->request->context)) return 0;
  x->status = pl_fail(&x->err, PL_E_CANCELLED, "stopped");
  return 1;
}

static void set_policy(const curl_api *api, CURL *curl) {
#if LIBCURL_VERSION_NUM >= 0x075500
  api->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  api->easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  api->easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  api->easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  api->easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
  api->easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES_A_SECOND);
  api->easy_setopt(curl, CURLOPT_USERAGENT, "pleura");
}

static struct curl_slist *set_request(const curl_api *api, CURL *curl, const pl_http_request *r) {
  struct curl_slist *lines = NULL;
  api->easy_setopt(curl, CURLOPT_URL, r->url);
  api->easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)r->stall_seconds);
  if (r->user != NULL) {
    api->easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    api->easy_setopt(curl, CURLOPT_USERNAME, r->user);
    api->easy_setopt(curl, CURLOPT_PASSWORD, r->password);
  }
  if (r->offset > 0) {
    char *range = pl_xprintf("Range: bytes=%llu-", (unsigned long long)r->offset);
    char *version = pl_xprintf("If-Range: %s", r->validator);
    lines = api->slist_append(lines, range);
    lines = api->slist_append(lines, version);
    free(range);
    free(version);
    api->easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
  }
  return lines;
}

static pl_status outcome(bool *broken, const exchange *x, const curl_api *api, CURLcode code, pl_error *err) {
  if (x->status != PL_OK) {
    if (err != NULL) *err = x->err;
    return x->status;
  }
  const char *why = api->easy_strerror(code);
  switch (code) {
    case CURLE_OK: return PL_OK;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return pl_fail(err, PL_E_UNSUPPORTED, "there is no safe connection (TLS): %s", why);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: return pl_fail(err, PL_E_UNSUPPORTED, "what answers there is no HTTP server");
    case CURLE_OPERATION_TIMEDOUT:
      *broken = true;
      return pl_fail(err, PL_E_IO, "nothing came for %u s", x->request->stall_seconds);
    case CURLE_PARTIAL_FILE: *broken = true; return pl_fail(err, PL_E_IO, "the server ended the connection too early");
    default: *broken = true; return pl_fail(err, PL_E_IO, "%s", why);
  }
}

pl_status pl_http_get(pl_http_head *head, bool *broken, pl_http *http, const pl_http_request *request, pl_error *err) {
  const curl_api *api = &http->api;
  CURL *curl = http->curl;
  exchange x = {.request = request};
  api->easy_reset(curl);  // options only; connections stay open
  set_policy(api, curl);
  struct curl_slist *lines = set_request(api, curl, request);
  api->easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  api->easy_setopt(curl, CURLOPT_HEADERDATA, &x);
  api->easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
  api->easy_setopt(curl, CURLOPT_WRITEDATA, &x);
  api->easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  api->easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  api->easy_setopt(curl, CURLOPT_XFERINFODATA, &x);
  CURLcode code = api->easy_perform(curl);
  curl_off_t wait = 0;
  bool asked_to_wait = api->easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0;
  x.head.retry_after = asked_to_wait ? (int64_t)wait : -1;
  api->slist_free_all(lines);
  *broken = false;
  // An answer without a body has a head all the same.
  if (code == CURLE_OK) (void)give_head(&x);
  *head = x.head;
  return outcome(broken, &x, api, code, err);
}

static const struct symbol symbols[15] = {
    {"curl_global_init", offsetof(curl_api, global_init)},
    {"curl_easy_init", offsetof(curl_api, easy_init)},
    {"curl_easy_reset", offsetof(curl_api, easy_reset)},
    {"curl_easy_setopt", offsetof(curl_api, easy_setopt)},
    {"curl_easy_perform", offsetof(curl_api, easy_perform)},
    {"curl_easy_getinfo", offsetof(curl_api, easy_getinfo)},
    {"curl_easy_cleanup", offsetof(curl_api, easy_cleanup)},
    {"curl_easy_strerror", offsetof(curl_api, easy_strerror)},
    {"curl_slist_append", offsetof(curl_api, slist_append)},
    {"curl_slist_free_all", offsetof(curl_api, slist_free_all)},
    {"curl_url", offsetof(curl_api, url)},
    {"curl_url_cleanup", offsetof(curl_api, url_cleanup)},
    {"curl_url_set", offsetof(curl_api, url_set)},
    {"curl_url_get", offsetof(curl_api, url_get)},
    {"curl_free", offsetof(curl_api, free)},
};

// OpenSSL's and GnuTLS's build.
static const char *const libraries[3] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};
