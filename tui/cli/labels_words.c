// What `pleura labels` prints.
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/mem.h"
#include "tui/cli/labels.h"
#include "tui/cli/score_words.h"

// "2026-11-25 14:03" in the user's time zone.
static void write_time(char *out, size_t size, double wall) {
  const time_t seconds = (time_t)wall;
  struct tm parts;
  out[0] = '\0';
  if (localtime_r(&seconds, &parts) != NULL) (void)strftime(out, size, "%Y-%m-%d %H:%M", &parts);
}

// ---- Status

static const pl_case *case_of(const pl_manifest *manifest, const char *id) {
  for (size_t i = 0; i < manifest->count; i++) {
    if (strcmp(manifest->cases[i].id, id) == 0) return &manifest->cases[i];
  }
  return NULL;
}

static void print_case(const pl_manifest *manifest, const pl_label_status *s) {
  const pl_case *c = case_of(manifest, s->id);
  char number[16] = "?", time[32] = "";
  if (c != NULL) snprintf(number, sizeof number, "#%" PRIu32, c->number);
  if (s->status != PL_OK) {
    printf("%-8s %s\n", number, s->error.message);
    return;
  }
  if (s->corrected) {
    write_time(time, sizeof time, s->finished.time);
    printf("%-8s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "  %s  %s: %s\n", number, s->original_area, s->area,
           (int64_t)s->added, -(int64_t)s->removed, time, s->finished.user, s->finished.why);
  }
  if (s->strokes > 0) printf("%-8s %zu stroke%s not finished\n", number, s->strokes, s->strokes == 1 ? "" : "s");
}

static json_t *case_json(const pl_manifest *manifest, const pl_label_status *s) {
  const pl_case *c = case_of(manifest, s->id);
  json_t *o = json_object();
  (void)json_object_set_new(o, "id", json_string(s->id));
  (void)json_object_set_new(o, "number", c != NULL ? json_integer(c->number) : json_null());
  if (s->status != PL_OK) {
    (void)json_object_set_new(o, "problem", json_string(s->error.message));
    return o;
  }
  (void)json_object_set_new(o, "corrected", json_boolean(s->corrected));
  (void)json_object_set_new(o, "unfinished_strokes", json_integer((json_int_t)s->strokes));
  (void)json_object_set_new(o, "original_area", json_integer((json_int_t)s->original_area));
  (void)json_object_set_new(o, "area", json_integer((json_int_t)s->area));
  (void)json_object_set_new(o, "added", json_integer((json_int_t)s->added));
  (void)json_object_set_new(o, "removed", json_integer((json_int_t)s->removed));
  if (!s->corrected) return o;
  (void)json_object_set_new(o, "user", json_string(s->finished.user));
  (void)json_object_set_new(o, "host", json_string(s->finished.host));
  (void)json_object_set_new(o, "time", json_real(s->finished.time));
  (void)json_object_set_new(o, "why", json_string(s->finished.why));
  return o;
}

pl_status pl_cli_labels_status(const pl_manifest *manifest, bool json, pl_error *err) {
  pl_label_status *all = NULL;
  size_t count = 0, corrected = 0, shown = 0;
  pl_status status = pl_labels_status(&all, &count, manifest->workspace, err);
  if (status != PL_OK) return status;
  for (size_t i = 0; i < count; i++) {
    corrected += all[i].corrected;
    shown += all[i].corrected || all[i].strokes > 0 || all[i].status != PL_OK;
  }
  pl_error stale = {0};
  const bool current = pl_labels_are_exported(all, count, manifest->workspace, &stale) == PL_OK;
  if (json) {
    json_t *o = json_object(), *cases = json_array();
    for (size_t i = 0; i < count; i++) (void)json_array_append_new(cases, case_json(manifest, &all[i]));
    (void)json_object_set_new(o, "cases", cases);
    (void)json_object_set_new(o, "exported", json_boolean(current));
    status = pl_cli_print_json(o, err);
  } else if (shown == 0) {
    printf("no label is corrected; 'E' on the workbench's Case screen corrects one\n");
  } else {
    printf("%-8s %9s %9s %9s %9s  %s\n", "case", "original", "corrected", "added", "removed", "finished");
    for (size_t i = 0; i < count; i++) print_case(manifest, &all[i]);
    if (!current) {
      printf("%s\n", stale.message);
    } else if (corrected > 0) {
      printf("%zu in corrected-rle.csv, which is up to date\n", corrected);
    }
  }
  pl_label_statuses_free(all, count);
  return status;
}

// ---- Log

static void print_record(const pl_label_record *r) {
  char time[32];
  write_time(time, sizeof time, r->time);
  const bool more = r->event != PL_LABEL_UNDO && r->event != PL_LABEL_REDO;
  printf("%-17s %-*s", time, more ? 9 : 0, pl_label_event_name(r->event));
  if (r->event == PL_LABEL_STROKE) {
    const pl_brush_point *first = &r->stroke.points[0], *last = &r->stroke.points[r->stroke.count - 1];
    printf(" %s %d px across, %d,%d", r->stroke.brush.erase ? "eraser" : "brush", 2 * r->stroke.brush.radius + 1,
           (int)first->x, (int)first->y);
    if (r->stroke.count > 1) printf(" to %d,%d in %zu points", (int)last->x, (int)last->y, r->stroke.count);
  } else if (r->user[0] != '\0') {
    printf(" by %s on %s%s%s", r->user, r->host, r->tty[0] != '\0' ? ", " : "", r->tty);
  }
  if (r->event == PL_LABEL_OPENED) printf(", %" PRIu32 "x%" PRIu32, r->width, r->height);
  if (r->why[0] != '\0') printf(", %" PRIu64 " pixels: %s", r->area, r->why);
  printf("\n");
}

static json_t *record_json(const pl_label_record *r) {
  json_t *o = json_object();
  (void)json_object_set_new(o, "event", json_string(pl_label_event_name(r->event)));
  (void)json_object_set_new(o, "time", json_real(r->time));
  if (r->event == PL_LABEL_STROKE) {
    (void)json_object_set_new(o, "erase", json_boolean(r->stroke.brush.erase));
    (void)json_object_set_new(o, "radius", json_integer(r->stroke.brush.radius));
    (void)json_object_set_new(o, "points", json_integer((json_int_t)r->stroke.count));
  } else if (r->user[0] != '\0') {
    (void)json_object_set_new(o, "user", json_string(r->user));
    (void)json_object_set_new(o, "host", json_string(r->host));
    (void)json_object_set_new(o, "tty", json_string(r->tty));
  }
  if (r->why[0] != '\0') {
    (void)json_object_set_new(o, "area", json_integer((json_int_t)r->area));
    (void)json_object_set_new(o, "why", json_string(r->why));
  }
  return o;
}

pl_status pl_cli_labels_log(const pl_manifest *manifest, const pl_case *c, bool json, pl_error *err) {
  char *path = pl_label_log_path(manifest->workspace, c->id);
  pl_label_log log = {0};
  pl_status status = pl_label_log_load(&log, path, err);
  free(path);
  if (status != PL_OK) return status;
  if (json) {
    json_t *records = json_array();
    for (size_t i = 0; i < log.count; i++) (void)json_array_append_new(records, record_json(&log.records[i]));
    status = pl_cli_print_json(records, err);
  } else if (log.count == 0) {
    printf("the label of case #%" PRIu32 " was never changed\n", c->number);
  } else {
    for (size_t i = 0; i < log.count; i++) print_record(&log.records[i]);
  }
  pl_label_log_clear(&log);
  return status;
}
