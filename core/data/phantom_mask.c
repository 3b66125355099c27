// The lungs' outlines, and the air between a collapsed lung and the chest wall.
#include <math.h>
#include <string.h>

#include "core/data/phantom_private.h"

static const float PI = 3.14159265f;
static const float OUTSIDE = -10.0f;

enum { OUTLINE_MAX = 512, OUTLINE_STEPS = 4 };

// The outlines by hand, from the apex down the chest wall, along the diaphragm, up the mediastinum.
static const point RIGHT_LUNG[] = {
    {0.150f, 0.108f}, {0.200f, 0.120f}, {0.243f, 0.163f}, {0.277f, 0.228f}, {0.304f, 0.310f}, {0.325f, 0.400f},
    {0.340f, 0.500f}, {0.349f, 0.600f}, {0.354f, 0.690f}, {0.356f, 0.760f}, {0.352f, 0.792f}, {0.338f, 0.766f},
    {0.308f, 0.727f}, {0.262f, 0.697f}, {0.210f, 0.683f}, {0.158f, 0.688f}, {0.118f, 0.709f}, {0.096f, 0.722f},
    {0.100f, 0.665f}, {0.102f, 0.590f}, {0.092f, 0.520f}, {0.076f, 0.450f}, {0.066f, 0.370f}, {0.058f, 0.290f},
    {0.060f, 0.220f}, {0.078f, 0.160f}, {0.110f, 0.122f},
};
static const point LEFT_LUNG[] = {
    {0.150f, 0.106f}, {0.200f, 0.118f}, {0.243f, 0.161f}, {0.277f, 0.226f}, {0.304f, 0.308f}, {0.325f, 0.398f},
    {0.340f, 0.498f}, {0.349f, 0.600f}, {0.354f, 0.700f}, {0.356f, 0.778f}, {0.352f, 0.812f}, {0.338f, 0.788f},
    {0.310f, 0.754f}, {0.272f, 0.733f}, {0.238f, 0.728f}, {0.212f, 0.735f}, {0.206f, 0.690f}, {0.192f, 0.625f},
    {0.163f, 0.555f}, {0.124f, 0.495f}, {0.096f, 0.450f}, {0.083f, 0.415f}, {0.082f, 0.390f}, {0.091f, 0.362f},
    {0.088f, 0.330f}, {0.068f, 0.295f}, {0.060f, 0.240f}, {0.068f, 0.185f}, {0.102f, 0.125f},
};

static float angle_of(int i) { return ((float)i + 0.5f) / LUNG_ANGLES * 2 * PI - PI; }

// Distance from the lung's middle to its outline in every direction: the farthest crossing, as the outline is a star
// about its middle but for small dents.
static void measure_radius(lung *l, const point *outline, int count) {
  memset(l->radius, 0, sizeof l->radius);
  for (int i = 0; i < LUNG_ANGLES; i++) {
    float dx = cosf(angle_of(i)), dy = sinf(angle_of(i));
    for (int k = 0; k < count; k++) {
      point a = outline[k], b = outline[(k + 1) % count];
      float ax = a.x - l->centre_x, ay = a.y - l->centre_y, ex = b.x - a.x, ey = b.y - a.y;
      float cross = dx * ey - dy * ex;
      if (fabsf(cross) < 1e-9f) continue;
      float along = (ax * ey - ay * ex) / cross, part = (ax * dy - ay * dx) / cross;
      if (part >= 0 && part < 1 && along > l->radius[i]) l->radius[i] = along;
    }
  }
}

// Grid point (0, 0) of lung.inside, and the distance between grid points.
static const float GRID_X = 0.0f, GRID_Y = 0.05f, GRID_STEP = 0.010f;

static void measure_inside(lung *l, const point *outline, int count) {
  for (int row = 0; row < LUNG_GRID_HEIGHT; row++) {
    for (int column = 0; column < LUNG_GRID_WIDTH; column++) {
      float x = GRID_X + GRID_STEP * (float)column, y = GRID_Y + GRID_STEP * (float)row, nearest = 4;
      bool in = false;
      for (int k = 0; k < count; k++) {
        point a = outline[k], b = outline[k + 1 < count ? k + 1 : 0];
        float ex = b.x - a.x, ey = b.y - a.y, px = x - a.x, py = y - a.y;
        float t = least(1, most(0, (px * ex + py * ey) / (ex * ex + ey * ey + 1e-12f)));
        float dx = px - t * ex, dy = py - t * ey;
        nearest = least(nearest, dx * dx + dy * dy);
        if ((a.y > y) != (b.y > y) && x < a.x + (y - a.y) / (b.y - a.y) * ex) in = !in;
      }
      l->inside[row][column] = in ? sqrtf(nearest) : -sqrtf(nearest);
    }
  }
}

