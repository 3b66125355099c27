#include "core/data/label_edit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/access.h"
#include "core/data/labels_private.h"
#include "core/data/rle.h"

enum { SET_ASIDE_MAX = 10000 };

struct pl_label_edit {
  char *path;  // of the journal
  int fd;
  off_t opened_at, opened_end;  // where the journal has this session's opening
  label_state state;
  size_t recovered;
  pl_stroke stroke;  // under way; no points when the brush is up
  size_t stroke_room, stroke_pixels;
};

// ---- Opening

static pl_status check_case(const pl_case *c, pl_error *err) {
  if (c->part != PL_PART_TRAIN) return pl_fail(err, PL_E_USAGE, "it is a test image, which has no label to correct");
  if (c->status == PL_CASE_BAD) return pl_fail(err, PL_E_USAGE, "its image could not be decoded");
  if (c->rows == 0 || c->cols == 0)
    return pl_fail(err, PL_E_USAGE, "the size of its image is not known: import it again");
  return PL_OK;
}

static pl_status read_original(label_state *out, char rows_sha256[PL_SHA256_HEX_SIZE], const char *workspace,
                               const pl_case *c, pl_error *err) {
  char *path = pl_label_table_path(workspace, PL_LABELS_ORIGINAL);
  pl_rle_table table = {0};
  pl_image original = {0};
  pl_status status = pl_rle_table_load(&table, path, false, err);
  free(path);
  if (status == PL_OK) status = pl_label_original(&original, rows_sha256, &table, c->id, c->cols, c->rows, err);
  if (status == PL_OK) status = pl_label_state_init(out, &original, err);
  pl_image_clear(&original);
  pl_rle_table_clear(&table);
  return status;
}

static pl_status note_opening(pl_label_edit *edit, const char *rows_sha256, pl_error *err) {
  pl_label_record r = {.event = PL_LABEL_OPENED, .width = edit->state.mask.width, .height = edit->state.mask.height};
  memcpy(r.rows_sha256, rows_sha256, sizeof r.rows_sha256);
  pl_label_sign(&r);
  edit->opened_at = lseek(edit->fd, 0, SEEK_END);
  pl_status status = pl_label_log_append(edit->fd, edit->path, &r, err);
  edit->opened_end = lseek(edit->fd, 0, SEEK_END);
  return status;
}

static pl_status open_case(pl_label_edit *edit, const char *workspace, const pl_case *c, pl_error *err) {
  char rows_sha256[PL_SHA256_HEX_SIZE];
  pl_label_log log = {0};
  pl_status status = check_case(c, err);
  if (status == PL_OK) status = read_original(&edit->state, rows_sha256, workspace, c, err);
  if (status == PL_OK) status = pl_label_log_open(&edit->fd, &log, edit->path, err);
  if (status == PL_OK) status = pl_label_state_replay(&edit->state, &log, rows_sha256, err);
  if (status == PL_OK) status = note_opening(edit, rows_sha256, err);
  if (status == PL_OK) edit->recovered = edit->state.count;
  pl_label_log_clear(&log);
  return status;
}

pl_status pl_label_edit_open(pl_label_edit **out, const char *workspace, const pl_case *c, pl_error *err) {
  pl_label_edit *edit = pl_xcalloc(1, sizeof *edit);
  edit->fd = -1;
  edit->path = pl_label_log_path(workspace, c->id);
  pl_status status = pl_access_check(workspace, pl_access_nothing, err);
  if (status == PL_OK) status = open_case(edit, workspace, c, err);
  if (status != PL_OK) {
    pl_wrap(err, "case #%u", (unsigned)c->number);
    pl_label_edit_close(edit);
    return status;
  }
  *out = edit;
  return PL_OK;
}

void pl_label_edit_close(pl_label_edit *edit) {
  if (edit == NULL) return;
  if (edit->fd >= 0) {
    // Who only looked leaves no line. The file stays, even empty: another process may wait for its lock.
    const off_t end = lseek(edit->fd, 0, SEEK_END);
    if (edit->opened_end > edit->opened_at && end == edit->opened_end && ftruncate(edit->fd, edit->opened_at) != 0) {
      // Then the line stays.
    }
    (void)close(edit->fd);
  }
  free(edit->path);
  free(edit->stroke.points);
  pl_label_state_clear(&edit->state);
  free(edit);
}

