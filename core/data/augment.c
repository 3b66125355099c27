#include "core/data/augment.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/rng.h"
#include "core/data/augment_private.h"
#include "core/image/warp.h"

enum { ROW_PAD = 64 };  // floats behind the spare plane's row, for filters that look beyond its ends

// Draws of one kind for one image have a seed of their own, so that nothing else moves them.
static uint64_t seed_of(const pl_augment_place *place, const char *kind) {
  return pl_rng_u64(pl_rng_derive(place->seed, kind), place->epoch, place->image);
}

// Uniform in [0, 1).
static double unit(const pl_augment_place *place, const char *kind, uint64_t draw) {
  return pl_rng_double(seed_of(place, kind), place->repeat, draw);
}

double pl_augment_within(const pl_augment_place *place, const char *kind, uint64_t draw, double limit) {
  return place->strength * limit * (2 * unit(place, kind, draw) - 1);
}

uint64_t pl_augment_noise(const pl_augment_place *place, const char *kind) {
  return pl_rng_u64(pl_rng_derive(seed_of(place, kind), "noise"), place->repeat, 0);
}

pl_augmentation pl_augment_identity(void) {
  return (pl_augmentation){.affine = {1, 0, 0, 0, 1, 0}, .gain = 1, .bias = 0};
}

const pl_augment_kind *pl_augment_kind_find(const char *name) {
  for (size_t i = 0; i < pl_augment_kind_count; i++) {
    if (strcmp(pl_augment_kinds[i].name, name) == 0) return &pl_augment_kinds[i];
  }
  return NULL;
}

const pl_augment_list *pl_augment_list_find(const char *name) {
  for (size_t i = 0; i < pl_augment_list_count; i++) {
    if (strcmp(pl_augment_lists[i].name, name) == 0) return &pl_augment_lists[i];
  }
  return NULL;
}

// Draw 2*member decides whether, the next one which of its kinds.
static const pl_augment_kind *choose(const pl_augment_member *member, size_t number, const pl_augment_place *place) {
  if (unit(place, "augment", 2 * number) >= member->probability) return NULL;
  size_t count = 0;
  while (count < PL_AUGMENT_CHOICES_MAX && member->kinds[count] != NULL) count++;
  size_t chosen = (size_t)(unit(place, "augment", 2 * number + 1) * (double)count);
  return pl_augment_kind_find(member->kinds[chosen]);
}

void pl_augment_draw(pl_augment_plan *plan, const pl_augment_list *list, const pl_augment_place *place) {
  *plan = (pl_augment_plan){.width = place->width, .height = place->height};
  for (size_t i = 0; list != NULL && i < list->count; i++) {
    const pl_augment_kind *kind = choose(&list->members[i], i, place);
    if (kind == NULL) continue;
    plan->steps[plan->count].kind = kind;
    kind->draw(&plan->steps[plan->count].values, place);
    plan->count++;
  }
}

pl_augmentation pl_augment_affine(const pl_augment_plan *plan) {
  pl_augmentation params = pl_augment_identity();
  for (size_t i = 0; i < plan->count; i++) {
    const pl_augment_kind *kind = plan->steps[i].kind;
    if (kind->affine != NULL) kind->affine(&params, &plan->steps[i].values, plan->width, plan->height);
  }
  return params;
}

void pl_augment_room_clear(pl_augment_room *room) {
  free(room->field);
  free(room->plane);
  *room = (pl_augment_room){0};
}

static pl_status make_room(pl_augment_room *room, const pl_augment_plan *plan, pl_error *err) {
  size_t pixels = (size_t)plan->width * plan->height, floats = 3 * pixels + plan->width + ROW_PAD;
  if (room->pixels == pixels) return PL_OK;
  pl_augment_room_clear(room);
  room->field = pl_try_alloc(floats * sizeof(float));
  room->plane = pl_try_alloc(pixels);
  if (room->field == NULL || room->plane == NULL) {
    pl_augment_room_clear(room);
    return pl_fail(err, PL_E_NOMEM, "no memory to warp images of %ux%u", plan->width, plan->height);
  }
  room->pixels = pixels;
  return PL_OK;
}

static bool has_field(const pl_augment_plan *plan) {
  for (size_t i = 0; i < plan->count; i++) {
    if (plan->steps[i].kind->field != NULL) return true;
  }
  return false;
}

