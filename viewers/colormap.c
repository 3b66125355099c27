#include "viewers/colormap.h"

#include <math.h>
#include <string.h>

static const pl_rgb colours[PL_COLOUR_ALL];
static const pl_rgb terminal_16[16];
enum { HEAT_COUNT = 5 };
static const pl_rgb heat[HEAT_COUNT];

pl_rgb pl_colour_rgb(pl_colour colour) { return colours[colour]; }

pl_rgb pl_colour_series(size_t i) { return colours[i % PL_COLOUR_COUNT]; }

static uint8_t mix(uint8_t a, uint8_t b, double alpha) { return (uint8_t)lround(a * (1 - alpha) + b * alpha); }

pl_rgb pl_rgb_mix(pl_rgb a, pl_rgb b, double alpha) {
  if (!(alpha > 0)) return a;
  if (alpha >= 1) return b;
  return (pl_rgb){mix(a.r, b.r, alpha), mix(a.g, b.g, alpha), mix(a.b, b.b, alpha)};
}

pl_rgb pl_colour_heat(double probability) {
  const double at = fmin(1, fmax(0, probability)) * (HEAT_COUNT - 1);
  const size_t i = at < HEAT_COUNT - 1 ? (size_t)at : HEAT_COUNT - 2;
  return pl_rgb_mix(heat[i], heat[i + 1], at - (double)i);
}

uint8_t pl_rgb_luma(pl_rgb c) { return (uint8_t)((299 * c.r + 587 * c.g + 114 * c.b + 500) / 1000); }

static int distance(pl_rgb a, pl_rgb b) {
  int r = a.r - b.r, g = a.g - b.g, blue = a.b - b.b;
  return 3 * r * r + 6 * g * g + blue * blue;
}

// The cube's levels are 0, 95, 135, 175, 215, 255.
static int cube_level(uint8_t v) { return v < 48 ? 0 : v < 115 ? 1 : (v - 35) / 40; }

static uint8_t cube_value(int level) { return (uint8_t)(level == 0 ? 0 : 55 + 40 * level); }

uint8_t pl_rgb_to_256(pl_rgb c) {
  uint8_t cube = (uint8_t)(16 + 36 * cube_level(c.r) + 6 * cube_level(c.g) + cube_level(c.b));
  int step = (c.r + c.g + c.b) / 3;
  step = step < 3 ? 0 : (step - 3) / 10;
  uint8_t grey = (uint8_t)(232 + (step > 23 ? 23 : step));
  return distance(c, pl_rgb_from_index(grey)) < distance(c, pl_rgb_from_index(cube)) ? grey : cube;
}

uint8_t pl_rgb_to_16(pl_rgb c) {
  uint8_t best = 0;
  for (uint8_t i = 1; i < 16; i++) {
    if (distance(c, terminal_16[i]) < distance(c, terminal_16[best])) best = i;
  }
  return best;
}

pl_rgb pl_rgb_from_index(uint8_t index) {
  if (index < 16) return terminal_16[index];
  if (index >= 232) {
    uint8_t v = (uint8_t)(8 + 10 * (index - 232));
    return (pl_rgb){v, v, v};
  }
  int cube = index - 16;
  return (pl_rgb){cube_value(cube / 36), cube_value(cube / 6 % 6), cube_value(cube % 6)};
}

static const pl_rgb colours[PL_COLOUR_ALL] = {
    [PL_COLOUR_SKY] = {0x56, 0xb4, 0xe9},         [PL_COLOUR_ORANGE] = {0xff, 0x9f, 0x1c},
    [PL_COLOUR_GREEN] = {0x2e, 0xc4, 0x94},       [PL_COLOUR_YELLOW] = {0xf0, 0xe4, 0x42},
    [PL_COLOUR_PINK] = {0xe0, 0x8f, 0xc0},        [PL_COLOUR_VERMILION] = {0xf0, 0x6a, 0x2a},
    [PL_COLOUR_BACKGROUND] = {0x10, 0x14, 0x1a},  [PL_COLOUR_GRID] = {0x26, 0x2d, 0x37},
    [PL_COLOUR_AXIS] = {0x55, 0x60, 0x6e},        [PL_COLOUR_TEXT] = {0xa4, 0xae, 0xba},
    [PL_COLOUR_TEXT_STRONG] = {0xe8, 0xec, 0xf0}, [PL_COLOUR_REFERENCE] = {0xb4, 0xa5, 0xb2},
    [PL_COLOUR_HIT] = {0x3c, 0xe0, 0x3c},         [PL_COLOUR_FALSE_ALARM] = {0xe0, 0x60, 0xd0},
    [PL_COLOUR_MISSED] = {0x30, 0x40, 0xff},
};

static const pl_rgb heat[HEAT_COUNT] = {
    {0x44, 0x01, 0x54}, {0x3b, 0x52, 0x8b}, {0x21, 0x91, 0x8c}, {0x5e, 0xc9, 0x62}, {0xfd, 0xe7, 0x25},
};

// xterm's defaults.
static const pl_rgb terminal_16[16] = {
    {0, 0, 0},     {205, 0, 0},     {0, 205, 0},     {205, 205, 0},   {0, 0, 238}, {205, 0, 205},
    {0, 205, 205}, {229, 229, 229}, {127, 127, 127}, {255, 0, 0},     {0, 255, 0}, {255, 255, 0},
    {92, 92, 255}, {255, 0, 255},   {0, 255, 255},   {255, 255, 255},
};
