#include "tui/review_view.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"
#include "core/score/truth.h"
#include "viewers/colormap.h"

static const double opacity = 0.3;

// A case's files at its label's size. Belongs to the job that is under way, else to the view: one job at a time.
typedef struct planes {
  uint32_t number;  // 0: nothing is read
  pl_image image, map, truth;
  pl_bitmap base;  // the image alone as a pane shows it,
  double aspect;   // with pixels of that shape; without pixels when there is none yet
  pl_status status;
  pl_error error;
  bool has_labels;
  pl_truth labels;
} planes;

typedef struct draw_job {
  planes *planes;
  pl_case c;  // its texts are the job's own
  char *id, *image_path, *workspace;
  pl_map_source *sources;  // their texts too
  size_t source_count;
  pl_review_drawing drawing;
  uint64_t serials[PL_REVIEW_PANES];
  pl_picture pictures[PL_REVIEW_PANES];
  pl_agreement agreement;
  pl_status status;
  pl_error error;
} draw_job;

struct pl_review_view {
  pl_jobs *jobs;
  void (*ready)(void *context);
  void *context;
  uint64_t *serials;
  planes *planes;         // NULL while a job has them
  draw_job *next;         // asked for while another was drawn
  bool stale;             // what the job under way has read is to be read again
  uint32_t asked_number;  // what was asked for last
  pl_review_drawing asked;
  uint32_t number;
  pl_picture pictures[PL_REVIEW_PANES];
  pl_agreement agreement;
  pl_binarizer binarizer;
  char problem[PL_ERROR_MESSAGE_MAX];
};

// ---- On a worker

static void forget_planes(planes *p) {
  pl_image_clear(&p->image);
  pl_image_clear(&p->map);
  pl_image_clear(&p->truth);
  pl_bitmap_clear(&p->base);
  p->number = 0;
}

static void forget_files(planes *p) {
  forget_planes(p);
  if (p->has_labels) pl_truth_clear(&p->labels);
  p->has_labels = false;
}

static void planes_free(planes *p) {
  if (p == NULL) return;
  forget_files(p);
  free(p);
}

static pl_status read_resized(pl_image *out, pl_image *raw, const pl_image *like, pl_error *err) {
  pl_status status = pl_image_resize(out, raw, like->width, like->height, err);
  pl_image_clear(raw);
  return status;
}

static pl_status read_planes(planes *p, const draw_job *job, pl_error *err) {
  pl_image raw = {0};
  pl_status status = PL_OK;
  if (!p->has_labels) {
    status = pl_truth_load(&p->labels, job->workspace, job->drawing.labels, err);
    p->has_labels = status == PL_OK;
  }
  if (status == PL_OK) status = pl_truth_read(&p->truth, &p->labels, &job->c, err);
  if (status == PL_OK) {
    status = pl_maps_read(&p->map, job->sources, job->source_count, job->c.id, p->truth.width, p->truth.height, err);
  }
  if (status == PL_OK) status = pl_png_read(&raw, job->image_path, err);
  if (status == PL_OK) status = read_resized(&p->image, &raw, &p->truth, err);
  return status;
}

static size_t layers_of(pl_view_layer layers[PL_AGREEMENT_PARTS], pl_review_layer which, const planes *p,
                        const pl_image *mask, const pl_image parts[PL_AGREEMENT_PARTS], bool contour) {
  static const pl_colour colours[PL_AGREEMENT_PARTS] = {PL_COLOUR_HIT, PL_COLOUR_FALSE_ALARM, PL_COLOUR_MISSED};
  const pl_mask_mode mode = contour ? PL_MASK_CONTOUR : PL_MASK_FILL;
  size_t count = 0;
  switch (which) {
    case PL_REVIEW_DIFFERENCE:
      for (; count < PL_AGREEMENT_PARTS; count++) {
        layers[count] = (pl_view_layer){&parts[count], mode, opacity, pl_colour_rgb(colours[count])};
      }
      break;
    case PL_REVIEW_PREDICTION:
      layers[count++] = (pl_view_layer){mask, mode, opacity, pl_colour_rgb(PL_COLOUR_FALSE_ALARM)};
      break;
    case PL_REVIEW_TRUTH:
      layers[count++] = (pl_view_layer){&p->truth, mode, opacity, pl_colour_rgb(PL_COLOUR_ORANGE)};
      break;
    case PL_REVIEW_PLAIN:
    case PL_REVIEW_LAYERS: break;
  }
  return count;
}