// ---- Looking

const pl_image *pl_label_edit_mask(const pl_label_edit *edit) { return &edit->state.mask; }
const pl_image *pl_label_edit_original(const pl_label_edit *edit) { return &edit->state.original; }
bool pl_label_edit_is_down(const pl_label_edit *edit) { return edit->stroke.count > 0; }

pl_label_counts pl_label_edit_counts(const pl_label_edit *edit) {
  const label_state *s = &edit->state;
  pl_label_counts c = {.strokes = s->done, .undone = s->count - s->done, .recovered = edit->recovered};
  pl_label_compare(&c.area, &c.original_area, &c.added, &c.removed, &s->mask, &s->original);
  return c;
}

// ---- Changing: first the journal, then the state.

static pl_status record(pl_label_edit *edit, pl_label_record *r, pl_error *err) {
  pl_label_sign(r);
  pl_status status = pl_label_log_append(edit->fd, edit->path, r, err);
  return status == PL_OK ? pl_label_state_apply(&edit->state, r, err) : status;
}

static void add_point(pl_label_edit *edit, pl_brush_point p) {
  pl_stroke *s = &edit->stroke;
  if (s->count == edit->stroke_room) {
    edit->stroke_room = edit->stroke_room != 0 ? 2 * edit->stroke_room : 64;
    s->points = pl_xrealloc(s->points, edit->stroke_room, sizeof *s->points);
  }
  const pl_brush_point from = s->count > 0 ? s->points[s->count - 1] : p;
  s->points[s->count++] = p;
  edit->stroke_pixels += pl_brush_draw(&edit->state.mask, s->brush, from, p);
}

pl_status pl_label_edit_lift(pl_label_edit *edit, pl_error *err) {
  if (edit->stroke.count == 0) return PL_OK;
  pl_label_record r = {.event = PL_LABEL_STROKE, .stroke = edit->stroke};
  const bool changed = edit->stroke_pixels > 0;
  edit->stroke = (pl_stroke){0};
  edit->stroke_room = edit->stroke_pixels = 0;
  pl_status status = changed ? record(edit, &r, err) : PL_OK;
  // What was drawn so far is not in the journal, so it must not be seen either.
  if (status != PL_OK) pl_label_state_redraw(&edit->state);
  free(r.stroke.points);
  return status;
}

pl_status pl_label_edit_press(pl_label_edit *edit, pl_brush brush, int64_t x, int64_t y, pl_error *err) {
  if (brush.radius < 0 || brush.radius > PL_BRUSH_RADIUS_MAX) {
    return pl_fail(err, PL_E_USAGE, "a brush has a radius from 0 to %d pixels, not %d", PL_BRUSH_RADIUS_MAX,
                   brush.radius);
  }
  pl_status status = pl_label_edit_lift(edit, err);
  if (status != PL_OK) return status;
  edit->stroke.brush = brush;
  add_point(edit, pl_brush_clamp(x, y));
  return PL_OK;
}

pl_status pl_label_edit_move(pl_label_edit *edit, int64_t x, int64_t y, pl_error *err) {
  pl_stroke *s = &edit->stroke;
  if (s->count == 0) return PL_OK;
  const pl_brush_point p = pl_brush_clamp(x, y), last = s->points[s->count - 1];
  if (p.x == last.x && p.y == last.y) return PL_OK;
  if (s->count == PL_STROKE_POINTS_MAX) {
    // A very long stroke goes on as another one.
    pl_status status = pl_label_edit_press(edit, s->brush, last.x, last.y, err);
    if (status != PL_OK) return status;
  }
  add_point(edit, p);
  return PL_OK;
}

