#include "tui/case_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/access.h"
#include "core/data/table.h"

// Something that jobs look at while the view may have moved on. Counted on the owner's thread only.
typedef struct shared_file {
  int users;
  pl_case_file file;
} shared_file;

typedef struct shared_table {
  int users;
  pl_rle_table table;
} shared_table;

typedef struct shared_map {
  int users;
  int64_t epoch;
  pl_case_map map;
} shared_map;

typedef struct pane {
  pl_case_drawing asked;  // what is drawn or being drawn
  pl_area area;
  pl_picture_format format;
  uint32_t number;  // of the case
  uint64_t run;     // which choice of a run, see pl_case_view
  bool busy;
  bool due;  // asked again while busy
  pl_picture picture;
  pl_case_result result;
} pane;

enum { MAPS_KEPT = 12 };  // of 2 MB for a picture of 1024 x 1024

struct pl_case_view {
  pl_jobs *jobs;
  void (*ready)(void *context);
  void *context;
  uint64_t *serials;
  uint32_t wanted;  // number of the case that is read or being read; 0 for none
  shared_file *file;
  shared_table *table;
  char *run;                    // folder of the run whose predictions are shown; NULL for none
  uint64_t run_choice;          // counts choices
  shared_map *maps[MAPS_KEPT];  // of the case and the run that are shown; the newest first
  pane panes[PL_CASE_PANES];
};

// ---- Sharing

static void release_file(shared_file *shared) {
  if (shared == NULL || --shared->users > 0) return;
  pl_case_file_clear(&shared->file);
  free(shared);
}

static void release_table(shared_table *shared) {
  if (shared == NULL || --shared->users > 0) return;
  pl_rle_table_clear(&shared->table);
  free(shared);
}

static void release_map(shared_map *shared) {
  if (shared == NULL || --shared->users > 0) return;
  pl_case_map_clear(&shared->map);
  free(shared);
}

static void forget_maps(pl_case_view *view) {
  for (int i = 0; i < MAPS_KEPT; i++) {
    release_map(view->maps[i]);
    view->maps[i] = NULL;
  }
}

// Puts a map in front; takes over one use of it. The one that was not looked at for longest goes.
static void keep_map(pl_case_view *view, shared_map *map) {
  int at = 0;
  while (at < MAPS_KEPT - 1 && view->maps[at] != NULL && view->maps[at]->epoch != map->epoch) at++;
  release_map(view->maps[at]);
  memmove(&view->maps[1], &view->maps[0], (size_t)at * sizeof view->maps[0]);
  view->maps[0] = map;
}

static shared_map *find_map(pl_case_view *view, int64_t epoch) {
  for (int i = 0; i < MAPS_KEPT && view->maps[i] != NULL; i++) {
    shared_map *found = view->maps[i];
    if (found->epoch != epoch) continue;
    found->users += 2;  // the caller's, and the one that keep_map takes over
    keep_map(view, found);
    return found;
  }
  return NULL;
}

// ---- Reading

typedef struct read_job {
  pl_case_order order;
  shared_table *table;
  bool owns_table;  // it is empty, and this job alone fills it
  shared_file *file;
} read_job;

static void read_work(void *data) {
  read_job *job = data;
  pl_case_file_read(&job->file->file, &job->order, &job->table->table);
}

static void read_free(read_job *job) {
  pl_case_order_clear(&job->order);
  release_table(job->table);
  release_file(job->file);
  free(job);
}

static void read_drop(void *data) { read_free(data); }

static void read_done(void *owner, void *data) {
  pl_case_view *view = owner;
  read_job *job = data;
  if (job->owns_table && view->table == NULL && job->table->table.count > 0) {
    view->table = job->table;
    job->table = NULL;
  }
  if (job->order.number == view->wanted) {
    release_file(view->file);
    view->file = job->file;
    job->file = NULL;
    forget_maps(view);
    view->ready(view->context);
  }
  read_free(job);
}

pl_case_view *pl_case_view_create(pl_jobs *jobs, void (*ready)(void *context), void *context, uint64_t *serials) {
  pl_case_view *view = pl_xcalloc(1, sizeof *view);
  view->jobs = jobs;
  view->ready = ready;
  view->context = context;
  view->serials = serials;
  return view;
}

