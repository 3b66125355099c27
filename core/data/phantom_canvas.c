#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/phantom_private.h"

float pl_phantom_unit(draw *d) { return pl_rng_float(d->seed, d->stream, d->next++); }
float pl_phantom_range(draw *d, float low, float high) { return low + (high - low) * pl_phantom_unit(d); }
float pl_phantom_normal(draw *d) { return (float)pl_rng_normal(d->seed, d->stream + 0x8000, d->next++); }
bool pl_phantom_chance(draw *d, float probability) { return pl_phantom_unit(d) < probability; }

pl_status pl_phantom_canvas_init(canvas *out, int size, pl_error *err) {
  size_t bytes = (size_t)size * (size_t)size * sizeof(float);
  float *value = pl_try_alloc(bytes);
  if (value == NULL) return pl_fail(err, PL_E_NOMEM, "no memory for a canvas of %dx%d", size, size);
  memset(value, 0, bytes);
  *out = (canvas){.size = size, .value = value};
  return PL_OK;
}

void pl_phantom_canvas_clear(canvas *c) {
  free(c->value);
  *c = (canvas){0};
}

static int clamp(int value, int low, int high) { return value < low ? low : value > high ? high : value; }

float pl_phantom_canvas_sample(const canvas *c, float x, float y) {
  int fx = floor_int(x), fy = floor_int(y);
  float wx = x - (float)fx, wy = y - (float)fy;
  int x0 = clamp(fx, 0, c->size - 1), x1 = clamp(fx + 1, 0, c->size - 1);
  const float *a = c->value + (size_t)clamp(fy, 0, c->size - 1) * (size_t)c->size;
  const float *b = c->value + (size_t)clamp(fy + 1, 0, c->size - 1) * (size_t)c->size;
  float top = a[x0] + wx * (a[x1] - a[x0]), bottom = b[x0] + wx * (b[x1] - b[x0]);
  return top + wy * (bottom - top);
}

// Brightness across a line; d runs from 0 in its middle to 1 at its margin, r is its half width in pixels.
static float profile_at(profile kind, float d, float r) {
  float edge = least(1.0f, (1.0f - d) * r + 0.15f);  // fades over the last pixel
  switch (kind) {
    case PROFILE_TUBE: return sqrtf(most(0.0f, 1.0f - d * d));
    case PROFILE_BONE: {
      float rim = most(0.0f, 1.0f - fabsf(d - 0.84f) * 6.0f);
      return edge * (0.62f + 0.22f * d * d + 0.38f * rim);
    }
    case PROFILE_CATHETER: {
      float wall = most(0.0f, 1.0f - fabsf(d - 0.75f) * 4.0f);
      return edge * (0.25f + 0.75f * wall);
    }
    case PROFILE_LINE: {
      float q = 1.0f - d * d;
      return q * q;
    }
  }
  return 0;
}

// The part of a stroke between two points. scratch[0] takes 1 - d^2 of the nearest piece so far, scratch[1] its
// brightness: the profile is applied once the nearest piece is known, or the joints would show.
static void stroke_piece(canvas scratch[2], const stroke *s, int i, int box[4]) {
  point a = s->points[i], b = s->points[i + 1];
  int size = scratch[0].size;
  float t0 = (float)i / (float)(s->count - 1), t1 = (float)(i + 1) / (float)(s->count - 1);
  float dx = b.x - a.x, dy = b.y - a.y, inverse = 1 / most(dx * dx + dy * dy, 1e-12f);
  float reach = most(most(s->width[0], s->width[1]), 0.8f);
  int x0 = clamp(floor_int(least(a.x, b.x) - reach), 0, size),
      x1 = clamp(floor_int(most(a.x, b.x) + reach) + 2, 0, size);
  int y0 = clamp(floor_int(least(a.y, b.y) - reach), 0, size),
      y1 = clamp(floor_int(most(a.y, b.y) + reach) + 2, 0, size);
  for (int y = y0; y < y1; y++) {
    float *near = scratch[0].value + (size_t)y * (size_t)size, *bright = scratch[1].value + (size_t)y * (size_t)size;
    for (int x = x0; x < x1; x++) {
      float px = (float)x - a.x, py = (float)y - a.y;
      float u = least(1.0f, most(0.0f, (px * dx + py * dy) * inverse));
      float ex = px - u * dx, ey = py - u * dy, t = t0 + u * (t1 - t0);
      float width = s->width[0] + t * (s->width[1] - s->width[0]);
      // A line thinner than a pixel is drawn a pixel wide and fainter.
      float shown = most(width, 0.8f), closeness = 1 - (ex * ex + ey * ey) / (shown * shown);
      if (closeness <= near[x]) continue;
      near[x] = closeness;
      bright[x] = (s->brightness[0] + t * (s->brightness[1] - s->brightness[0])) * (width / shown);
    }
  }
  box[0] = x0 < box[0] ? x0 : box[0];
  box[1] = x1 > box[1] ? x1 : box[1];
  box[2] = y0 < box[2] ? y0 : box[2];
  box[3] = y1 > box[3] ? y1 : box[3];
}

