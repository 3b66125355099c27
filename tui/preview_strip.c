#include "tui/preview_strip.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/image/agreement.h"
#include "core/image/png_io.h"
#include "core/image/resize.h"
#include "tui/prediction.h"
#include "tui/screens/case.h"
#include "viewers/colormap.h"
#include "viewers/view_grid.h"

enum { SHOWN_MAX = 16, SIDE_MAX = 256, HEADER_ROWS = 1 };

static const double threshold = 0.5, fill_opacity = 0.35;

// One case as it was read. Unchanged once it was.
typedef struct strip_case {
  uint32_t number;
  char *id;
  char *image_path, *mask_path;  // mask_path NULL without a mask
  pl_image image;                // at most SIDE_MAX on a side
  pl_image outline;              // the mask at that size; no pixels without one
  pl_image mask;                 // at its own size, for the score
  uint32_t width, height;        // of the prepared picture
  pl_status status;
} strip_case;

// Jobs look at them while the strip may have moved on. Counted on the owner's thread.
typedef struct shared_cases {
  int users;
  bool is_read;
  size_t count;
  strip_case cases[SHOWN_MAX];
} shared_cases;

// What is shown, and where.
typedef struct wish {
  int64_t epoch;
  size_t selected;
  bool chosen;
  pl_area area;
  pl_picture_format format;
} wish;

typedef struct answer {
  wish wish;
  pl_picture picture;
  uint32_t columns, width, height;  // of the grid, and of the drawn part of the picture in its pixels
  double dice[SHOWN_MAX];           // NAN without a map
  pl_status status;
  pl_error error;
} answer;

struct pl_preview_strip {
  pl_app *app;
  char *run;
  pl_previews previews;
  char problem[PL_ERROR_MESSAGE_MAX];
  shared_cases *cases;  // NULL before they were looked up
  size_t at;            // of the epoch that is wished
  bool newest;
  size_t selected;
  bool busy, due;
  wish asked;
  bool answered;
  answer shown;
};

typedef struct strip_job {
  shared_cases *cases;
  char *run;
  uint64_t serial;
  answer answer;
} strip_job;

static void release_cases(shared_cases *shared) {
  if (shared == NULL || --shared->users > 0) return;
  for (size_t i = 0; i < shared->count; i++) {
    strip_case *c = &shared->cases[i];
    free(c->id);
    free(c->image_path);
    free(c->mask_path);
    pl_image_clear(&c->image);
    pl_image_clear(&c->outline);
    pl_image_clear(&c->mask);
  }
  free(shared);
}

// ---- On a worker

static void read_case(strip_case *c) {
  pl_image whole = {0};
  c->status = pl_png_read(&whole, c->image_path, NULL);
  if (c->status == PL_OK) {
    const double shrink = fmin(1, (double)SIDE_MAX / (whole.width > whole.height ? whole.width : whole.height));
    const uint32_t width = (uint32_t)fmax(1, round(whole.width * shrink));
    const uint32_t height = (uint32_t)fmax(1, round(whole.height * shrink));
    c->width = whole.width;
    c->height = whole.height;
    c->status = pl_image_resize(&c->image, &whole, width, height, NULL);
    if (c->status == PL_OK && c->mask_path != NULL) c->status = pl_png_read(&c->mask, c->mask_path, NULL);
    if (c->status == PL_OK && c->mask_path != NULL) {
      c->mask.meaning = PL_IMAGE_MASK;
      c->status = pl_image_resize(&c->outline, &c->mask, width, height, NULL);
    }
  }
  pl_image_clear(&whole);
}

// The map as a mask at the tile's size, and the score at the picture's. Both stay empty without a map.
static void predict(pl_image *small, double *dice, const strip_case *c, const char *run, int64_t epoch) {
  pl_image map = {0}, large = {0};
  pl_agreement agreement;
  *dice = (double)NAN;
  pl_status status = pl_prediction_load(&map, run, epoch, c->id, NULL);
  if (status == PL_OK) status = pl_probability_mask(small, &map, c->image.width, c->image.height, threshold, NULL);
  const pl_image *size = c->mask.data != NULL ? &c->mask : NULL;
  if (status == PL_OK) {
    status = pl_probability_mask(&large, &map, size != NULL ? size->width : c->width,
                                 size != NULL ? size->height : c->height, threshold, NULL);
  }
  if (status == PL_OK) status = pl_agreement_count(&agreement, &c->mask, &large, NULL);
  if (status == PL_OK) *dice = pl_agreement_dice(&agreement);
  pl_image_clear(&map);
  pl_image_clear(&large);
}

// What a grid is made of; borrows from the cases and from itself.
typedef struct grid {
  pl_image predicted[SHOWN_MAX];
  pl_view_layer layers[SHOWN_MAX][2];
  char labels[SHOWN_MAX][32];
  pl_grid_tile tiles[SHOWN_MAX];
} grid;