void pl_case_view_forget(pl_case_view *view) {
  pl_jobs_cancel(view->jobs, view);
  release_file(view->file);
  release_table(view->table);
  forget_maps(view);
  view->file = NULL;
  view->table = NULL;
  view->wanted = 0;
  for (int i = 0; i < PL_CASE_PANES; i++) {
    pl_picture_clear(&view->panes[i].picture);
    view->panes[i] = (pane){0};
  }
}

void pl_case_view_destroy(pl_case_view *view) {
  if (view == NULL) return;
  pl_case_view_forget(view);
  free(view->run);
  free(view);
}

void pl_case_view_run(pl_case_view *view, const char *run) {
  const bool same = run == NULL || view->run == NULL ? run == view->run : strcmp(run, view->run) == 0;
  if (same) return;
  free(view->run);
  view->run = run != NULL ? pl_xstrdup(run) : NULL;
  view->run_choice++;
  forget_maps(view);
}

void pl_case_view_open(pl_case_view *view, const pl_manifest *manifest, const pl_case *c, bool other) {
  if (c == NULL) {
    pl_case_view_forget(view);
    return;
  }
  if (c->number == view->wanted) return;
  pl_jobs_cancel_waiting(view->jobs, view);
  for (int i = 0; i < PL_CASE_PANES; i++) view->panes[i].busy = view->panes[i].due = false;
  view->wanted = c->number;
  read_job *job = pl_xcalloc(1, sizeof *job);
  job->order = pl_case_order_make(manifest, c, other);
  job->file = pl_xcalloc(1, sizeof *job->file);
  job->file->users = 1;
  job->owns_table = view->table == NULL;
  job->table = job->owns_table ? pl_xcalloc(1, sizeof *job->table) : view->table;
  job->table->users++;
  pl_jobs_submit(view->jobs,
                 &(pl_job){.work = read_work, .done = read_done, .drop = read_drop, .owner = view, .data = job});
}

const pl_case_file *pl_case_view_file(const pl_case_view *view) {
  return view->file != NULL ? &view->file->file : NULL;
}

bool pl_case_view_frame(pl_lens_frame *out, const pl_case_view *view, const pl_picture_format *format, pl_area area) {
  uint32_t width = 0, height = 0;
  double aspect = 1;
  const pl_case_file *file = pl_case_view_file(view);
  if (file == NULL || file->status != PL_OK || !pl_picture_size(&width, &height, &aspect, format, area)) return false;
  *out = (pl_lens_frame){.image_width = file->dicom.image.width,
                         .image_height = file->dicom.image.height,
                         .width = width,
                         .height = height,
                         .pixel_aspect = aspect};
  return true;
}

// ---- Drawing

typedef struct draw_job {
  int pane;
  shared_file *file;
  shared_map *map;  // NULL where no prediction is shown
  char *run;        // that the map is to be read of; NULL when it was read already
  uint64_t run_choice;
  pl_case_drawing how;
  pl_image label, original;  // copies of what `how` shows
  pl_lens_frame frame;
  pl_picture_format format;
  uint64_t serial;
  pl_picture picture;
  pl_case_result result;
} draw_job;

static pl_status draw_picture(draw_job *job, pl_error *err) {
  pl_bitmap drawn = {0};
  const uint32_t width = (uint32_t)job->frame.width, height = (uint32_t)job->frame.height;
  pl_status status = PL_OK;
  if (job->run != NULL) status = pl_case_map_read(&job->map->map, &job->file->file, job->run, job->map->epoch, err);
  const pl_case_map *map = job->map != NULL ? &job->map->map : NULL;
  if (status == PL_OK) {
    status = pl_case_file_draw(&drawn, &job->result, &job->file->file, map, &job->how, &job->frame, err);
  }
  // One size whatever is shown, so that each picture covers the one before.
  if (status == PL_OK) {
    status = pl_picture_make_centred(&job->picture, &drawn, width, height, &job->format, job->serial, err);
  }
  pl_bitmap_clear(&drawn);
  return status;
}