static float inside_at(const lung *l, float ax, float y) {
  float gx = (ax - GRID_X) / GRID_STEP, gy = (y - GRID_Y) / GRID_STEP;
  if (gx < 0 || gy < 0 || gx >= LUNG_GRID_WIDTH - 1 || gy >= LUNG_GRID_HEIGHT - 1) return OUTSIDE;
  int column = (int)gx, row = (int)gy;
  float u = gx - (float)column, v = gy - (float)row;
  const float *a = &l->inside[row][column], *b = &l->inside[row + 1][column];
  float top = a[0] + u * (a[1] - a[0]), bottom = b[0] + u * (b[1] - b[0]);
  return top + v * (bottom - top);
}

static void measure_slant(lung *l) {
  const float step = 2 * PI / LUNG_ANGLES;
  for (int i = 0; i < LUNG_ANGLES; i++) {
    float before = l->radius[(i + LUNG_ANGLES - 3) % LUNG_ANGLES], after = l->radius[(i + 3) % LUNG_ANGLES];
    float turn = (after - before) / (6 * step) / l->radius[i];
    l->slant[i] = 1.0f / sqrtf(1 + turn * turn);
    l->collapse[i] = 1;
  }
}

void pl_phantom_lungs_init(body *b) {
  for (int side = 0; side < 2; side++) {
    const point *table = side == 0 ? RIGHT_LUNG : LEFT_LUNG;
    int count =
        side == 0 ? (int)(sizeof RIGHT_LUNG / sizeof RIGHT_LUNG[0]) : (int)(sizeof LEFT_LUNG / sizeof LEFT_LUNG[0]);
    point control[40], outline[OUTLINE_MAX];
    float dome = pl_phantom_range(&b->rng, -0.02f, 0.02f);
    for (int i = 0; i < count; i++) {
      control[i] = table[i];
      control[i].x += 0.0025f * pl_phantom_normal(&b->rng);
      control[i].y += 0.0025f * pl_phantom_normal(&b->rng);
      if (i > 11 && table[i].y > 0.65f && i < 18) control[i].y += dome;
      // The heart widens the lower mediastinum, and more on its own side.
      if (i >= 16 && table[i].y > 0.44f) control[i].x += (b->heart - 1) * (side == 0 ? 0.03f : 0.10f);
    }
    int points = pl_phantom_spline(outline, OUTLINE_MAX, control, count, true, OUTLINE_STEPS);
    lung *l = &b->side[side];
    *l = (lung){.centre_x = 0.215f, .centre_y = 0.42f};
    measure_radius(l, outline, points);
    measure_inside(l, outline, points);
    measure_slant(l);
  }
}

static float table_at(const float *table, float position) {
  int i = (int)position;
  float t = position - (float)i;
  float a = table[i & (LUNG_ANGLES - 1)], b = table[(i + 1) & (LUNG_ANGLES - 1)];
  return a + t * (b - a);
}

lung_place pl_phantom_lung_locate(const lung *l, float ax, float y) {
  lung_place place = {.inside = inside_at(l, ax, y), .line = OUTSIDE, .scale = 1};
  if (!l->collapsed || place.inside < -0.02f) return place;
  float dx = ax - l->centre_x, dy = y - l->centre_y;
  float r = sqrtf(dx * dx + dy * dy);
  float position = (atan2f(dy, dx) + PI) / (2 * PI) * LUNG_ANGLES - 0.5f + LUNG_ANGLES;
  float radius = table_at(l->radius, position), slant = table_at(l->slant, position);
  float collapse = table_at(l->collapse, position);
  place.gap = (1 - collapse) * radius * slant;
  if (place.gap > 0) place.line = (r - collapse * radius) * slant;
  place.scale = collapse;
  return place;
}

float pl_phantom_lung_wall(const body *b, float y) {
  // From the outside inwards: below the dome only the costophrenic angle is lung.
  for (float ax = 0.42f; ax > 0.1f; ax -= 0.002f) {
    if (inside_at(&b->side[0], ax, y) > 0 || inside_at(&b->side[1], ax, y) > 0) return ax;
  }
  return 0.1f;
}

// How far the lung has gone from the wall in a direction, 0 to 1: a smooth hump, or a plateau.
typedef struct hump {
  float middle, reach, flat;  // radians: reach is where it is 0 again, flat where it begins to fall
  float wave, phase;
} hump;

static float hump_at(const hump *h, float theta) {
  float away = fabsf(theta - h->middle);
  if (away > PI) away = 2 * PI - away;
  if (away >= h->reach) return 0;
  float t = away <= h->flat ? 0 : (away - h->flat) / (h->reach - h->flat);
  float fall = 0.5f + 0.5f * cosf(PI * t);
  return fall * (1 + h->wave * sinf(3 * theta + h->phase));
}

