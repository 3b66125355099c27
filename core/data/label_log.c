#include "core/data/label_log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/seal.h"
#include "core/base/str.h"

enum { EVENTS = PL_LABEL_REVERTED + 1, LINE_BYTES_MAX = 1 << 20 };

static const char *const event_names[EVENTS];

const char *pl_label_event_name(pl_label_event event) { return event_names[event]; }

char *pl_label_log_path(const char *workspace, const char *id) {
  return pl_xprintf("%s/" PL_LABEL_FOLDER "/%s.jsonl", workspace, id);
}

void pl_label_log_clear(pl_label_log *log) {
  for (size_t i = 0; i < log->count; i++) free(log->records[i].stroke.points);
  free(log->records);
  *log = (pl_label_log){0};
}

// ---- Reading

static bool read_text(char *out, size_t size, const json_t *o, const char *key) {
  const json_t *value = json_object_get(o, key);
  if (!json_is_string(value)) return false;
  (void)pl_safe_text(out, size, json_string_value(value), json_string_length(value));
  return true;
}

static bool read_number(int64_t *out, const json_t *value, int64_t low, int64_t high) {
  if (!json_is_integer(value)) return false;
  *out = (int64_t)json_integer_value(value);
  return *out >= low && *out <= high;
}

static bool is_hash(const char *text) {
  return strlen(text) == PL_SHA256_HEX_SIZE - 1 && strspn(text, "0123456789abcdef") == PL_SHA256_HEX_SIZE - 1;
}

static bool read_stroke(pl_stroke *out, const json_t *o) {
  const json_t *points = json_object_get(o, "points"), *erase = json_object_get(o, "erase");
  const size_t values = json_array_size(points);  // 0 when it is no array
  int64_t radius = 0;
  if (!json_is_boolean(erase) || !read_number(&radius, json_object_get(o, "radius"), 0, PL_BRUSH_RADIUS_MAX))
    return false;
  if (values == 0 || values % 2 != 0 || values / 2 > PL_STROKE_POINTS_MAX) return false;
  *out = (pl_stroke){.brush = {.erase = json_is_true(erase), .radius = (int)radius}, .count = values / 2};
  out->points = pl_xcalloc(out->count, sizeof *out->points);
  const int64_t low = -PL_BRUSH_MARGIN, high = PL_IMAGE_SIDE_MAX + PL_BRUSH_MARGIN;
  for (size_t i = 0; i < out->count; i++) {
    int64_t x = 0, y = 0;
    if (!read_number(&x, json_array_get(points, 2 * i), low, high) ||
        !read_number(&y, json_array_get(points, 2 * i + 1), low, high)) {
      free(out->points);
      *out = (pl_stroke){0};
      return false;
    }
    out->points[i] = (pl_brush_point){(int32_t)x, (int32_t)y};
  }
  return true;
}

static bool read_opening(pl_label_record *r, const json_t *o) {
  int64_t width = 0, height = 0;
  if (!read_number(&width, json_object_get(o, "width"), 1, PL_IMAGE_SIDE_MAX) ||
      !read_number(&height, json_object_get(o, "height"), 1, PL_IMAGE_SIDE_MAX) ||
      !read_text(r->rows_sha256, sizeof r->rows_sha256, o, "rows_sha256")) {
    return false;
  }
  r->width = (uint32_t)width;
  r->height = (uint32_t)height;
  return is_hash(r->rows_sha256);
}

static bool read_label(pl_label_record *r, const json_t *o) {
  int64_t area = 0;
  if (!read_number(&area, json_object_get(o, "area"), 0, INT64_MAX) ||
      !read_text(r->mask_sha256, sizeof r->mask_sha256, o, "mask_sha256") ||
      !read_text(r->why, sizeof r->why, o, "why")) {
    return false;
  }
  r->area = (uint64_t)area;
  return is_hash(r->mask_sha256);
}

static bool read_object(pl_label_record *r, const json_t *o) {
  const char *name = json_string_value(json_object_get(o, "event"));
  int event = 0;
  while (name != NULL && event < EVENTS && strcmp(event_names[event], name) != 0) event++;
  if (name == NULL || event == EVENTS || !json_is_number(json_object_get(o, "time"))) return false;
  r->event = (pl_label_event)event;
  r->time = json_number_value(json_object_get(o, "time"));
  (void)read_text(r->user, sizeof r->user, o, "user");
  (void)read_text(r->host, sizeof r->host, o, "host");
  (void)read_text(r->tty, sizeof r->tty, o, "tty");
  switch (r->event) {
    case PL_LABEL_STROKE: return read_stroke(&r->stroke, o);
    case PL_LABEL_OPENED: return read_opening(r, o);
    case PL_LABEL_FINISHED:
    case PL_LABEL_REVERTED: return read_label(r, o);
    case PL_LABEL_UNDO:
    case PL_LABEL_REDO:
    case PL_LABEL_DROPPED: break;
  }
  return true;
}