static void draw_work(void *data) {
  draw_job *job = data;
  pl_error err = {0};
  const pl_status status = draw_picture(job, &err);
  if (status != PL_OK) job->result = (pl_case_result){.status = status, .error = err};
}

static void draw_free(draw_job *job) {
  pl_picture_clear(&job->picture);
  release_file(job->file);
  release_map(job->map);
  pl_image_clear(&job->label);
  pl_image_clear(&job->original);
  free(job->run);
  free(job);
}

static void draw_drop(void *data) { draw_free(data); }

static void submit(pl_case_view *view, int index);

static void draw_done(void *owner, void *data) {
  pl_case_view *view = owner;
  draw_job *job = data;
  pane *p = &view->panes[job->pane];
  p->busy = false;
  const bool same_run = job->map == NULL || job->run_choice == view->run_choice;
  // What belongs to an older case or run comes too late.
  if (job->file == view->file && same_run) {
    pl_picture_clear(&p->picture);
    p->picture = job->picture;
    p->result = job->result;
    job->picture = (pl_picture){0};
    if (job->run != NULL && job->result.status == PL_OK) {
      keep_map(view, job->map);
      job->map = NULL;
    }
  }
  if (p->due && view->file != NULL) submit(view, job->pane);
  view->ready(view->context);
  draw_free(job);
}

// The map that is drawn: one that is kept, or one that the job has to read.
static void take_map(draw_job *job, pl_case_view *view) {
  if (job->how.shows == PL_CASE_TRUTH || view->run == NULL) return;
  job->run_choice = view->run_choice;
  job->map = find_map(view, job->how.epoch);
  if (job->map != NULL) return;
  job->map = pl_xcalloc(1, sizeof *job->map);
  *job->map = (shared_map){.users = 1, .epoch = job->how.epoch};
  job->run = pl_xstrdup(view->run);
}

// The label may change while the job draws.
static bool copy_plane(pl_image *out, const pl_image **plane) {
  const pl_image *in = *plane;
  if (in == NULL) return true;
  if (pl_image_init(out, in->width, in->height, in->type, in->meaning, NULL) != PL_OK) return false;
  memcpy(out->data, in->data, pl_image_bytes(in));
  *plane = out;
  return true;
}

static void submit(pl_case_view *view, int index) {
  pane *p = &view->panes[index];
  draw_job *job = pl_xcalloc(1, sizeof *job);
  p->due = false;
  if (!pl_case_view_frame(&job->frame, view, &p->format, p->area)) {
    free(job);
    return;
  }
  job->pane = index;
  job->file = view->file;
  job->file->users++;
  job->how = p->asked;
  if (!copy_plane(&job->label, &job->how.label) || !copy_plane(&job->original, &job->how.original)) {
    draw_free(job);  // no memory: what is shown stays
    return;
  }
  take_map(job, view);
  job->format = p->format;
  job->serial = ++*view->serials;
  p->busy = true;
  pl_jobs_submit(view->jobs,
                 &(pl_job){.work = draw_work, .done = draw_done, .drop = draw_drop, .owner = view, .data = job});
}

static bool same_window(const pl_window *a, const pl_window *b) {
  return a->function == b->function && a->centre == b->centre && a->width == b->width && a->table == b->table;
}

static bool same_drawing(const pl_case_drawing *a, const pl_case_drawing *b) {
  const bool same_view = a->lens.zoom == b->lens.zoom && a->lens.x == b->lens.x && a->lens.y == b->lens.y &&
                         same_window(&a->window, &b->window) && a->invert == b->invert && a->ruler == b->ruler &&
                         a->believe == b->believe;
  const bool same_overlay = a->shows == b->shows && a->other_label == b->other_label && a->mask_mode == b->mask_mode &&
                            a->opacity == b->opacity && a->legend == b->legend;
  const bool same_prediction = a->shows == PL_CASE_TRUTH || (a->epoch == b->epoch && a->threshold == b->threshold);
  const pl_case_brush *x = &a->brush, *y = &b->brush;
  const bool same_brush =
      x->shown == y->shown && x->erase == y->erase && x->x == y->x && x->y == y->y && x->radius == y->radius;
  const bool same_label = a->label == b->label && a->original == b->original && a->label_version == b->label_version;
  return same_view && same_overlay && same_prediction && same_brush && same_label;
}

