// One case: a body, its attenuation, the exposure, the film.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/data/phantom.h"
#include "core/data/phantom_private.h"

static const float SIZE_OF_ONE = 1024;  // target areas of the masks are given at this size

static float ramp(float low, float high, float x) {
  float t = least(1.0f, most(0.0f, (x - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

point pl_phantom_body_to_pixel(const body *b, float x, float y) {
  const float *m = b->to_pixel;
  return (point){m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]};
}

// The rib cage is scaled about the middle of its top, then the whole turned, moved and zoomed.
static void place_body(body *b, draw *rng, int canvas_size) {
  float size = (float)canvas_size;
  float turn = 0.028f * pl_phantom_normal(rng), zoom = pl_phantom_range(rng, 0.99f, 1.17f);
  float move_x = 0.012f * pl_phantom_normal(rng), move_y = pl_phantom_range(rng, -0.01f, 0.05f);
  float c = cosf(turn) * zoom * size, s = sinf(turn) * zoom * size;
  float a = b->width, d = b->height;
  // pixel = turn * ((a x, 0.1 + d (y - 0.1)) - (0, 0.45)) + (0.5 + move_x, 0.45 + move_y)
  float offset = 0.1f - 0.1f * d - 0.45f;
  float *m = b->to_pixel;
  m[0] = c * a;
  m[1] = -s * d;
  m[2] = -s * offset + (0.5f + move_x) * size - 0.5f;
  m[3] = s * a;
  m[4] = c * d;
  m[5] = c * offset + (0.45f + move_y) * size - 0.5f;
  float determinant = m[0] * m[4] - m[1] * m[3];
  float *i = b->to_body;
  i[0] = m[4] / determinant;
  i[1] = -m[1] / determinant;
  i[2] = (m[1] * m[5] - m[4] * m[2]) / determinant;
  i[3] = -m[3] / determinant;
  i[4] = m[0] / determinant;
  i[5] = (m[3] * m[2] - m[0] * m[5]) / determinant;
  b->scale = sqrtf(determinant);
}

static void body_init(body *b, uint64_t seed, uint64_t patient, uint64_t index, int canvas_size) {
  draw who = {.seed = pl_rng_derive(seed, "phantom patient"), .stream = patient};
  *b = (body){.rng = {.seed = pl_rng_derive(seed, "phantom case"), .stream = index}};
  b->noise = pl_rng_u64(pl_rng_derive(seed, "phantom noise"), index, 0);
  b->female = pl_phantom_chance(&who, 0.45f);
  b->age = (int)least(89, most(16, 47 + 17 * pl_phantom_normal(&who)));
  b->width = pl_phantom_range(&who, 0.93f, 1.05f) * (b->female ? 0.97f : 1.0f);
  b->girth = pl_phantom_range(&who, 0.0f, 1.0f);
  b->breast = b->female ? pl_phantom_range(&who, 0.5f, 1.0f) : 0;
  b->heart = pl_phantom_range(&who, 0.85f, 1.25f);
  b->height = pl_phantom_range(&b->rng, 0.94f, 1.10f);
  place_body(b, &b->rng, canvas_size);
  pl_phantom_lungs_init(b);
}

// What one exposure looks like.
typedef struct film {
  float contrast, top, black, grain, tilt_x, tilt_y, vignette, gamma;
  float bubble_x, bubble_y, bubble_r;  // air in the stomach; radius 0 for none
  float collimated;                    // width of an unexposed rim
} film;

static film film_draw(draw *rng) {
  film f = {0};
  f.contrast = pl_phantom_range(rng, 0.9f, 1.5f);
  f.top = pl_phantom_range(rng, 205, 240);
  f.black = pl_phantom_range(rng, 0, 10);
  f.gamma = pl_phantom_range(rng, 0.9f, 1.5f);
  f.grain = pl_phantom_range(rng, 2.0f, 5.0f);
  f.tilt_x = 0.05f * pl_phantom_normal(rng);
  f.tilt_y = 0.05f * pl_phantom_normal(rng);
  f.vignette = pl_phantom_range(rng, 0.0f, 0.22f);
  f.bubble_r = pl_phantom_chance(rng, 0.5f) ? pl_phantom_range(rng, 0.030f, 0.055f) : 0;
  f.bubble_x = pl_phantom_range(rng, 0.17f, 0.25f);
  f.bubble_y = pl_phantom_range(rng, 0.795f, 0.83f);
  f.collimated = pl_phantom_chance(rng, 0.25f) ? pl_phantom_range(rng, 0.006f, 0.02f) : 0;
  return f;
}

// Soft tissue along the ray, without the lungs: neck, shoulders, trunk, arms. 1 in the middle of the trunk.
static float soft_tissue(const body *b, float ax, float y) {
  float wide = 0.398f + 0.045f * b->girth + 0.012f * sinf(5 * y);
  float half = wide + 0.21f * ramp(0.40f, 0.20f, y) + 0.02f * ramp(0.6f, 1.0f, y) * b->girth;
  float q = ax / half;
  float trunk = q < 1 ? sqrtf(1 - q * q * q) : 0;
  // The line of the shoulders, from the neck outwards and down.
  float slope = most(0.0f, ax - 0.075f);
  float shoulder =
      -0.025f + 0.62f * slope - 0.80f * slope * slope + (ax > 0.38f ? 3.0f * (ax - 0.38f) * (ax - 0.38f) : 0);
  float depth = most(0.0f, y - shoulder);
  float body_part =
      trunk * sqrtf(least(1.0f, depth / 0.17f)) * (1 - 0.28f * ramp(0.26f, 0.45f, ax) * ramp(0.5f, 0.25f, y));
  float low = most(0.0f, y + 0.03f), neck_half = 0.078f + 1.2f * low * low + 0.016f * b->girth;
  float neck = ax < neck_half ? 0.78f * sqrtf(1 - (ax / neck_half) * (ax / neck_half)) * ramp(0.30f, 0.10f, y) : 0;
  float arm_at = (ax - (0.515f + 0.10f * (y - 0.3f) + 0.03f * b->girth)) / 0.062f;
  float arm = fabsf(arm_at) < 1 ? 0.62f * sqrtf(1 - arm_at * arm_at) * ramp(0.20f, 0.34f, y) : 0;
  return most(most(body_part, neck), arm);
}

// Heart, great vessels, liver, stomach, breasts: what lies over the trunk.
static float organs(const body *b, const film *f, float x, float y, float lung_inside) {
  float ax = fabsf(x), out = 0;
  if (ax < 0.25f) out += 0.20f * expf(-(x * x) / (0.085f * 0.085f)) * ramp(0.0f, 0.25f, y);  // mediastinum, sternum
  float hx = (x - 0.055f) / (0.165f * b->heart), hy = (y - 0.61f + 0.25f * (x - 0.05f)) / 0.145f;
  float heart = hx * hx + hy * hy;
  if (heart < 1) out += 0.16f * sqrtf(1 - heart);
  out += 0.17f * ramp(0.66f, 0.80f, y) * (1 - ramp(-0.01f, 0.01f, lung_inside));  // below the diaphragm
  float trachea = (x - 0.004f) / 0.016f;
  if (y < 0.36f && ax < 0.05f) out -= 0.15f * expf(-trachea * trachea) * ramp(0.36f, 0.30f, y);
  float bronchus = (y - 0.335f - 0.62f * ax) / 0.012f;
  if (ax < 0.09f && y < 0.5f) out -= 0.08f * expf(-bronchus * bronchus) * ramp(0.09f, 0.05f, ax);
  if (f->bubble_r > 0) {
    float bx = (x - f->bubble_x) / (1.35f * f->bubble_r), by = (y - f->bubble_y) / f->bubble_r;
    float r = bx * bx + by * by;
    if (r < 1.2f)
      out -=
          0.26f * ramp(1.2f, 0.75f, r) * ramp(f->bubble_y + 0.62f * f->bubble_r, f->bubble_y + 0.50f * f->bubble_r, y);
  }
  if (b->breast > 0) {
    float bx = (ax - 0.215f) / 0.165f, by = (y - 0.60f) / 0.175f, r = bx * bx + by * by;
    if (r < 1.05f) out += 0.20f * b->breast * ramp(1.05f, 0.80f, r) * (0.25f + 0.75f * ramp(0.50f, 0.74f, y));
  }
  return out;
}

typedef struct layers {
  canvas bones, vessels, devices, scratch[2], grey;
} layers;

static void layers_clear(layers *l) {
  pl_phantom_canvas_clear(&l->bones);
  pl_phantom_canvas_clear(&l->vessels);
  pl_phantom_canvas_clear(&l->devices);
  pl_phantom_canvas_clear(&l->scratch[0]);
  pl_phantom_canvas_clear(&l->scratch[1]);
  pl_phantom_canvas_clear(&l->grey);
}

static pl_status layers_init(layers *l, int size, pl_error *err) {
  canvas *all[] = {&l->bones, &l->vessels, &l->devices, &l->scratch[0], &l->scratch[1], &l->grey};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    pl_status status = pl_phantom_canvas_init(all[i], size, err);
    if (status != PL_OK) {
      layers_clear(l);
      return status;
    }
  }
  return PL_OK;
}

// What the lung shows of itself at a point: vessels and a fine net, squeezed together where it has collapsed.
static float lung_texture(const body *b, const layers *l, const lung *g, const lung_place *place, float sign, float ax,
                          float y) {
  float sx = ax, sy = y;
  if (place->scale < 1) {
    sx = g->centre_x + (ax - g->centre_x) / place->scale;
    sy = g->centre_y + (y - g->centre_y) / place->scale;
  }
  point p = pl_phantom_body_to_pixel(b, sign * sx, sy);
  float vessels = pl_phantom_canvas_sample(&l->vessels, p.x, p.y);
  float net = pl_phantom_noise(b->noise, sx * 95 + sign * 40, sy * 95, 2),
        cloud = pl_phantom_noise(b->noise ^ 77, sx * 14 + sign * 9, sy * 14, 1);
  return vessels + 0.020f * net + 0.022f * cloud +
         0.09f * most(0, 1 - ((ax - 0.085f) * (ax - 0.085f) + (y - 0.43f) * (y - 0.43f)) / 0.012f);
}

// The attenuation at one point of the body.
static float attenuation(const body *b, const film *f, const layers *l, int column, int row) {
  const float *m = b->to_body;
  float px = (float)column, py = (float)row;
  float x = m[0] * px + m[1] * py + m[2], y = m[3] * px + m[4] * py + m[5], ax = fabsf(x);
  size_t at = (size_t)row * (size_t)l->bones.size + (size_t)column;
  float bone = l->bones.value[at], device = l->devices.value[at];
  float tissue = soft_tissue(b, ax, y);
  int side = x < 0 ? 0 : 1;
  lung_place place = {.inside = -10, .line = -10, .scale = 1};
  const lung *g = &b->side[side];
  if (ax < 0.42f && y > 0.06f && y < 0.88f) place = pl_phantom_lung_locate(g, ax, y);
  if (tissue <= 0) return device;
  float value = tissue * (1 + organs(b, f, x, y, place.inside));
  float present = ramp(-0.0045f, 0.0045f, place.inside);
  float bone_weight = least(1.0f, tissue * 2) * (1 - 0.70f * ramp(0.70f, 0.80f, y) * (1 - present));
  if (present > 0) {
    // The chest is round: less air behind the lung's edge than behind its middle.
    float depth = 0.50f + 0.50f * least(1, place.inside * (20 - 100 * least(0.1f, place.inside)));
    float air = 0.72f * depth;
    float outside = ramp(-0.0015f, 0.0015f, place.line);  // 1 in the pneumothorax
    float dense = g->collapsed ? (0.4f + 0.6f * g->density) * ramp(0, 0.03f, place.gap) : 0;
    float texture = outside < 1 ? lung_texture(b, l, g, &place, side == 0 ? -1.0f : 1.0f, ax, y) : 0;
    float in_lung = tissue * (1 - air * (1 - 0.20f * dense)) + texture * (1 + 0.5f * dense) * (0.4f + 0.6f * depth);
    float in_air = tissue * (1 - least(0.90f, air * 1.12f + 0.14f));
    float mix = in_lung + outside * (in_air - in_lung);
    value += present * (mix - tissue);
    if (place.gap > 0) {  // the visceral pleura, seen where air lies on both sides
      float t = place.line / 0.0024f;
      value += present * 0.14f * ramp(0.003f, 0.012f, place.gap) * expf(-t * t);
    }
  }
  value += 0.018f * pl_phantom_noise(b->noise ^ 5, x * 30, y * 30, 1) * tissue;
  return value + bone * bone_weight + device;
}

static void expose(const body *b, const film *f, layers *l) {
  int size = l->grey.size;
  enum { STEPS = 2048 };
  const float end = 2.5f;
  float curve[STEPS + 1], k = f->contrast, top = 1 - expf(-k * 1.30f);
  for (int i = 0; i <= STEPS; i++) curve[i] = powf((1 - expf(-k * end * (float)i / STEPS)) / top, f->gamma);
  for (int row = 0; row < size; row++) {
    float v = (float)row / (float)size - 0.5f;
    for (int column = 0; column < size; column++) {
      float u = (float)column / (float)size - 0.5f;
      float a = most(0.0f, attenuation(b, f, l, column, row));
      a *= 1 + f->tilt_x * u + f->tilt_y * v;
      float grey = curve[(int)(least(a, end) / end * STEPS + 0.5f)];
      grey *= 1 - f->vignette * 2 * (u * u + v * v);
      float rim = 0.5f - most(fabsf(u), fabsf(v));
      if (rim < f->collimated) grey *= 0.15f;
      l->grey.value[(size_t)row * (size_t)size + (size_t)column] = grey;
    }
  }
}

// Enlarges the drawing to the image and adds the grain.
static void develop(pl_image *image, const body *b, const film *f, const canvas *grey) {
  float ratio = (float)image->width / (float)grey->size, inverse = 1 / ratio;
  int last = grey->size - 1;
  for (uint32_t row = 0; row < image->height; row++) {
    float y = most(0, ((float)row + 0.5f) * inverse - 0.5f), v = y - (float)(int)y;
    const float *upper = grey->value + (size_t)y * (size_t)grey->size;
    const float *lower = (int)y < last ? upper + grey->size : upper;
    uint8_t *out = image->u8 + (size_t)row * image->width;
    for (uint32_t column = 0; column < image->width; column += 4) {
      uint64_t bits = pl_rng_u64(b->noise, row + 16, column);
      for (uint32_t k = 0; k < 4 && column + k < image->width; k++) {
        // The sum of two uniform bytes: near enough to the grain of a detector.
        float grain = ((float)(bits & 255) + (float)(bits >> 8 & 255) - 255.0f) / 104.0f;
        bits >>= 16;
        float x = most(0, ((float)(column + k) + 0.5f) * inverse - 0.5f), u = x - (float)(int)x;
        int left = (int)x, right = left < last ? left + 1 : last;
        float top = upper[left] + u * (upper[right] - upper[left]);
        float bottom = lower[left] + u * (lower[right] - lower[left]);
        float value = top + v * (bottom - top);
        float level = f->black + f->top * value;
        level += f->grain * grain * (0.35f + 0.65f * least(1.0f, value * 2));
        out[column + k] = (uint8_t)least(255.0f, most(0.0f, level + 0.5f));
      }
    }
  }
}

// Areas of the real masks at 1024x1024: 5 % below 1,363, median 8,630, 5 % above 45,772. Ours are log-normal with a
// larger median, so that the small networks of a demonstration have something to find.
static float target_area(const body *b, draw *rng, float canvas_size) {
  float pixels = 18000 * expf(0.75f * pl_phantom_normal(rng));
  pixels = least(150000, most(4500, pixels)) / (SIZE_OF_ONE * SIZE_OF_ONE);
  return pixels * canvas_size * canvas_size / (b->scale * b->scale);
}

// Lets one lung collapse, rarely both. Bit 0: the one at the image's left, bit 1: the other.
static unsigned collapse_lungs(body *b, float canvas_size) {
  float area = target_area(b, &b->rng, canvas_size);
  unsigned first = pl_phantom_chance(&b->rng, 0.55f) ? 0 : 1;
  if (pl_phantom_chance(&b->rng, 0.06f)) {
    pl_phantom_lung_collapse(&b->side[first], &b->rng, 0.7f * area);
    pl_phantom_lung_collapse(&b->side[1 - first], &b->rng, 0.3f * area);
    return 3;
  }
  pl_phantom_lung_collapse(&b->side[first], &b->rng, area);
  return 1u << first;
}

// Cuts one region in two that overlap by a little, as if two people had each marked a part.
static pl_status split_region(pl_phantom_case *c, pl_error *err) {
  pl_image *whole = &c->region[0], *part = &c->region[c->region_count];
  size_t area = 0, seen = 0, bytes = pl_image_bytes(whole);
  for (size_t i = 0; i < bytes; i++) area += whole->u8[i] != 0;
  pl_status status = pl_image_init(part, whole->width, whole->height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  if (status != PL_OK) return status;
  c->region_count++;
  for (size_t i = 0; i < bytes; i++) {
    if (whole->u8[i] == 0) continue;
    seen++;
    if (seen * 20 > area * 9) part->u8[i] = 255;
    if (seen * 20 > area * 11) whole->u8[i] = 0;
  }
  return PL_OK;
}

static pl_status draw_masks(pl_phantom_case *out, body *b, unsigned lungs, float ratio, pl_error *err) {
  for (int side = 0; side < 2; side++) {
    if ((lungs >> side & 1) == 0) continue;
    pl_image *region = &out->region[out->region_count];
    pl_status status = pl_image_init(region, out->image.width, out->image.height, PL_PIXEL_U8, PL_IMAGE_MASK, err);
    if (status != PL_OK) return status;
    out->region_count++;
    pl_phantom_lung_mask(b, side, region, ratio);
    for (size_t i = 0; i < pl_image_bytes(region); i++) out->mask.u8[i] |= region->u8[i];
  }
  return pl_phantom_chance(&b->rng, 0.2f) ? split_region(out, err) : PL_OK;
}

static pl_status draw_case(pl_phantom_case *out, body *b, bool positive, int canvas_size, pl_error *err) {
  layers l = {0};
  pl_status status = layers_init(&l, canvas_size, err);
  if (status != PL_OK) return status;
  film f = film_draw(&b->rng);
  pl_phantom_draw_devices(b, &l.devices, l.scratch, pl_phantom_chance(&b->rng, 0.5f) ? 1 : 0);
  unsigned lungs = positive ? collapse_lungs(b, (float)canvas_size) : 0;
  pl_phantom_draw_bones(b, &l.bones, l.scratch);
  pl_phantom_draw_vessels(b, &l.vessels, l.scratch);
  expose(b, &f, &l);
  pl_phantom_draw_marker(b, &l.grey, l.scratch);
  develop(&out->image, b, &f, &l.grey);
  if (positive) status = draw_masks(out, b, lungs, (float)out->image.width / (float)canvas_size, err);
  layers_clear(&l);
  return status;
}

pl_status pl_phantom_draw(pl_phantom_case *out, uint64_t seed, uint64_t patient, uint64_t index, uint32_t size,
                          bool positive, pl_error *err) {
  if (size < PL_PHANTOM_SIZE_MIN || size > PL_PHANTOM_SIZE_MAX) {
    return pl_fail(err, PL_E_USAGE, "size %u is not %d to %d pixels", size, PL_PHANTOM_SIZE_MIN, PL_PHANTOM_SIZE_MAX);
  }
  // Attenuation is drawn at half size where the eye would not tell, the grain and the mask at full size.
  int canvas_size = size <= 640 ? (int)size : (int)(size + 1) / 2;
  pl_phantom_case c = {0};
  pl_status status = pl_image_init(&c.image, size, size, PL_PIXEL_U8, PL_IMAGE_GREY, err);
  if (status == PL_OK) status = pl_image_init(&c.mask, size, size, PL_PIXEL_U8, PL_IMAGE_MASK, err);
  body *b = status == PL_OK ? malloc(sizeof *b) : NULL;
  if (status == PL_OK && b == NULL) status = pl_fail(err, PL_E_NOMEM, "no memory for a drawing");
  if (status == PL_OK) {
    body_init(b, seed, patient, index, canvas_size);
    c.age = b->age;
    c.sex = b->female ? 'F' : 'M';
    c.view = pl_rng_float(b->noise, 3, 0) < 0.6f ? "PA" : "AP";
    status = draw_case(&c, b, positive, canvas_size, err);
  }
  free(b);
  if (status != PL_OK) {
    pl_phantom_case_clear(&c);
    return status;
  }
  *out = c;
  return PL_OK;
}

void pl_phantom_case_clear(pl_phantom_case *c) {
  pl_image_clear(&c->image);
  pl_image_clear(&c->mask);
  for (size_t i = 0; i < c->region_count; i++) pl_image_clear(&c->region[i]);
  *c = (pl_phantom_case){0};
}