void pl_phantom_canvas_strokes(canvas *c, canvas scratch[2], const stroke *strokes, int count) {
  int box[4] = {c->size, 0, c->size, 0};
  float width = 0.8f;
  for (int k = 0; k < count; k++) {
    for (int i = 0; i + 1 < strokes[k].count; i++) stroke_piece(scratch, &strokes[k], i, box);
    width = most(width, 0.5f * (strokes[k].width[0] + strokes[k].width[1]));
  }
  for (int y = box[2]; y < box[3]; y++) {
    size_t row = (size_t)y * (size_t)c->size;
    for (int x = box[0]; x < box[1]; x++) {
      float near = scratch[0].value[row + (size_t)x];
      if (near <= 0) continue;
      float d = sqrtf(1 - near);
      c->value[row + (size_t)x] += scratch[1].value[row + (size_t)x] * profile_at(strokes[0].profile, d, width);
      scratch[0].value[row + (size_t)x] = 0;
    }
  }
}

void pl_phantom_canvas_ellipse(canvas *c, point centre, point radius, float softness, float brightness) {
  int x0 = clamp((int)(centre.x - radius.x * (1 + softness)) - 1, 0, c->size);
  int x1 = clamp((int)(centre.x + radius.x * (1 + softness)) + 2, 0, c->size);
  int y0 = clamp((int)(centre.y - radius.y * (1 + softness)) - 1, 0, c->size);
  int y1 = clamp((int)(centre.y + radius.y * (1 + softness)) + 2, 0, c->size);
  for (int y = y0; y < y1; y++) {
    for (int x = x0; x < x1; x++) {
      float dx = ((float)x - centre.x) / radius.x, dy = ((float)y - centre.y) / radius.y;
      float t = (1.0f + softness - sqrtf(dx * dx + dy * dy)) / (2.0f * softness);
      t = least(1.0f, most(0.0f, t));
      c->value[(size_t)y * (size_t)c->size + (size_t)x] += brightness * t * t * (3 - 2 * t);
    }
  }
}

int pl_phantom_spline(point *out, int room, const point *control, int count, bool closed, int steps) {
  int pieces = closed ? count : count - 1, written = 0;
  for (int i = 0; i < pieces; i++) {
    int before = closed ? (i + count - 1) % count : i > 0 ? i - 1 : 0;
    int next = closed ? (i + 1) % count : i + 1;
    int after = closed ? (i + 2) % count : i + 2 < count ? i + 2 : count - 1;
    point p0 = control[before], p1 = control[i], p2 = control[next], p3 = control[after];
    for (int k = 0; k < steps && written < room; k++) {
      float t = (float)k / (float)steps, t2 = t * t, t3 = t2 * t;
      float a = -0.5f * t3 + t2 - 0.5f * t, b = 1.5f * t3 - 2.5f * t2 + 1, e = -1.5f * t3 + 2 * t2 + 0.5f * t;
      float f = 0.5f * t3 - 0.5f * t2;
      out[written++] = (point){a * p0.x + b * p1.x + e * p2.x + f * p3.x, a * p0.y + b * p1.y + e * p2.y + f * p3.y};
    }
  }
  if (!closed && written < room) out[written++] = control[count - 1];
  return written;
}

static float lattice(uint64_t seed, int x, int y) {
  uint32_t h = (uint32_t)seed ^ ((uint32_t)x * 0x9E3779B1u) ^ ((uint32_t)y * 0x85EBCA77u);
  h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
  h = (h ^ (h >> 12)) * 0x297A2D39u;
  return (float)((h ^ (h >> 15)) >> 8) * 0x1p-23f - 1.0f;
}

float pl_phantom_noise(uint64_t seed, float x, float y, int octaves) {
  float sum = 0, weight = 1, total = 0;
  for (int o = 0; o < octaves; o++) {
    int ix = floor_int(x), iy = floor_int(y);
    float u = x - (float)ix, v = y - (float)iy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    float a = lattice(seed, ix, iy), b = lattice(seed, ix + 1, iy);
    float c = lattice(seed, ix, iy + 1), d = lattice(seed, ix + 1, iy + 1);
    float top = a + u * (b - a), bottom = c + u * (d - c);
    sum += weight * (top + v * (bottom - top));
    total += weight;
    weight *= 0.5f;
    x = 2 * x + 17.3f;
    y = 2 * y + 5.7f;
  }
  return sum / total;
}
