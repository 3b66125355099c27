#include "core/data/fetch.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/str.h"
#include "core/data/fetch_private.h"

enum {
  TRIES = 6,
  STALL_SECONDS = 30,
  PAUSE_SECONDS_MAX = 60,
  SLEEP_NANOSECONDS = 50 * 1000 * 1000,
  REDIRECTS_MAX = 10,
  WRONG_MAX = 2,                 // downloads that came whole and were not what was announced
  ANSWER_MAX = 1 << 16,          // bytes of an answer that is not the content
  PROGRESS_BYTES = 1 << 20,      // after so many, a cut counts as the first one again
  SPACE_CHECK_BYTES = 64 << 20,  // between two looks at the disk when the length is unknown
};

static const uint64_t size_max_default = 256ULL << 30, spare_bytes_default = 256ULL << 20;

typedef struct fetch {
  pl_fetch_options options;  // with the defaults filled in
  pl_http *http;
  pl_http_url first;
  fetch_part *part;  // where the content goes: a file, or ...
  pl_buf *text;      // ... a buffer
  uint64_t resumed;  // bytes of the part that an earlier call has fetched
  uint64_t space_checked;
  // Of the answer that is coming:
  bool is_content, body_is_full, start_over;
  pl_buf body;  // when it is not the content
} fetch;

static void say(const fetch *f, const char *text) {
  if (f->options.note != NULL) f->options.note(f->options.context, text);
}

static bool is_cancelled(const fetch *f) {
  return f->options.cancelled != NULL && f->options.cancelled(f->options.context);
}

// Credentials

static bool is_safe(const pl_http_url *url) {
  return strcmp(url->scheme, "https") == 0 || pl_http_url_is_loopback(url);
}

static bool is_kaggle(const pl_http_url *url) {
  return strcmp(url->host, "kaggle.com") == 0 || pl_ends_with(url->host, ".kaggle.com");
}

bool fetch_may_see_key(const pl_fetch_options *options, const pl_http_url *first, const pl_http_url *url) {
  if (options->key == NULL || options->key->user[0] == '\0' || !is_safe(url)) return false;
  if (strcmp(url->host, first->host) != 0 || url->port != first->port) return false;
  return options->send_credentials || is_kaggle(url);
}

static pl_status check_first(const fetch *f, pl_error *err) {
  if (f->first.has_user) {
    return pl_fail(err, PL_E_USAGE, "no name and password in the address, please: they belong into kaggle.json");
  }
  if (f->options.key != NULL && f->options.send_credentials && !is_safe(&f->first)) {
    return pl_fail(err, PL_E_USAGE, "the key is sent only over https (or to this machine), not to http://%s",
                   f->first.host);
  }
  return PL_OK;
}

// What comes

static pl_status check_space(fetch *f, uint64_t needed, pl_error *err) {
  struct statvfs disk;
  f->space_checked = f->part->length;
  if (fstatvfs(f->part->fd, &disk) != 0) return PL_OK;  // writing will tell
  uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
  if (free_bytes >= f->options.spare_bytes && free_bytes - f->options.spare_bytes >= needed) return PL_OK;
  return pl_fail(err, PL_E_NOSPACE, "%.1f GB more are needed and %.1f GB are free (%.1f GB are to stay free) beside %s",
                 (double)needed / 1e9, (double)free_bytes / 1e9, (double)f->options.spare_bytes / 1e9, f->part->path);
}

static pl_status check_size(fetch *f, uint64_t rest, int64_t total, pl_error *err) {
  if (total >= 0 && (uint64_t)total > f->options.size_max) {
    return pl_fail(err, PL_E_LIMIT, "the server announces %.1f GB, more than the limit of %.1f GB", (double)total / 1e9,
                   (double)f->options.size_max / 1e9);
  }
  return check_space(f, rest, err);
}

// The rest of what is there, or of something else?
static pl_status take_rest(fetch *f, const pl_http_head *head, pl_error *err) {
  const fetch_part *p = f->part;
  bool same = head->range_start >= 0 && (uint64_t)head->range_start == p->length &&
              strcmp(pl_http_head_validator(head), p->validator) == 0 &&
              (p->total < 0 || head->range_total < 0 || p->total == head->range_total);
  if (!same) {
    f->start_over = true;
    return pl_fail(err, PL_E_IO, "the server has another version now; starting anew");
  }
  return check_size(f, head->length > 0 ? (uint64_t)head->length : 0, head->range_total, err);
}

static pl_status on_head(void *context, const pl_http_head *head, pl_error *err) {
  fetch *f = context;
  bool is_rest = head->status == 206 && f->part != NULL && f->part->length > 0;
  f->is_content = head->status == 200 || is_rest;
  if (!f->is_content || f->text != NULL) return PL_OK;
  if (is_rest) return take_rest(f, head, err);
  if (f->part->length > 0) say(f, "the server starts from the first byte again");
  pl_status status = check_size(f, head->length > 0 ? (uint64_t)head->length : 0, head->length, err);
  f->resumed = 0;
  return status == PL_OK ? fetch_part_begin(f->part, head, err) : status;
}

