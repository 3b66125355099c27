// What is drawn as lines: ribs, clavicles, shoulder blades, vessels, tubes, wires, and the side marker.
#include <math.h>

#include "core/data/phantom_private.h"

static const float PI = 3.14159265f;

enum { LINE_MAX = 160 };

// A smooth line through anatomical points, widths in anatomical units.
typedef struct path {
  const point *control;
  int count;
  float width[2], brightness[2];
  profile profile;
} path;

static int follow(const body *b, point *line, const path *p) {
  float length = 0;
  for (int i = 1; i < p->count; i++) {
    length += hypotf(p->control[i].x - p->control[i - 1].x, p->control[i].y - p->control[i - 1].y);
  }
  // Pieces of about five pixels look round.
  int steps = (int)least(12.0f, most(1.0f, length * b->scale / 5 / (float)(p->count - 1) + 0.5f));
  int count = pl_phantom_spline(line, LINE_MAX, p->control, p->count, false, p->count < 3 ? 1 : steps);
  for (int i = 0; i < count; i++) line[i] = pl_phantom_body_to_pixel(b, line[i].x, line[i].y);
  return count;
}

static void add_paths(const body *b, canvas *c, canvas scratch[2], const path *paths, int count) {
  point lines[2][LINE_MAX];
  stroke strokes[2];
  for (int i = 0; i < count; i++) {
    const path *p = &paths[i];
    strokes[i] = (stroke){.points = lines[i],
                          .count = follow(b, lines[i], p),
                          .width = {p->width[0] * b->scale, p->width[1] * b->scale},
                          .brightness = {p->brightness[0], p->brightness[1]},
                          .profile = p->profile};
  }
  pl_phantom_canvas_strokes(c, scratch, strokes, count);
}

static void add_line(const body *b, canvas *c, canvas scratch[2], const point *control, int count, const float width[2],
                     const float brightness[2], profile kind) {
  path p = {.control = control,
            .count = count,
            .width = {width[0], width[1]},
            .brightness = {brightness[0], brightness[1]},
            .profile = kind};
  add_paths(b, c, scratch, &p, 1);
}

// A rib runs from the spine outwards and down, turns at the flank, and comes back in front, steeper and fainter.
static void add_rib(const body *b, canvas *c, canvas scratch[2], draw *rng, int side, int number) {
  float sign = side == 0 ? -1.0f : 1.0f, n = (float)number;
  float start = 0.082f + 0.067f * n + 0.003f * pl_phantom_normal(rng);
  float drop = number == 0 ? 0.055f : number == 1 ? 0.085f : least(0.150f, 0.098f + 0.010f * n);
  float end_y = start + drop;
  float reach = number == 0 ? 0.185f : most(0.15f, pl_phantom_lung_wall(b, least(end_y, 0.74f))) + 0.004f;
  if (number > 7) reach -= 0.012f * (n - 7);
  float rise = 0.012f + 0.0025f * most(0.0f, 5 - n);
  point back[9], front[7];
  for (int i = 0; i < 9; i++) {
    float t = (float)i / 8;
    back[i].x = sign * (0.030f + (reach - 0.030f) * sinf(t * PI / 2) * (0.96f + 0.04f * t));
    back[i].y = start - rise * sinf(PI * least(1.0f, 1.5f * t)) + drop * powf(t, 2.1f);
  }
  float thick = 0.0105f + 0.0006f * least(n, 6.0f);
  float bright = 0.108f - 0.003f * n;
  float inner = 0.105f + 0.012f * n, fall = number == 0 ? 0.055f : 0.075f + 0.008f * n;
  for (int i = 0; i < 7; i++) {
    float t = (float)i / 6;
    front[i].x = sign * (reach - (reach - inner) * powf(t, 1.35f));
    front[i].y = end_y + 0.004f + fall * (1.15f * t - 0.20f * t * t);
  }
  path halves[2] = {
      {.control = back,
       .count = 9,
       .width = {thick * 0.9f, thick * 0.85f},
       .brightness = {bright * 0.85f, bright * 1.15f},
       .profile = PROFILE_BONE},
      {.control = front,
       .count = 7,
       .width = {thick * 0.85f, thick * 1.15f},
       .brightness = {bright * 1.15f, bright * 0.10f},
       .profile = PROFILE_BONE},
  };
  add_paths(b, c, scratch, halves, number > 6 ? 1 : 2);
}