static void fill_tile(grid *g, size_t i, strip_job *job) {
  const strip_case *c = &job->cases->cases[i];
  answer *a = &job->answer;
  size_t layers = 0;
  predict(&g->predicted[i], &a->dice[i], c, job->run, a->wish.epoch);
  if (g->predicted[i].data != NULL) {
    g->layers[i][layers++] =
        (pl_view_layer){&g->predicted[i], PL_MASK_FILL, fill_opacity, pl_colour_rgb(PL_COLOUR_SKY)};
  }
  if (c->outline.data != NULL) {
    g->layers[i][layers++] = (pl_view_layer){&c->outline, PL_MASK_CONTOUR, 1, pl_colour_rgb(PL_COLOUR_ORANGE)};
  }
  if (isfinite(a->dice[i])) {
    snprintf(g->labels[i], sizeof g->labels[i], "#%" PRIu32 " %.2f", c->number, a->dice[i]);
  } else {
    snprintf(g->labels[i], sizeof g->labels[i], "#%" PRIu32, c->number);
  }
  g->tiles[i] = (pl_grid_tile){.image = &c->image,
                               .label = g->labels[i],
                               .layers = g->layers[i],
                               .layer_count = layers,
                               .marked = a->wish.chosen && a->wish.selected == i};
}

static pl_status draw_grid(strip_job *job, const grid *g, pl_error *err) {
  answer *a = &job->answer;
  uint32_t width = 0, height = 0;
  double aspect = 1;
  if (!pl_picture_size(&width, &height, &aspect, &a->wish.format, a->wish.area)) return PL_OK;
  const size_t count = job->cases->count;
  pl_view_grid_options options = pl_view_grid_defaults(width, height);
  options.pixel_aspect = aspect;
  options.labels = a->wish.format.graphics == PL_GRAPHICS_SIXEL;
  options.columns = pl_view_grid_columns(count, width, height, aspect);
  pl_bitmap drawn = {0}, whole = {0};
  pl_status status = pl_view_grid(&drawn, g->tiles, count, &options, err);
  if (status == PL_OK) status = pl_bitmap_init(&whole, width, height, err);
  if (status == PL_OK) {
    // One size for all epochs, so that each picture covers the one before.
    pl_bitmap_place(&whole, &drawn, 0, 0);
    status = pl_picture_make(&a->picture, &whole, &a->wish.format, job->serial, err);
  }
  a->columns = options.columns;
  a->width = drawn.width;
  a->height = drawn.height;
  pl_bitmap_clear(&whole);
  pl_bitmap_clear(&drawn);
  return status;
}

static void work(void *data) {
  strip_job *job = data;
  shared_cases *cases = job->cases;
  answer *a = &job->answer;
  // One job of a strip runs at a time, so nobody else looks at them before they were read.
  for (size_t i = 0; i < cases->count && !cases->is_read; i++) read_case(&cases->cases[i]);
  cases->is_read = true;
  grid *g = pl_xcalloc(1, sizeof *g);
  a->status = PL_OK;
  for (size_t i = 0; i < cases->count && a->status == PL_OK; i++) {
    a->status = cases->cases[i].status;
    if (a->status != PL_OK) {
      (void)pl_fail(&a->error, a->status, "case #%" PRIu32 " has no prepared picture or mask", cases->cases[i].number);
    } else {
      fill_tile(g, i, job);
    }
  }
  if (a->status == PL_OK) a->status = draw_grid(job, g, &a->error);
  for (size_t i = 0; i < SHOWN_MAX; i++) pl_image_clear(&g->predicted[i]);
  free(g);
}

// ---- On the owner's thread

static void job_free(strip_job *job) {
  pl_picture_clear(&job->answer.picture);
  release_cases(job->cases);
  free(job->run);
  free(job);
}

static void drop(void *data) { job_free(data); }

static void submit(pl_preview_strip *strip);

static void done(void *owner, void *data) {
  pl_preview_strip *strip = owner;
  strip_job *job = data;
  strip->busy = false;
  if (job->cases == strip->cases) {
    pl_picture_clear(&strip->shown.picture);
    strip->shown = job->answer;
    strip->answered = true;
    job->answer.picture = (pl_picture){0};
  }
  job_free(job);
  strip->app->dirty = true;
  if (strip->due) submit(strip);
}

static void submit(pl_preview_strip *strip) {
  strip->due = strip->busy;
  if (strip->busy || strip->cases == NULL || strip->run == NULL) return;
  strip->busy = true;
  strip_job *job = pl_xcalloc(1, sizeof *job);
  job->cases = strip->cases;
  job->cases->users++;
  job->run = pl_xstrdup(strip->run);
  job->serial = ++strip->app->next_serial;
  job->answer.wish = strip->asked;
  pl_jobs_submit(strip->app->jobs, &(pl_job){.work = work, .done = done, .drop = drop, .owner = strip, .data = job});
}