static pl_status add_to_part(fetch *f, const void *bytes, size_t length, pl_error *err) {
  fetch_part *p = f->part;
  if (p->total >= 0 && length > (uint64_t)p->total - p->length) {
    f->start_over = true;
    return pl_fail(err, PL_E_FORMAT, "the server sends more than it has announced");
  }
  if (length > f->options.size_max - p->length) {
    f->start_over = true;
    return pl_fail(err, PL_E_LIMIT, "the server sends more than the limit of %.1f GB",
                   (double)f->options.size_max / 1e9);
  }
  if (p->length - f->space_checked >= SPACE_CHECK_BYTES) {
    pl_status status = check_space(f, 0, err);
    if (status != PL_OK) return status;
  }
  return fetch_part_add(p, bytes, length, err);
}

static pl_status on_body(void *context, const void *bytes, size_t length, pl_error *err) {
  fetch *f = context;
  if (f->is_content && f->part != NULL) return add_to_part(f, bytes, length, err);
  if (f->is_content) {
    return pl_buf_add(f->text, bytes, length) ? PL_OK : pl_fail(err, PL_E_LIMIT, "the server's answer is too long");
  }
  f->body_is_full = !pl_buf_add(&f->body, bytes, length);
  return f->body_is_full ? pl_fail(err, PL_E_LIMIT, "enough") : PL_OK;
}

static bool on_wait(void *context) {
  fetch *f = context;
  if (f->options.progress != NULL && f->part != NULL) {
    pl_fetch_progress progress = {.done = f->part->length, .resumed = f->resumed, .total = f->part->total};
    f->options.progress(f->options.context, &progress);
  }
  return is_cancelled(f);
}

// One try

static bool is_redirect(const pl_http_head *head) {
  return (head->status == 301 || head->status == 302 || head->status == 303 || head->status == 307 ||
          head->status == 308) &&
         head->location[0] != '\0';
}

static pl_status follow(pl_http_url *url, const fetch *f, const pl_http_head *head, pl_error *err) {
  pl_http_url next;
  pl_status status = pl_http_url_parse(&next, f->http, head->location, url->text, err);
  if (status != PL_OK) return pl_wrap(err, "redirected by %s", url->host);
  if (next.has_user || (strcmp(url->scheme, "https") == 0 && strcmp(next.scheme, "https") != 0)) {
    return pl_fail(err, PL_E_UNSUPPORTED, "%s redirects to an address that is not safe, at %s", url->host, next.host);
  }
  *url = next;
  return PL_OK;
}

static pl_status ask(pl_http_head *head, bool *again, fetch *f, const pl_http_url *url, pl_error *err) {
  bool with_key = fetch_may_see_key(&f->options, &f->first, url), broken = false;
  pl_http_request request = {.url = url->text,
                             .user = with_key ? f->options.key->user : NULL,
                             .password = with_key ? f->options.key->key : NULL,
                             .stall_seconds = f->options.stall_seconds,
                             .on_head = on_head,
                             .on_body = on_body,
                             .on_wait = on_wait,
                             .context = f};
  if (f->part != NULL && f->part->validator[0] != '\0') {
    request.offset = f->part->length;
    request.validator = f->part->validator;
  }
  f->is_content = f->body_is_full = f->start_over = false;
  pl_buf_reset(&f->body);
  if (f->text != NULL) pl_buf_reset(f->text);
  pl_status status = pl_http_get(head, &broken, f->http, &request, err);
  if (f->body_is_full) return PL_OK;
  *again = broken || (f->start_over && status == PL_E_IO);
  return status;
}

// The part holds all that the server has: only its end was not noticed.
static bool is_complete(const fetch *f, const pl_http_head *head) {
  return head->status == 416 && f->part != NULL && f->part->length > 0 &&
         (head->range_total < 0 ? f->part->total : head->range_total) == (int64_t)f->part->length;
}

static pl_status attempt(bool *again, int64_t *wait, fetch *f, pl_error *err) {
  pl_http_url url = f->first;
  *again = false;
  for (int hop = 0; hop <= REDIRECTS_MAX; hop++) {
    pl_http_head head;
    pl_status status = ask(&head, again, f, &url, err);
    *wait = head.retry_after;
    if (f->start_over && fetch_part_drop(f->part, NULL) != PL_OK) *again = false;
    if (status != PL_OK || is_complete(f, &head)) return status;
    if (f->is_content) {
      *again = f->part != NULL && f->part->total >= 0 && f->part->length < (uint64_t)f->part->total;
      return *again ? pl_fail(err, PL_E_IO, "the server ended the connection too early") : PL_OK;
    }
    if (!is_redirect(&head)) {
      if (head.status == 416 && f->part != NULL) (void)fetch_part_drop(f->part, NULL);
      return fetch_answer_fail(again, &head, &f->body, &f->options, hop > 0, err);
    }
    status = follow(&url, f, &head, err);
    if (status != PL_OK) return status;
  }
  return pl_fail(err, PL_E_UNSUPPORTED, "%s redirects in a circle", f->first.host);
}

