// What the files of the synthetic set share: the canvas, the body with its coordinates, the lungs.
//
// Anatomical coordinates: x from -0.5 (the image's left, the patient's right) to 0.5, y from 0 (top) to 1; the body is
// placed in the image by one affine map. Brightness is attenuation and adds up along the ray, as in a real X-ray.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/image/image.h"

#ifdef __cplusplus
extern "C" {
#endif

// Draws from one stream of the counter-based generator, one after the other.
typedef struct draw {
  uint64_t seed, stream, next;
} draw;
float pl_phantom_unit(draw *d);  // [0, 1)
float pl_phantom_range(draw *d, float low, float high);
float pl_phantom_normal(draw *d);
bool pl_phantom_chance(draw *d, float probability);

// fminf and fmaxf without their care for NaN, which costs a call.
static inline float least(float a, float b) { return a < b ? a : b; }
static inline float most(float a, float b) { return a > b ? a : b; }
// The whole number at or below x.
static inline int floor_int(float x) {
  int i = (int)x;
  return i - (x < (float)i);
}

typedef struct point {
  float x, y;
} point;

// A square plane of floats.
typedef struct canvas {
  int size;
  float *value;
} canvas;
pl_status pl_phantom_canvas_init(canvas *out, int size, pl_error *err);
void pl_phantom_canvas_clear(canvas *c);
float pl_phantom_canvas_sample(const canvas *c, float x, float y);  // bilinear; the border repeats outside

typedef enum profile {
  PROFILE_TUBE,      // a solid cylinder: sqrt(1 - d^2)
  PROFILE_BONE,      // a hollow cylinder: bright margins
  PROFILE_CATHETER,  // two thin walls and a marker line
  PROFILE_LINE,      // soft line
} profile;

// A line through `count` points (pixels). Half width (pixels) and brightness run linearly from first to last.
typedef struct stroke {
  const point *points;
  int count;
  float width[2], brightness[2];
  profile profile;
} stroke;
// Adds lines of one profile; where they meet each other or themselves they count once. scratch[0] is zero before and
// after.
void pl_phantom_canvas_strokes(canvas *c, canvas scratch[2], const stroke *strokes, int count);
void pl_phantom_canvas_ellipse(canvas *c, point centre, point radius, float softness, float brightness);

// Points on a Catmull-Rom spline through `control`; `steps` points per piece. Returns how many were written.
int pl_phantom_spline(point *out, int room, const point *control, int count, bool closed, int steps);

// Smooth noise of [-1, 1] at (x, y); `octaves` doubles of frequency and halves of weight.
float pl_phantom_noise(uint64_t seed, float x, float y, int octaves);

enum { LUNG_ANGLES = 1024, LUNG_GRID_WIDTH = 46, LUNG_GRID_HEIGHT = 84 };

// A lung in polar coordinates about its middle: theta 0 points outwards, -pi/2 up. Anatomical units.
typedef struct lung {
  float centre_x, centre_y;     // centre_x is a distance from the middle line
  float radius[LUNG_ANGLES];    // to the inner side of the chest wall
  float slant[LUNG_ANGLES];     // radial distance to distance from the wall
  float collapse[LUNG_ANGLES];  // the pleural line is at collapse * radius; 1 where the lung touches the wall
  // Signed distance to the outline, positive inside, at grid points.
  float inside[LUNG_GRID_HEIGHT][LUNG_GRID_WIDTH];
  bool collapsed;
  float density;  // how much brighter the collapsed lung is, 0 to 1
} lung;

// Where a point lies in a lung.
typedef struct lung_place {
  float inside;  // distance to the border, positive inside
  float line;    // distance outwards from the pleural line, positive in the pneumothorax; very negative without one
  float gap;     // thickness of the pneumothorax on this ray, 0 without one
  float scale;   // collapse on this ray
} lung_place;
lung_place pl_phantom_lung_locate(const lung *l, float ax, float y);

typedef struct body {
  draw rng;        // for whatever else is drawn
  uint64_t noise;  // seed of the texture
  bool female;
  int age;
  float width, height;  // of the rib cage relative to the usual one
  float girth, breast;  // soft tissue
  float heart;
  lung side[2];                   // 0 at the image's left
  float to_pixel[6], to_body[6];  // x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5; pixels of the canvas
  float scale;                    // pixels of the canvas per anatomical unit
} body;

point pl_phantom_body_to_pixel(const body *b, float x, float y);

// phantom_mask.c: the lungs' outlines and the pneumothorax.
void pl_phantom_lungs_init(body *b);
float pl_phantom_lung_wall(const body *b, float y);  // distance of the chest wall from the middle line
// Lets a lung collapse so that the air covers about `area` (squared anatomical units). Returns false when it cannot.
bool pl_phantom_lung_collapse(lung *l, draw *rng, float area);
void pl_phantom_lung_mask(const body *b, int side, pl_image *mask,
                          float pixels_per_canvas_pixel);  // sets 255, leaves the rest

// phantom_bones.c
void pl_phantom_draw_bones(const body *b, canvas *bones, canvas scratch[2]);
void pl_phantom_draw_vessels(body *b, canvas *vessels, canvas scratch[2]);
void pl_phantom_draw_devices(body *b, canvas *devices, canvas scratch[2], int tube_side);
void pl_phantom_draw_marker(body *b, canvas *grey, canvas scratch[2]);

#ifdef __cplusplus
}
#endif