static void add_clavicle(const body *b, canvas *c, canvas scratch[2], draw *rng, int side) {
  float sign = side == 0 ? -1.0f : 1.0f, tilt = 0.012f * pl_phantom_normal(rng);
  point line[6] = {{0.032f, 0.178f}, {0.085f, 0.158f}, {0.160f, 0.146f},
                   {0.240f, 0.134f}, {0.310f, 0.112f}, {0.372f, 0.106f}};
  for (int i = 0; i < 6; i++) {
    line[i].y -= tilt * line[i].x / 0.3f;
    line[i].x *= sign;
  }
  add_line(b, c, scratch, line, 6, (float[]){0.0185f, 0.0125f}, (float[]){0.150f, 0.170f}, PROFILE_BONE);
}

static void add_scapula(const body *b, canvas *c, canvas scratch[2], draw *rng, int side) {
  float sign = side == 0 ? -1.0f : 1.0f, away = pl_phantom_range(rng, 0.0f, 0.03f);
  point margin[5] = {{0.335f, 0.135f}, {0.318f, 0.200f}, {0.322f, 0.280f}, {0.345f, 0.365f}, {0.372f, 0.410f}};
  point outer[4] = {{0.372f, 0.410f}, {0.392f, 0.330f}, {0.405f, 0.255f}, {0.412f, 0.200f}};
  point spine[3] = {{0.325f, 0.175f}, {0.380f, 0.140f}, {0.440f, 0.118f}};
  for (int i = 0; i < 5; i++) margin[i].x = sign * (margin[i].x + away);
  for (int i = 0; i < 4; i++) outer[i].x = sign * (outer[i].x + away);
  for (int i = 0; i < 3; i++) spine[i].x = sign * (spine[i].x + away);
  add_line(b, c, scratch, margin, 5, (float[]){0.006f, 0.005f}, (float[]){0.05f, 0.06f}, PROFILE_TUBE);
  add_line(b, c, scratch, outer, 4, (float[]){0.007f, 0.014f}, (float[]){0.08f, 0.10f}, PROFILE_TUBE);
  add_line(b, c, scratch, spine, 3, (float[]){0.010f, 0.014f}, (float[]){0.07f, 0.11f}, PROFILE_BONE);
  point arm[3] = {{sign * (0.452f + away), 0.175f}, {sign * (0.475f + away), 0.270f}, {sign * (0.500f + away), 0.420f}};
  add_line(b, c, scratch, arm, 3, (float[]){0.036f, 0.022f}, (float[]){0.15f, 0.15f}, PROFILE_BONE);
}

static void add_spine(const body *b, canvas *c, canvas scratch[2], draw *rng) {
  float bend = 0.008f * pl_phantom_normal(rng);
  for (int i = -1; i < 15; i++) {
    float y = 0.045f + 0.062f * (float)i, x = bend * sinf(3.0f * y);
    float half = 0.027f + 0.0008f * (float)i, bright = 0.062f - 0.0015f * (float)i;
    point body_line[2] = {{x - half * 0.55f, y}, {x + half * 0.55f, y}};
    add_line(b, c, scratch, body_line, 2, (float[]){0.026f, 0.026f}, (float[]){bright, bright}, PROFILE_BONE);
    point process[2] = {{x, y + 0.004f}, {x, y + 0.026f}};
    add_line(b, c, scratch, process, 2, (float[]){0.006f, 0.005f}, (float[]){0.035f, 0.035f}, PROFILE_TUBE);
    for (int s = -1; s < 2; s += 2) {
      point pedicle[2] = {{x + (float)s * 0.018f, y - 0.010f}, {x + (float)s * 0.018f, y - 0.002f}};
      add_line(b, c, scratch, pedicle, 2, (float[]){0.006f, 0.006f}, (float[]){0.028f, 0.028f}, PROFILE_BONE);
      point wing[2] = {{x + (float)s * 0.025f, y - 0.012f}, {x + (float)s * 0.052f, y - 0.018f}};
      add_line(b, c, scratch, wing, 2, (float[]){0.008f, 0.005f}, (float[]){0.045f, 0.03f}, PROFILE_TUBE);
    }
  }
}