static bool read_line(pl_label_record *out, const char *line, size_t length) {
  if (!pl_seal_holds(line, length)) return false;
  json_t *o = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
  const bool good = json_is_object(o) && read_object(out, o);
  json_decref(o);
  return good;
}

static pl_status parse(pl_label_log *out, const char *bytes, size_t length, pl_error *err) {
  size_t room = 0, at = 0;
  for (size_t line = 1; at < length; line++) {
    const char *start = bytes + at, *end = memchr(start, '\n', length - at);
    if (end == NULL) break;  // torn
    if (out->count == room) {
      room = room != 0 ? 2 * room : 64;
      out->records = pl_xrealloc(out->records, room, sizeof *out->records);
    }
    pl_label_record *r = &out->records[out->count];
    *r = (pl_label_record){0};
    if (!read_line(r, start, (size_t)(end - start))) {
      return pl_fail(err, PL_E_FORMAT,
                     "line %zu is damaged, so what was drawn after it is not known; move the file away to begin again "
                     "from the original label",
                     line);
    }
    if (out->count == 0 && r->event != PL_LABEL_OPENED) {
      return pl_fail(err, PL_E_FORMAT, "line %zu: a journal begins with the case being opened", line);
    }
    out->count++;
    at = (size_t)(end + 1 - bytes);
    out->length = at;
  }
  return PL_OK;
}

pl_status pl_label_log_parse(pl_label_log *out, const char *bytes, size_t length, pl_error *err) {
  pl_label_log log = {0};
  pl_status status = parse(&log, bytes, length, err);
  if (status == PL_OK) {
    *out = log;
  } else {
    pl_label_log_clear(&log);
  }
  return status;
}

pl_status pl_label_log_load(pl_label_log *out, const char *path, pl_error *err) {
  pl_buf text;
  pl_buf_init(&text, PL_LABEL_LOG_MAX);
  pl_error why = {0};
  pl_status status = pl_fs_read(&text, path, &why);
  if (status == PL_E_NOTFOUND) {
    status = PL_OK;
    *out = (pl_label_log){0};
  } else if (status != PL_OK) {
    if (err != NULL) *err = why;
  } else {
    status = pl_label_log_parse(out, text.data != NULL ? text.data : "", text.length, err);
    if (status != PL_OK) pl_wrap(err, "%s", path);
  }
  pl_buf_clear(&text);
  return status;
}

// ---- Writing

static pl_status lock(int fd, const char *path, pl_error *err) {
  pl_status status = pl_lock_file(fd, path, err);
  if (status != PL_E_BUSY) return status;
  // Whoever has it said so.
  pl_label_log log = {0};
  const pl_label_record *last = NULL;
  if (pl_label_log_load(&log, path, NULL) == PL_OK) {
    for (size_t i = 0; i < log.count; i++) last = log.records[i].event == PL_LABEL_OPENED ? &log.records[i] : last;
  }
  status = last == NULL ? pl_fail(err, PL_E_BUSY, "somebody else is correcting this case")
                        : pl_fail(err, PL_E_BUSY, "%s is correcting this case on %s%s%s; try again when that is over",
                                  last->user, last->host, last->tty[0] != '\0' ? ", " : "", last->tty);
  pl_label_log_clear(&log);
  return status;
}

// Opens, locks, and makes sure that it is still the file of that name.
static pl_status open_file(int *fd, const char *path, int flags, pl_error *err) {
  const int opened = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0666);
  if (opened < 0) return pl_fail_errno(err, errno, "cannot open %s", path);
  pl_status status = lock(opened, path, err);
  if (status == PL_OK && !pl_lock_is_of(opened, path)) {
    status = pl_fail(err, PL_E_BUSY, "%s was moved or is no file; try again", path);
  }
  if (status == PL_OK) {
    *fd = opened;
  } else {
    (void)close(opened);
  }
  return status;
}

pl_status pl_label_log_lock(int *fd, const char *path, pl_error *err) { return open_file(fd, path, 0, err); }

pl_status pl_label_log_open(int *fd, pl_label_log *log, const char *path, pl_error *err) {
  char *folder = pl_xprintf("%.*s", (int)(pl_path_base(path) - path - 1), path);
  pl_status status = pl_fs_make_folders(folder, err);
  free(folder);
  int opened = -1;
  pl_label_log read = {0};
  if (status == PL_OK) status = open_file(&opened, path, O_CREAT, err);
  if (status == PL_OK) status = pl_label_log_load(&read, path, err);
  if (status == PL_OK && ftruncate(opened, (off_t)read.length) != 0) {
    status = pl_fail_errno(err, errno, "cannot cut off the torn end of %s", path);
  }
  if (status == PL_OK) {
    *fd = opened;
    *log = read;
    return PL_OK;
  }
  pl_label_log_clear(&read);
  if (opened >= 0) (void)close(opened);
  return status;
}