void pl_case_view_draw(pl_case_view *view, int index, const pl_case_drawing *how, const pl_picture_format *format,
                       pl_area area) {
  pane *p = &view->panes[index];
  const pl_case_file *file = pl_case_view_file(view);
  if (file == NULL || file->status != PL_OK) return;
  const bool same_run = how->shows == PL_CASE_TRUTH || p->run == view->run_choice;
  const bool same = p->number == file->number && same_run && same_drawing(&p->asked, how) &&
                    p->area.rows == area.rows && p->area.cols == area.cols &&
                    pl_picture_format_equal(&p->format, format);
  if (same) return;
  p->asked = *how;
  p->area = area;
  p->format = *format;
  p->number = file->number;
  p->run = view->run_choice;
  if (p->busy) {
    p->due = true;
  } else {
    submit(view, index);
  }
}

const pl_picture *pl_case_view_picture(const pl_case_view *view, int index) {
  const pl_picture *picture = &view->panes[index].picture;
  return picture->serial != 0 ? picture : NULL;
}

const pl_case_result *pl_case_view_result(const pl_case_view *view, int index) { return &view->panes[index].result; }

// ---- Export

static pl_status draw_for_export(pl_bitmap *out, pl_case_view *view, const pl_case_drawing *how,
                                 const pl_lens_frame *frame, pl_error *err) {
  const pl_case_file *file = pl_case_view_file(view);
  pl_case_map read = {0};
  shared_map *kept = how->shows != PL_CASE_TRUTH ? find_map(view, how->epoch) : NULL;
  pl_status status = PL_OK;
  if (kept == NULL && how->shows != PL_CASE_TRUTH && view->run != NULL) {
    status = pl_case_map_read(&read, file, view->run, how->epoch, err);
  }
  const pl_case_map *map = kept != NULL ? &kept->map : read.map.data != NULL ? &read : NULL;
  pl_case_result result;
  if (status == PL_OK) status = pl_case_file_draw(out, &result, file, map, how, frame, err);
  pl_case_map_clear(&read);
  release_map(kept);
  return status;
}

pl_status pl_case_view_export(pl_case_view *view, const pl_case_drawing *panes, int count, const pl_lens_frame *frame,
                              double scale, const char *path, pl_error *err) {
  const pl_case_file *file = pl_case_view_file(view);
  if (file == NULL || file->status != PL_OK) return pl_fail(err, PL_E_NOTFOUND, "no picture is shown yet");
  enum { GAP = 8 };
  // The same part of the image with square pixels.
  pl_lens_frame larger = *frame;
  larger.width = floor(frame->width * scale);
  larger.height = floor(frame->height * frame->pixel_aspect * scale);
  larger.pixel_aspect = 1;
  if (count * (larger.width + GAP) > PL_BITMAP_SIDE_MAX || larger.height > PL_BITMAP_SIDE_MAX) {
    return pl_fail(err, PL_E_LIMIT, "the picture would be %.0fx%.0f pixels", count * larger.width, larger.height);
  }
  pl_bitmap whole = {0};
  pl_status status = PL_OK;
  for (int i = 0; i < count && status == PL_OK; i++) {
    pl_case_drawing how = panes[i];
    how.lens.zoom *= scale;
    how.legend = true;
    pl_bitmap one = {0};
    status = draw_for_export(&one, view, &how, &larger, err);
    // All panes are as large as the first.
    if (status == PL_OK && i == 0) {
      status = pl_bitmap_init(&whole, (uint32_t)count * (one.width + GAP) - GAP, one.height, err);
    }
    if (status == PL_OK) pl_bitmap_place(&whole, &one, i * (int)(one.width + GAP), 0);
    pl_bitmap_clear(&one);
  }
  if (status == PL_OK) status = pl_access_check(path, "nothing is written there; name another place", err);
  if (status == PL_OK) status = pl_bitmap_save(&whole, path, err);
  pl_bitmap_clear(&whole);
  return status;
}