// A copy of the image as a pane of that size shows it. It is scaled once: what changes with every key is the masks.
static pl_status copy_base(pl_bitmap *out, planes *p, const pl_view_case_options *options, pl_error *err) {
  uint32_t width = 0, height = 0;
  pl_view_case_size(&width, &height, &p->image, options);
  pl_status status = PL_OK;
  if (p->base.pixels == NULL || p->base.width != width || p->base.height != height ||
      p->aspect != options->pixel_aspect) {
    pl_bitmap_clear(&p->base);
    status = pl_view_case_layers(&p->base, &p->image, NULL, 0, options, err);
    p->aspect = options->pixel_aspect;
  }
  if (status == PL_OK) status = pl_bitmap_init(out, width, height, err);
  if (status == PL_OK) pl_bitmap_place(out, &p->base, 0, 0);
  return status;
}

static pl_status draw_pane(draw_job *job, int pane, const pl_image *mask, const pl_image parts[PL_AGREEMENT_PARTS],
                           pl_error *err) {
  uint32_t width = 0, height = 0;
  double aspect = 1;
  planes *p = job->planes;
  if (!pl_picture_size(&width, &height, &aspect, &job->drawing.format, job->drawing.areas[pane])) return PL_OK;
  pl_view_layer layers[PL_AGREEMENT_PARTS];
  const size_t count = layers_of(layers, job->drawing.layers[pane], p, mask, parts, job->drawing.contour);
  pl_view_case_options options = pl_view_case_defaults(width, height);
  options.pixel_aspect = aspect;
  pl_bitmap drawn = {0};
  pl_status status = copy_base(&drawn, p, &options, err);
  if (status == PL_OK) status = pl_view_case_paint(&drawn, &p->image, layers, count, &options, err);
  if (status == PL_OK) {
    status = pl_picture_make_centred(&job->pictures[pane], &drawn, width, height, &job->drawing.format,
                                     job->serials[pane], err);
  }
  pl_bitmap_clear(&drawn);
  return status;
}

static void work(void *data) {
  draw_job *job = data;
  planes *p = job->planes;
  if (p->number != job->c.number) {
    forget_planes(p);
    p->status = read_planes(p, job, &p->error);
    p->number = job->c.number;
  }
  job->status = p->status;
  job->error = p->error;
  pl_image mask = {0}, parts[PL_AGREEMENT_PARTS] = {{0}, {0}, {0}};
  if (job->status == PL_OK) job->status = pl_binarize(&mask, &p->map, &job->drawing.binarizer, &job->error);
  if (job->status == PL_OK) job->status = pl_agreement_split(parts, &job->agreement, &p->truth, &mask, &job->error);
  for (int i = 0; i < job->drawing.panes && job->status == PL_OK; i++) {
    job->status = draw_pane(job, i, &mask, parts, &job->error);
  }
  pl_image_clear(&mask);
  for (int i = 0; i < PL_AGREEMENT_PARTS; i++) pl_image_clear(&parts[i]);
}

// ---- On the owner's thread

static void job_free(draw_job *job) {
  if (job == NULL) return;
  planes_free(job->planes);
  for (int i = 0; i < PL_REVIEW_PANES; i++) pl_picture_clear(&job->pictures[i]);
  free(job->id);
  free(job->image_path);
  for (size_t i = 0; i < job->source_count; i++) free((char *)job->sources[i].folder);
  free(job->sources);
  free(job->workspace);
  free(job);
}

static void drop(void *data) { job_free(data); }

static void submit(pl_review_view *view, draw_job *job);

static void take_pictures(pl_review_view *view, draw_job *job) {
  view->number = job->c.number;
  view->agreement = job->agreement;
  view->binarizer = job->drawing.binarizer;
  (void)pl_copy_text(view->problem, sizeof view->problem, job->status == PL_OK ? "" : job->error.message);
  for (int i = 0; i < PL_REVIEW_PANES; i++) {
    pl_picture_clear(&view->pictures[i]);
    view->pictures[i] = job->pictures[i];
    job->pictures[i] = (pl_picture){0};
  }
}