void pl_phantom_draw_bones(const body *b, canvas *bones, canvas scratch[2]) {
  draw rng = {.seed = b->noise, .stream = 1};
  add_spine(b, bones, scratch, &rng);
  for (int side = 0; side < 2; side++) {
    for (int number = 0; number < 10; number++) add_rib(b, bones, scratch, &rng, side, number);
    add_clavicle(b, bones, scratch, &rng, side);
    add_scapula(b, bones, scratch, &rng, side);
  }
}

typedef struct twig {
  point from;
  float heading, length, width;
  int level;
} twig;

// A vessel and what branches off it, tapering from the hilum outwards. Recursion is bounded by `level`.
static void add_vessel(const body *b, canvas *c, canvas scratch[2], draw *rng, twig t) {
  point line[4] = {t.from};
  float heading = t.heading;
  for (int i = 1; i < 4; i++) {
    heading += 0.16f * pl_phantom_normal(rng);
    line[i] = (point){line[i - 1].x + t.length / 3 * cosf(heading), line[i - 1].y + t.length / 3 * sinf(heading)};
  }
  float thin = t.width * 0.68f, bright = 0.030f + 9.0f * t.width, dim = 0.030f + 9.0f * thin;
  add_line(b, c, scratch, line, 4, (float[]){t.width, thin}, (float[]){bright, dim}, PROFILE_TUBE);
  if (t.level == 0) return;
  int children = pl_phantom_chance(rng, 0.45f) ? 3 : 2;
  for (int i = 0; i < children; i++) {
    float spread = children == 2 ? (i == 0 ? -0.38f : 0.38f) : (float)(i - 1) * 0.5f;
    add_vessel(b, c, scratch, rng,
               (twig){.from = i == 2 ? line[2] : line[3],
                      .heading = heading + spread + 0.15f * pl_phantom_normal(rng),
                      .length = t.length * pl_phantom_range(rng, 0.66f, 0.86f),
                      .width = thin * pl_phantom_range(rng, 0.70f, 0.90f),
                      .level = t.level - 1});
  }
}

void pl_phantom_draw_vessels(body *b, canvas *vessels, canvas scratch[2]) {
  draw rng = {.seed = b->noise, .stream = 2};
  for (int side = 0; side < 2; side++) {
    float sign = side == 0 ? -1.0f : 1.0f;
    // Directions from the hilum, downwards more and thicker: gravity fills the lower lobes.
    static const float fan[] = {-1.35f, -1.0f, -0.62f, -0.25f, 0.12f, 0.48f, 0.85f, 1.15f, 1.42f};
    for (size_t i = 0; i < sizeof fan / sizeof fan[0]; i++) {
      float angle = fan[i] + 0.10f * pl_phantom_normal(&rng);
      float heading = side == 0 ? PI - angle : angle;
      point from = {sign * pl_phantom_range(&rng, 0.085f, 0.110f),
                    0.425f + 0.035f * sinf(angle) + 0.01f * pl_phantom_normal(&rng)};
      add_vessel(b, vessels, scratch, &rng,
                 (twig){.from = from,
                        .heading = heading,
                        .length = pl_phantom_range(&rng, 0.075f, 0.105f),
                        .width = pl_phantom_range(&rng, 0.0052f, 0.0078f) * (1 + 0.25f * fan[i] / 1.4f),
                        .level = 4});
    }
    for (int i = 0; i < 9; i++) {  // vessels seen end on, and nodes
      point p = {sign * (0.092f + 0.014f * pl_phantom_normal(&rng)), 0.425f + 0.032f * pl_phantom_normal(&rng)};
      point q = {p.x + 0.004f, p.y + 0.004f};
      float width = pl_phantom_range(&rng, 0.006f, 0.013f);
      add_line(b, vessels, scratch, (point[]){p, q}, 2, (float[]){width, width}, (float[]){0.07f, 0.07f}, PROFILE_TUBE);
    }
  }
}