static float apply_hump(lung *l, const hump *h, float depth) {
  float area = 0;
  for (int i = 0; i < LUNG_ANGLES; i++) {
    float gone = depth * hump_at(h, angle_of(i)), round = 0;
    // A lung that has left the wall is rounder than the space it leaves.
    const int window = LUNG_ANGLES / 24;
    for (int k = -window; k <= window; k += 4) round += l->radius[(i + k) & (LUNG_ANGLES - 1)];
    round = least(1, round / (float)(2 * window / 4 + 1) / l->radius[i]);
    float collapse = most(0.2f, (1 - gone) * (1 + least(1, 6 * gone) * (round - 1)));
    // Below a few pixels no one would see or mark it.
    if ((1 - collapse) * l->radius[i] * l->slant[i] < 0.005f) collapse = 1;
    l->collapse[i] = collapse;
    area += 0.5f * l->radius[i] * l->radius[i] * (1 - collapse * collapse) * (2 * PI / LUNG_ANGLES);
  }
  return area;
}

static hump choose_hump(draw *rng, float area) {
  const float degree = PI / 180;
  hump h = {.wave = pl_phantom_range(rng, 0.0f, 0.08f), .phase = pl_phantom_range(rng, 0, 2 * PI)};
  float kind = pl_phantom_unit(rng);
  if (area > 0.035f && kind < 0.5f) {  // most of the lung's surface
    h.middle = -35 * degree;
    h.reach = pl_phantom_range(rng, 115, 130) * degree;
    h.flat = pl_phantom_range(rng, 45, 70) * degree;
  } else if (kind < 0.55f) {  // an apical cap
    h.middle = pl_phantom_range(rng, -92, -72) * degree;
    h.reach = pl_phantom_range(rng, 52, 75) * degree;
    h.flat = pl_phantom_range(rng, 5, 20) * degree;
  } else if (kind < 0.85f) {  // apex and flank
    h.middle = pl_phantom_range(rng, -55, -30) * degree;
    h.reach = pl_phantom_range(rng, 80, 95) * degree;
    h.flat = pl_phantom_range(rng, 25, 45) * degree;
  } else {  // the costophrenic angle
    h.middle = pl_phantom_range(rng, 38, 55) * degree;
    h.reach = pl_phantom_range(rng, 40, 60) * degree;
    h.flat = pl_phantom_range(rng, 5, 15) * degree;
  }
  // A little air is a short crescent, not a hair-thin long one.
  float shrink = least(1, 0.58f + 26 * area);
  h.reach *= shrink;
  h.flat *= shrink;
  return h;
}

bool pl_phantom_lung_collapse(lung *l, draw *rng, float area) {
  hump h = choose_hump(rng, area);
  float low = 0, high = 0.8f;
  // Where that much air would bite deep into the lung it spreads instead: over apex and flank, then over the whole
  // surface that is not mediastinum.
  const hump wider[] = {{.middle = -0.7f, .reach = 1.75f, .flat = 0.8f, .wave = 0.03f},
                        {.middle = -0.6f, .reach = 2.3f, .flat = 1.4f, .wave = 0.03f}};
  for (int i = 0; i < 2 && apply_hump(l, &h, i == 0 ? 0.42f : 0.5f) < area; i++) h = wider[i];
  for (int i = 0; i < 24; i++) {
    float middle = 0.5f * (low + high);
    if (apply_hump(l, &h, middle) < area)
      low = middle;
    else
      high = middle;
  }
  l->collapsed = apply_hump(l, &h, high) > 0;
  float gone = 0;
  for (int i = 0; i < LUNG_ANGLES; i++) gone += (1 - l->collapse[i]) / LUNG_ANGLES;
  l->density = least(1.0f, 2.5f * gone);
  return l->collapsed;
}

void pl_phantom_lung_mask(const body *b, int side, pl_image *mask, float ratio) {
  const lung *l = &b->side[side];
  float sign = side == 0 ? -1.0f : 1.0f;
  const float *m = b->to_body;
  for (uint32_t row = 0; row < mask->height; row++) {
    float py = ((float)row + 0.5f) / ratio - 0.5f;
    uint8_t *out = mask->u8 + (size_t)row * mask->width;
    for (uint32_t column = 0; column < mask->width; column++) {
      float px = ((float)column + 0.5f) / ratio - 0.5f;
      float ax = sign * (m[0] * px + m[1] * py + m[2]), y = m[3] * px + m[4] * py + m[5];
      if (ax < 0.03f || ax > 0.42f || y < 0.05f || y > 0.9f) continue;
      lung_place place = pl_phantom_lung_locate(l, ax, y);
      if (place.inside > 0 && place.line > 0) out[column] = 255;
    }
  }
}