static void done(void *owner, void *data) {
  pl_review_view *view = owner;
  draw_job *job = data, *next = view->next;
  view->planes = job->planes;
  job->planes = NULL;
  if (view->stale) forget_files(view->planes);
  view->stale = false;
  take_pictures(view, job);
  job_free(job);
  view->next = NULL;
  if (next != NULL) submit(view, next);
  view->ready(view->context);
}

static void submit(pl_review_view *view, draw_job *job) {
  job->planes = view->planes;
  view->planes = NULL;
  pl_jobs_submit(view->jobs, &(pl_job){.work = work, .done = done, .drop = drop, .owner = view, .data = job});
}

pl_review_view *pl_review_view_create(pl_jobs *jobs, void (*ready)(void *context), void *context, uint64_t *serials) {
  pl_review_view *view = pl_xcalloc(1, sizeof *view);
  view->jobs = jobs;
  view->ready = ready;
  view->context = context;
  view->serials = serials;
  view->planes = pl_xcalloc(1, sizeof *view->planes);
  return view;
}

void pl_review_view_destroy(pl_review_view *view) {
  if (view == NULL) return;
  pl_jobs_cancel(view->jobs, view);
  planes_free(view->planes);
  job_free(view->next);
  for (int i = 0; i < PL_REVIEW_PANES; i++) pl_picture_clear(&view->pictures[i]);
  free(view);
}

static bool is_same(const pl_review_drawing *a, const pl_review_drawing *b) {
  bool same = a->labels == b->labels && a->binarizer.min_component == b->binarizer.min_component &&
              a->binarizer.triplet.top == b->binarizer.triplet.top &&
              a->binarizer.triplet.area == b->binarizer.triplet.area &&
              a->binarizer.triplet.bottom == b->binarizer.triplet.bottom && a->panes == b->panes &&
              a->contour == b->contour && pl_picture_format_equal(&a->format, &b->format);
  for (int i = 0; i < a->panes && same; i++) {
    same = a->layers[i] == b->layers[i] && memcmp(&a->areas[i], &b->areas[i], sizeof a->areas[i]) == 0;
  }
  return same;
}

void pl_review_view_draw(pl_review_view *view, const pl_manifest *manifest, const pl_case *c,
                         const pl_map_source *sources, size_t count, const pl_review_drawing *drawing) {
  if (view->asked_number == c->number && is_same(&view->asked, drawing)) return;
  view->asked_number = c->number;
  view->asked = *drawing;
  draw_job *job = pl_xcalloc(1, sizeof *job);
  job->c = *c;
  job->id = pl_xstrdup(c->id);
  job->c.id = job->id;
  job->c.source = job->c.patient = job->c.flag = job->c.note = NULL;
  job->image_path = pl_case_image_path(manifest, c);
  job->sources = pl_xcalloc(count, sizeof *job->sources);
  job->source_count = count;
  for (size_t i = 0; i < count; i++) {
    job->sources[i] = (pl_map_source){pl_xstrdup(sources[i].folder), sources[i].weight};
  }
  job->workspace = pl_xstrdup(manifest->workspace);
  job->drawing = *drawing;
  for (int i = 0; i < PL_REVIEW_PANES; i++) job->serials[i] = ++*view->serials;
  if (view->planes != NULL) {
    submit(view, job);
    return;
  }
  job_free(view->next);
  view->next = job;
}

void pl_review_view_forget(pl_review_view *view) {
  view->asked_number = 0;
  job_free(view->next);
  view->next = NULL;
  if (view->planes == NULL) {
    view->stale = true;
  } else {
    forget_files(view->planes);
  }
}

pl_review_shown pl_review_view_shown(const pl_review_view *view) {
  pl_review_shown shown = {
      .number = view->number, .problem = view->problem, .agreement = view->agreement, .binarizer = view->binarizer};
  for (int i = 0; i < PL_REVIEW_PANES; i++) {
    if (view->pictures[i].serial != 0) shown.pictures[i] = &view->pictures[i];
  }
  return shown;
}
