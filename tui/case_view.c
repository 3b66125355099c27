#include "tui/case_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/data/table.h"
#include "tui/case_file.h"

// Something that jobs look at while the view may have moved on. Counted on the owner's thread only.
typedef struct shared_file {
  int users;
  pl_case_file file;
} shared_file;

typedef struct shared_table {
  int users;
  pl_rle_table table;
} shared_table;

typedef struct pane {
  pl_case_drawing asked;  // what is drawn or being drawn
  pl_area area;
  pl_picture_format format;
  uint32_t number;  // of the case
  bool busy;
  bool due;  // asked again while busy
  pl_picture picture;
} pane;

struct pl_case_view {
  pl_jobs *jobs;
  void (*ready)(void *context);
  void *context;
  uint64_t *serials;
  uint32_t wanted;  // number of the case that is read or being read; 0 for none
  shared_file *file;
  shared_table *table;
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
  free(view);
}

void pl_case_view_open(pl_case_view *view, const pl_manifest *manifest, const pl_case *c) {
  if (c == NULL) {
    pl_case_view_forget(view);
    return;
  }
  if (c->number == view->wanted) return;
  pl_jobs_cancel_waiting(view->jobs, view);
  for (int i = 0; i < PL_CASE_PANES; i++) view->panes[i].busy = view->panes[i].due = false;
  view->wanted = c->number;
  read_job *job = pl_xcalloc(1, sizeof *job);
  job->order = pl_case_order_make(manifest, c);
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
  pl_case_drawing how;
  pl_lens_frame frame;
  pl_picture_format format;
  uint64_t serial;
  pl_picture picture;
  pl_status status;
  pl_error error;
} draw_job;

static void draw_work(void *data) {
  draw_job *job = data;
  pl_bitmap drawn = {0}, whole = {0};
  const uint32_t width = (uint32_t)job->frame.width, height = (uint32_t)job->frame.height;
  job->status = pl_case_file_draw(&drawn, &job->file->file, &job->how, &job->frame, &job->error);
  if (job->status == PL_OK) job->status = pl_bitmap_init(&whole, width, height, &job->error);
  if (job->status == PL_OK) {
    // One size whatever is shown, so that each picture covers the one before.
    pl_bitmap_place(&whole, &drawn, (int)(width - drawn.width) / 2, (int)(height - drawn.height) / 2);
    job->status = pl_picture_make(&job->picture, &whole, &job->format, job->serial, &job->error);
  }
  pl_bitmap_clear(&whole);
  pl_bitmap_clear(&drawn);
}

static void draw_free(draw_job *job) {
  pl_picture_clear(&job->picture);
  release_file(job->file);
  free(job);
}

static void draw_drop(void *data) { draw_free(data); }

static void submit(pl_case_view *view, int index);

static void draw_done(void *owner, void *data) {
  pl_case_view *view = owner;
  draw_job *job = data;
  pane *p = &view->panes[job->pane];
  p->busy = false;
  // What belongs to an older case comes too late.
  if (job->status == PL_OK && job->file == view->file) {
    pl_picture_clear(&p->picture);
    p->picture = job->picture;
    job->picture = (pl_picture){0};
  }
  if (p->due && view->file != NULL) submit(view, job->pane);
  view->ready(view->context);
  draw_free(job);
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
  return a->lens.zoom == b->lens.zoom && a->lens.x == b->lens.x && a->lens.y == b->lens.y &&
         same_window(&a->window, &b->window) && a->invert == b->invert && a->mask_mode == b->mask_mode &&
         a->opacity == b->opacity && a->ruler == b->ruler;
}

void pl_case_view_draw(pl_case_view *view, int index, const pl_case_drawing *how, const pl_picture_format *format,
                       pl_area area) {
  pane *p = &view->panes[index];
  const pl_case_file *file = pl_case_view_file(view);
  if (file == NULL || file->status != PL_OK) return;
  const bool same = p->number == file->number && same_drawing(&p->asked, how) && p->area.rows == area.rows &&
                    p->area.cols == area.cols && pl_picture_format_equal(&p->format, format);
  if (same) return;
  p->asked = *how;
  p->area = area;
  p->format = *format;
  p->number = file->number;
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

pl_status pl_case_view_export(const pl_case_view *view, const pl_case_drawing *how, const pl_lens_frame *frame,
                              double scale, const char *path, pl_error *err) {
  const pl_case_file *file = pl_case_view_file(view);
  if (file == NULL || file->status != PL_OK) return pl_fail(err, PL_E_NOTFOUND, "no picture is shown yet");
  // The same part of the image with square pixels.
  pl_lens_frame larger = *frame;
  larger.width = floor(frame->width * scale);
  larger.height = floor(frame->height * frame->pixel_aspect * scale);
  larger.pixel_aspect = 1;
  if (larger.width > PL_BITMAP_SIDE_MAX || larger.height > PL_BITMAP_SIDE_MAX) {
    return pl_fail(err, PL_E_LIMIT, "the picture would be %.0fx%.0f pixels", larger.width, larger.height);
  }
  pl_case_drawing drawing = *how;
  drawing.lens.zoom *= scale;
  pl_bitmap bitmap = {0};
  pl_status status = pl_case_file_draw(&bitmap, file, &drawing, &larger, err);
  if (status == PL_OK) status = pl_bitmap_save(&bitmap, path, err);
  pl_bitmap_clear(&bitmap);
  return status;
}