// The run's cases in the workspace as it is now; those that it has no more are left out.
static shared_cases *find_cases(const pl_preview_strip *strip) {
  const pl_manifest *manifest = &strip->app->model->manifest;
  shared_cases *found = pl_xcalloc(1, sizeof *found);
  found->users = 1;
  for (size_t i = 0; i < strip->previews.case_count && found->count < SHOWN_MAX; i++) {
    for (size_t k = 0; k < manifest->count; k++) {
      const pl_case *c = &manifest->cases[k];
      if (strcmp(c->id, strip->previews.cases[i].id) != 0) continue;
      found->cases[found->count++] =
          (strip_case){.number = c->number,
                       .id = pl_xstrdup(c->id),
                       .image_path = pl_case_image_path(manifest, c),
                       .mask_path = c->label == PL_LABEL_POSITIVE ? pl_case_mask_path(manifest, c) : NULL};
      break;
    }
  }
  return found;
}

pl_preview_strip *pl_preview_strip_create(pl_app *app) {
  pl_preview_strip *strip = pl_xcalloc(1, sizeof *strip);
  strip->app = app;
  strip->newest = true;
  return strip;
}

void pl_preview_strip_forget(pl_preview_strip *strip) {
  pl_jobs_cancel(strip->app->jobs, strip);
  release_cases(strip->cases);
  pl_picture_clear(&strip->shown.picture);
  strip->cases = NULL;
  strip->answered = strip->busy = strip->due = false;
  strip->asked = (wish){.epoch = INT64_MIN};
}

void pl_preview_strip_destroy(pl_preview_strip *strip) {
  if (strip == NULL) return;
  pl_preview_strip_forget(strip);
  pl_previews_clear(&strip->previews);
  free(strip->run);
  free(strip);
}

static void take_run(pl_preview_strip *strip, const char *run) {
  const bool same = run == NULL || strip->run == NULL ? run == strip->run : strcmp(run, strip->run) == 0;
  if (same) return;
  pl_preview_strip_forget(strip);
  pl_previews_clear(&strip->previews);
  free(strip->run);
  strip->run = run != NULL ? pl_xstrdup(run) : NULL;
  strip->newest = true;
  strip->selected = strip->at = 0;
}

// Reads what is new of the run; the epoch that is shown stays, unless it is the newest.
static void look(pl_preview_strip *strip) {
  pl_previews *p = &strip->previews;
  const size_t cases = p->case_count;
  const int64_t epoch = strip->at < p->epoch_count ? p->epochs[strip->at] : 0;
  pl_error err = {0};
  strip->problem[0] = '\0';
  if (strip->run != NULL && pl_previews_update(p, strip->run, NULL, &err) != PL_OK) {
    pl_safe_text(strip->problem, sizeof strip->problem, err.message, strlen(err.message));
  }
  if (p->case_count != cases) pl_preview_strip_forget(strip);
  size_t at = 0;
  while (at + 1 < p->epoch_count && (strip->newest || p->epochs[at + 1] <= epoch)) at++;
  strip->at = at;
}

static bool same_wish(const wish *a, const wish *b) {
  return a->epoch == b->epoch && a->selected == b->selected && a->chosen == b->chosen && a->area.rows == b->area.rows &&
         a->area.cols == b->area.cols && pl_picture_format_equal(&a->format, &b->format);
}

// The picture is below the line of words.
static pl_area picture_area(pl_area area) {
  if (area.rows <= HEADER_ROWS) return (pl_area){0};
  return (pl_area){area.y + HEADER_ROWS, area.x, area.rows - HEADER_ROWS, area.cols};
}

void pl_preview_strip_update(pl_preview_strip *strip, const char *run, pl_area area, bool chosen) {
  take_run(strip, run);
  look(strip);
  if (pl_area_empty(area) || strip->previews.case_count == 0 || strip->previews.epoch_count == 0) return;
  if (strip->cases == NULL) strip->cases = find_cases(strip);
  if (strip->cases->count == 0) return;
  if (strip->selected >= strip->cases->count) strip->selected = 0;
  const wish now = {.epoch = strip->previews.epochs[strip->at],
                    .selected = strip->selected,
                    .chosen = chosen,
                    .area = picture_area(area),
                    .format = strip->app->format};
  if (same_wish(&now, &strip->asked)) return;
  strip->asked = now;
  submit(strip);
}

bool pl_preview_strip_has(const pl_preview_strip *strip) { return strip->previews.case_count > 0; }