// Several tries

static pl_status pause_before(fetch *f, unsigned failures, int64_t wait, const pl_error *why, pl_error *err) {
  double seconds = fmin(f->options.pause_seconds * ldexp(1, (int)failures - 1), PAUSE_SECONDS_MAX);
  if (wait > 0 && (double)wait > seconds) seconds = (double)wait;
  char text[PL_ERROR_MESSAGE_MAX + 64];
  pl_buf words;
  pl_buf_init(&words, sizeof text - 1);
  pl_buf_printf(&words, "%s; trying again in %.0f s", why->message, ceil(seconds));
  say(f, words.data != NULL ? words.data : why->message);
  pl_buf_clear(&words);
  pl_clock clock = pl_clock_system();
  double until = pl_clock_monotonic(&clock) + seconds;
  while (pl_clock_monotonic(&clock) < until) {
    if (is_cancelled(f)) return pl_fail(err, PL_E_CANCELLED, "stopped");
    (void)nanosleep(&(struct timespec){.tv_nsec = SLEEP_NANOSECONDS}, NULL);
  }
  return PL_OK;
}

static pl_status try_until_whole(fetch *f, pl_error *err) {
  for (unsigned failures = 0;;) {
    uint64_t before = f->part != NULL ? f->part->length : 0;
    bool again = false;
    int64_t wait = -1;
    pl_error why = {0};
    pl_status status = attempt(&again, &wait, f, &why);
    if (status == PL_OK) return PL_OK;
    if (f->part != NULL && f->part->length >= before + PROGRESS_BYTES) failures = 0;
    failures++;
    if (!again || failures >= f->options.tries) {
      if (err != NULL) *err = why;
      return again ? pl_wrap(err, "given up after %u tries", failures) : status;
    }
    status = pause_before(f, failures, wait, &why, err);
    if (status != PL_OK) return status;
  }
}

static pl_status fetch_whole(fetch *f, pl_fetch_result *result, pl_error *err) {
  for (int wrong = 0;;) {
    pl_status status = try_until_whole(f, err);
    if (status != PL_OK) return status;
    pl_error why = {0};
    status = fetch_part_verify(f->part, result, &why);
    if (status == PL_OK) return PL_OK;
    pl_status dropped = fetch_part_drop(f->part, err);
    if (dropped != PL_OK) return dropped;
    if (++wrong == WRONG_MAX) {
      if (err != NULL) *err = why;
      return status;
    }
    pl_wrap(&why, "starting anew");
    say(f, why.message);
  }
}

// Start and end

static pl_status start(fetch *f, const pl_fetch_options *options, pl_error *err) {
  f->options = *options;
  pl_fetch_options *o = &f->options;
  if (o->tries == 0) o->tries = TRIES;
  if (o->stall_seconds == 0) o->stall_seconds = STALL_SECONDS;
  if (o->pause_seconds <= 0) o->pause_seconds = 1;
  if (o->size_max == 0) o->size_max = size_max_default;
  if (o->spare_bytes == 0) o->spare_bytes = spare_bytes_default;
  pl_buf_init(&f->body, ANSWER_MAX);
  pl_status status = pl_http_create(&f->http, err);
  if (status == PL_OK) status = pl_http_url_parse(&f->first, f->http, o->url, NULL, err);
  return status == PL_OK ? check_first(f, err) : status;
}

static void end(fetch *f) {
  pl_buf_clear(&f->body);
  pl_http_destroy(f->http);
}

pl_status pl_fetch_file(pl_fetch_result *out, const char *path, const pl_fetch_options *options, pl_error *err) {
  *out = (pl_fetch_result){0};
  if (access(path, F_OK) == 0) return pl_fail(err, PL_E_EXISTS, "%s is there already", path);
  fetch f = {0};
  fetch_part part;
  pl_status status = start(&f, options, err);
  if (status == PL_OK) status = fetch_part_open(&part, path, options->url, err);
  if (status != PL_OK) {
    end(&f);
    return status;
  }
  f.part = &part;
  f.resumed = part.length;
  status = fetch_whole(&f, out, err);
  if (status == PL_OK) status = fetch_part_finish(&part, err);
  out->bytes = part.length;
  out->resumed = f.resumed;
  fetch_part_close(&part);
  end(&f);
  return status;
}

pl_status pl_fetch_text(pl_buf *out, const pl_fetch_options *options, pl_error *err) {
  fetch f = {.text = out};
  pl_status status = start(&f, options, err);
  if (status == PL_OK) status = try_until_whole(&f, err);
  end(&f);
  return status;
}