void pl_label_sign(pl_label_record *record) {
  const pl_clock clock = pl_clock_system();
  record->time = pl_clock_wall(&clock);
  pl_user_name(record->user);
  pl_host_name(record->host);
  pl_tty_name(record->tty);
}

static void set_text(json_t *o, const char *key, const char *text) {
  char safe[4 * PL_LABEL_WHY_MAX + 1];
  (void)pl_safe_text(safe, sizeof safe, text, strlen(text));
  (void)json_object_set_new(o, key, json_string(safe));
}

static json_t *points_of(const pl_stroke *stroke) {
  json_t *points = json_array();
  for (size_t i = 0; i < stroke->count; i++) {
    (void)json_array_append_new(points, json_integer(stroke->points[i].x));
    (void)json_array_append_new(points, json_integer(stroke->points[i].y));
  }
  return points;
}

static json_t *object_of(const pl_label_record *r) {
  json_t *o = json_object();
  set_text(o, "event", event_names[r->event]);
  (void)json_object_set_new(o, "time", json_real(r->time));
  if (r->event == PL_LABEL_STROKE) {
    (void)json_object_set_new(o, "erase", json_boolean(r->stroke.brush.erase));
    (void)json_object_set_new(o, "radius", json_integer(r->stroke.brush.radius));
    (void)json_object_set_new(o, "points", points_of(&r->stroke));
  } else if (r->event != PL_LABEL_UNDO && r->event != PL_LABEL_REDO) {
    set_text(o, "user", r->user);
    set_text(o, "host", r->host);
    set_text(o, "tty", r->tty);
  }
  if (r->event == PL_LABEL_OPENED) {
    (void)json_object_set_new(o, "width", json_integer(r->width));
    (void)json_object_set_new(o, "height", json_integer(r->height));
    set_text(o, "rows_sha256", r->rows_sha256);
  }
  if (r->event == PL_LABEL_FINISHED || r->event == PL_LABEL_REVERTED) {
    set_text(o, "why", r->why);
    (void)json_object_set_new(o, "area", json_integer((json_int_t)r->area));
    set_text(o, "mask_sha256", r->mask_sha256);
  }
  return o;
}

static pl_status write_line(int fd, const char *path, const pl_buf *line, pl_error *err) {
  struct stat before;
  if (fstat(fd, &before) != 0) return pl_fail_errno(err, errno, "cannot write %s", path);
  if ((uint64_t)before.st_size + line->length > PL_LABEL_LOG_MAX) {
    return pl_fail(err, PL_E_LIMIT, "%s is full: it may have %d bytes", path, PL_LABEL_LOG_MAX);
  }
  ssize_t n;
  do {
    n = write(fd, line->data, line->length);
  } while (n < 0 && errno == EINTR);
  if (n == (ssize_t)line->length) return PL_OK;
  const int reason = n < 0 ? errno : ENOSPC;
  // What stays of it, when even this fails, has no line end and is cut off when the journal is next opened.
  if (n > 0 && ftruncate(fd, before.st_size) != 0) return pl_fail_errno(err, errno, "cannot repair %s", path);
  return pl_fail_errno(err, reason, "cannot write %s", path);
}

pl_status pl_label_log_append(int fd, const char *path, const pl_label_record *record, pl_error *err) {
  json_t *o = object_of(record);
  char *text = json_dumps(o, JSON_COMPACT);
  json_decref(o);
  if (text == NULL) return pl_fail(err, PL_E_INTERNAL, "a record of %s cannot be written as JSON", path);
  pl_buf line;
  pl_buf_init(&line, LINE_BYTES_MAX);
  (void)pl_buf_add(&line, text, strlen(text) - 1);  // its brace comes behind the CRC
  free(text);
  pl_seal(&line);
  pl_status status = line.failed
                         ? pl_fail(err, PL_E_LIMIT, "a line of %s would be longer than %d bytes", path, LINE_BYTES_MAX)
                         : write_line(fd, path, &line, err);
  pl_buf_clear(&line);
  return status;
}

static const char *const event_names[EVENTS] = {
    [PL_LABEL_OPENED] = "opened",     [PL_LABEL_STROKE] = "stroke",   [PL_LABEL_UNDO] = "undo",
    [PL_LABEL_REDO] = "redo",         [PL_LABEL_DROPPED] = "dropped", [PL_LABEL_FINISHED] = "finished",
    [PL_LABEL_REVERTED] = "reverted",
};