static void add_electrode(const body *b, canvas *c, canvas scratch[2], draw *rng, point at) {
  point line[5] = {at};
  float heading = pl_phantom_range(rng, 0.6f, 2.6f);
  for (int i = 1; i < 5; i++) {
    heading += 0.4f * pl_phantom_normal(rng);
    line[i] = (point){line[i - 1].x + 0.26f * cosf(heading), line[i - 1].y + 0.26f * sinf(heading)};
  }
  add_line(b, c, scratch, line, 5, (float[]){0.0022f, 0.0022f}, (float[]){0.22f, 0.22f}, PROFILE_LINE);
  point p = pl_phantom_body_to_pixel(b, at.x, at.y);
  float r = 0.0095f * b->scale;
  pl_phantom_canvas_ellipse(c, p, (point){r, r}, 0.15f, 0.30f);
  pl_phantom_canvas_ellipse(c, p, (point){2 * r, 2 * r}, 0.1f, 0.06f);
}

void pl_phantom_draw_devices(body *b, canvas *devices, canvas scratch[2], int tube_side) {
  draw *rng = &b->rng;
  if (pl_phantom_chance(rng, 0.25f)) {  // ECG
    int count = 2 + (int)(3 * pl_phantom_unit(rng));
    for (int i = 0; i < count; i++) {
      float sign = i % 2 == 0 ? -1.0f : 1.0f;
      point at = {sign * pl_phantom_range(rng, 0.16f, 0.34f),
                  i < 2 ? pl_phantom_range(rng, 0.10f, 0.22f) : pl_phantom_range(rng, 0.6f, 0.8f)};
      add_electrode(b, devices, scratch, rng, at);
    }
  }
  if (pl_phantom_chance(rng, 0.15f)) {  // a central line, from the neck to the right atrium
    point line[5] = {{-0.075f, -0.02f}, {-0.060f, 0.12f}, {-0.042f, 0.26f}, {-0.050f, 0.36f}, {-0.052f, 0.47f}};
    add_line(b, devices, scratch, line, 5, (float[]){0.0030f, 0.0030f}, (float[]){0.20f, 0.20f}, PROFILE_LINE);
  }
  if (pl_phantom_chance(rng, 0.10f)) {  // a tracheal tube
    point line[3] = {{0.004f, -0.05f}, {0.000f, 0.12f}, {0.003f, 0.29f}};
    add_line(b, devices, scratch, line, 3, (float[]){0.010f, 0.010f}, (float[]){0.16f, 0.16f}, PROFILE_CATHETER);
  }
  if (pl_phantom_chance(rng, 0.12f)) {  // a chest drain
    float sign = tube_side == 0 ? -1.0f : 1.0f, top = pl_phantom_range(rng, 0.18f, 0.30f);
    point line[5] = {{sign * 0.44f, 0.72f},
                     {sign * 0.37f, 0.62f},
                     {sign * 0.30f, 0.48f},
                     {sign * 0.24f, top + 0.10f},
                     {sign * 0.17f, top}};
    add_line(b, devices, scratch, line, 5, (float[]){0.0085f, 0.0085f}, (float[]){0.17f, 0.17f}, PROFILE_CATHETER);
  }
}

void pl_phantom_draw_marker(body *b, canvas *grey, canvas scratch[2]) {
  draw *rng = &b->rng;
  if (!pl_phantom_chance(rng, 0.75f)) return;
  float size = (float)grey->size, height = pl_phantom_range(rng, 0.030f, 0.042f) * size;
  float x = pl_phantom_range(rng, 0.88f, 0.93f) * size, y = pl_phantom_range(rng, 0.05f, 0.10f) * size;
  point letter[3] = {{x, y}, {x, y + height}, {x + 0.6f * height, y + height}};
  float width = 0.0048f * size;
  pl_phantom_canvas_strokes(
      grey, scratch,
      &(stroke){
          .points = letter, .count = 3, .width = {width, width}, .brightness = {1.6f, 1.6f}, .profile = PROFILE_LINE},
      1);
  if (pl_phantom_chance(rng, 0.35f)) {
    point ring[33];
    for (int i = 0; i < 33; i++) {
      float angle = (float)i * PI / 16;
      ring[i] =
          (point){x + 0.28f * height + 0.95f * height * cosf(angle), y + 0.5f * height + 0.95f * height * sinf(angle)};
    }
    pl_phantom_canvas_strokes(grey, scratch,
                              &(stroke){.points = ring,
                                        .count = 33,
                                        .width = {0.7f * width, 0.7f * width},
                                        .brightness = {1.4f, 1.4f},
                                        .profile = PROFILE_LINE},
                              1);
  }
}