pl_status pl_label_edit_undo(pl_label_edit *edit, bool *done, pl_error *err) {
  *done = false;
  pl_status status = pl_label_edit_lift(edit, err);
  if (status != PL_OK || edit->state.done == 0) return status;
  status = record(edit, &(pl_label_record){.event = PL_LABEL_UNDO}, err);
  *done = status == PL_OK;
  return status;
}

pl_status pl_label_edit_redo(pl_label_edit *edit, bool *done, pl_error *err) {
  *done = false;
  pl_status status = pl_label_edit_lift(edit, err);
  if (status != PL_OK || edit->state.done == edit->state.count) return status;
  status = record(edit, &(pl_label_record){.event = PL_LABEL_REDO}, err);
  *done = status == PL_OK;
  return status;
}

// ---- Ending

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == '\0'; }

// A record that makes `mask` the label.
static pl_status settle(pl_label_edit *edit, pl_label_event event, const pl_image *mask, const char *why,
                        pl_error *err) {
  pl_label_record r = {.event = event, .area = pl_mask_area(mask)};
  if (is_blank(why)) return pl_fail(err, PL_E_USAGE, "say why: who trains on this label will want to know");
  if (strlen(why) > PL_LABEL_WHY_MAX) {
    return pl_fail(err, PL_E_LIMIT, "the reason has %zu bytes; there is room for %d", strlen(why), PL_LABEL_WHY_MAX);
  }
  (void)snprintf(r.why, sizeof r.why, "%s", why);
  pl_label_hash_mask(r.mask_sha256, mask);
  pl_status status = record(edit, &r, err);
  if (status == PL_OK && fdatasync(edit->fd) != 0)
    status = pl_fail_errno(err, errno, "cannot write %s to disk", edit->path);
  if (status == PL_OK) edit->recovered = 0;
  return status;
}

pl_status pl_label_edit_finish(pl_label_edit *edit, const char *why, pl_error *err) {
  pl_status status = pl_label_edit_lift(edit, err);
  if (status != PL_OK) return status;
  if (edit->state.done == 0) return pl_fail(err, PL_E_USAGE, "nothing was drawn");
  return settle(edit, PL_LABEL_FINISHED, &edit->state.mask, why, err);
}

pl_status pl_label_edit_revert(pl_label_edit *edit, const char *why, pl_error *err) {
  pl_status status = pl_label_edit_lift(edit, err);
  if (status != PL_OK) return status;
  if (!edit->state.corrected && edit->state.count == 0)
    return pl_fail(err, PL_E_USAGE, "its label is the original one");
  return settle(edit, PL_LABEL_REVERTED, &edit->state.original, why, err);
}

pl_status pl_label_edit_drop(pl_label_edit *edit, pl_error *err) {
  pl_status status = pl_label_edit_lift(edit, err);
  if (status != PL_OK || edit->state.count == 0) return status;
  status = record(edit, &(pl_label_record){.event = PL_LABEL_DROPPED}, err);
  if (status == PL_OK) edit->recovered = 0;
  return status;
}

pl_status pl_label_set_aside(const char *workspace, const char *id, pl_error *err) {
  char *path = pl_label_log_path(workspace, id);
  pl_status status = pl_access_check(workspace, pl_access_nothing, err);
  int fd = -1;
  if (status == PL_OK && !pl_fs_is_file(path)) status = pl_fail(err, PL_E_NOTFOUND, "there is no %s", path);
  if (status == PL_OK) status = pl_label_log_lock(&fd, path, err);
  bool renamed = false;
  for (int i = 1; status == PL_OK && !renamed && i < SET_ASIDE_MAX; i++) {
    char *other = pl_xprintf("%s.%d", path, i);
    // A link fails where a name is taken, which rename() would replace.
    renamed = link(path, other) == 0;
    if (!renamed && errno != EEXIST) status = pl_fail_errno(err, errno, "cannot rename %s", path);
    free(other);
  }
  if (status == PL_OK && !renamed) status = pl_fail(err, PL_E_LIMIT, "%s was set aside too often", path);
  if (status == PL_OK && unlink(path) != 0) status = pl_fail_errno(err, errno, "cannot rename %s", path);
  if (fd >= 0) (void)close(fd);
  free(path);
  return status;
}