void pl_preview_strip_step(pl_preview_strip *strip, int delta) {
  const size_t count = strip->previews.epoch_count;
  if (delta < 0 && strip->at == 0) {
    pl_app_say(strip->app, "this is the first epoch that was predicted");
  } else if (delta > 0 && strip->at + 1 >= count) {
    pl_app_say(strip->app, "this is the newest; a newer one appears by itself");
  } else {
    strip->at = delta > 0 ? strip->at + 1 : strip->at - 1;
    strip->newest = strip->at + 1 == count;
  }
}

void pl_preview_strip_select(pl_preview_strip *strip, int delta) {
  const size_t count = strip->cases != NULL ? strip->cases->count : 0;
  if (count > 0) strip->selected = (strip->selected + count + (size_t)(delta > 0 ? 1 : count - 1)) % count;
}

bool pl_preview_strip_select_at(pl_preview_strip *strip, int y, int x, bool *again) {
  const answer *a = &strip->shown;
  const pl_area area = a->wish.area;
  const bool inside = y >= area.y && y < area.y + area.rows && x >= area.x && x < area.x + area.cols;
  if (!strip->answered || !inside || a->picture.width == 0 || a->columns == 0 || strip->cases == NULL) return false;
  const uint32_t rows = ((uint32_t)strip->cases->count + a->columns - 1) / a->columns;
  const double at_x = (x - area.x + 0.5) / area.cols * a->picture.width / a->width;
  const double at_y = (y - area.y + 0.5) / area.rows * a->picture.height / a->height;
  if (at_x >= 1 || at_y >= 1) return false;
  const size_t index = (size_t)(at_y * rows) * a->columns + (size_t)(at_x * a->columns);
  if (index >= strip->cases->count) return false;
  *again = strip->selected == index;
  strip->selected = index;
  return true;
}

void pl_preview_strip_open_case(pl_preview_strip *strip) {
  if (strip->cases == NULL || strip->cases->count == 0 || strip->previews.epoch_count == 0) return;
  pl_case_open_prediction(strip->app, strip->cases->cases[strip->selected].id, strip->previews.epochs[strip->at],
                          strip->newest);
}

// ---- Drawing

static void draw_words(const pl_preview_strip *strip, const pl_canvas *canvas, pl_area row) {
  const answer *a = &strip->shown;
  const pl_run_view *run = strip->app->model->run;
  char epoch[64];
  int x = row.x;
  const int right = row.x + row.cols;
  pl_prediction_words(epoch, sizeof epoch, a->wish.epoch, run != NULL ? run->state.epochs : -1);
  x += pl_canvas_printf(canvas, row.y, x, right - x, a->wish.chosen ? PL_STYLE_STRONG : PL_STYLE_NORMAL,
                        "previews, %s  ", epoch);
  for (size_t i = 0; i < strip->cases->count && x < right; i++) {
    const bool marked = a->wish.chosen && i == a->wish.selected;
    char dice[16] = "";
    if (isfinite(a->dice[i])) snprintf(dice, sizeof dice, " %.2f", a->dice[i]);
    x += pl_canvas_printf(canvas, row.y, x, right - x, marked ? PL_STYLE_SELECTED : PL_STYLE_DIM, "#%" PRIu32 "%s",
                          strip->cases->cases[i].number, dice);
    x += pl_canvas_text(canvas, row.y, x, right - x, PL_STYLE_DIM, "  ");
  }
}

void pl_preview_strip_draw(const pl_preview_strip *strip, const pl_canvas *canvas, pl_area area) {
  const answer *a = &strip->shown;
  if (pl_area_empty(area)) return;
  const pl_area message = pl_layout_centre(area, 3, area.cols - 4), row = {area.y, area.x, 1, area.cols};
  if (strip->problem[0] != '\0') {
    pl_canvas_wrapped(canvas, message, PL_STYLE_BAD, strip->problem);
  } else if (strip->previews.epoch_count == 0) {
    pl_canvas_wrapped(canvas, message, PL_STYLE_DIM,
                      "previews: the first comes when the untrained network was evaluated");
  } else if (!strip->answered || strip->cases == NULL) {
    pl_canvas_text(canvas, row.y, row.x, row.cols, PL_STYLE_DIM, "previews ...");
  } else if (a->status != PL_OK) {
    char safe[PL_ERROR_MESSAGE_MAX];
    pl_safe_text(safe, sizeof safe, a->error.message, strlen(a->error.message));
    pl_canvas_wrapped(canvas, message, PL_STYLE_BAD, safe);
  } else {
    draw_words(strip, canvas, row);
    const pl_area place = picture_area(area);
    const bool fits = a->wish.area.rows == place.rows && a->wish.area.cols == place.cols;
    if (fits) pl_imgslots_want(canvas->slots, canvas, place, &a->picture);
  }
}