static void apply_levels(uint8_t *image, size_t pixels, const pl_augment_kind *kind, const pl_augment_values *values) {
  uint8_t table[256];
  uint64_t sum = 0;
  for (size_t i = 0; i < pixels; i++) sum += image[i];
  kind->levels(table, values, (double)sum / (double)pixels);
  for (size_t i = 0; i < pixels; i++) image[i] = table[image[i]];
}

static void apply_field(uint8_t *image, uint8_t *mask, const pl_augment_plan *plan, const pl_augment_kind *kind,
                        const pl_augment_values *values, pl_augment_room *room) {
  size_t pixels = room->pixels;
  pl_augment_field field = {.width = plan->width,
                            .height = plan->height,
                            .x = room->field,
                            .y = room->field + pixels,
                            .spare = room->field + 2 * pixels};
  kind->field(&field, values);
  memcpy(room->plane, image, pixels);
  pl_warp_field_linear(image, room->plane, plan->width, plan->height, field.x, field.y);
  memcpy(room->plane, mask, pixels);
  pl_warp_field_nearest(mask, room->plane, plan->width, plan->height, field.x, field.y);
}

pl_status pl_augment_apply(uint8_t *image, uint8_t *mask, const pl_augment_plan *plan, pl_augment_room *room,
                           pl_error *err) {
  if (has_field(plan)) {
    pl_status status = make_room(room, plan, err);
    if (status != PL_OK) return status;
  }
  size_t pixels = (size_t)plan->width * plan->height;
  for (size_t i = 0; i < plan->count; i++) {
    const pl_augment_kind *kind = plan->steps[i].kind;
    if (kind->levels != NULL) apply_levels(image, pixels, kind, &plan->steps[i].values);
    if (kind->field != NULL) apply_field(image, mask, plan, kind, &plan->steps[i].values, room);
  }
  return PL_OK;
}

const pl_augment_kind pl_augment_kinds[] = {
    {.name = "flip", .draw = pl_augment_draw_flip, .affine = pl_augment_do_flip},
    {.name = "rotate", .draw = pl_augment_draw_rotate, .affine = pl_augment_do_rotate},
    {.name = "contrast", .draw = pl_augment_draw_contrast, .levels = pl_augment_do_contrast},
    {.name = "gamma", .draw = pl_augment_draw_gamma, .levels = pl_augment_do_gamma},
    {.name = "brightness", .draw = pl_augment_draw_brightness, .levels = pl_augment_do_brightness},
    {.name = "elastic", .draw = pl_augment_draw_elastic, .field = pl_augment_do_elastic},
    {.name = "grid", .draw = pl_augment_draw_grid, .field = pl_augment_do_grid},
    {.name = "optical", .draw = pl_augment_draw_optical, .field = pl_augment_do_optical},
    {.name = "shift-scale-rotate",
     .draw = pl_augment_draw_shift_scale_rotate,
     .affine = pl_augment_do_shift_scale_rotate},
};
const size_t pl_augment_kind_count = sizeof pl_augment_kinds / sizeof pl_augment_kinds[0];

static const pl_augment_member blog_members[] = {
    {.probability = 0.5, .kinds = {"flip"}},
    {.probability = 0.5, .kinds = {"rotate"}},
};

static const pl_augment_member winner_members[] = {
    {.probability = 0.5, .kinds = {"flip"}},
    {.probability = 0.3, .kinds = {"contrast", "gamma", "brightness"}},
    {.probability = 0.3, .kinds = {"elastic", "grid", "optical"}},
    {.probability = 0.5, .kinds = {"shift-scale-rotate"}},
};

const pl_augment_list pl_augment_lists[] = {
    {.name = "none", .help = "images as they are"},
    {.name = "blog",
     .help = "flips and turns by up to 10 degrees",
     .members = blog_members,
     .count = sizeof blog_members / sizeof blog_members[0]},
    {.name = "winner",
     .help = "the competition winner's: flips, grey levels, distortions, shifts, zooms and turns",
     .members = winner_members,
     .count = sizeof winner_members / sizeof winner_members[0]},
};
const size_t pl_augment_list_count = sizeof pl_augment_lists / sizeof pl_augment_lists[0];
