#include "tui/imgslot.h"

#include <errno.h>
#include <ncurses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "viewers/colormap.h"
#include "viewers/out_sixel.h"

enum { SLOTS_MAX = 4, GREYS = 64, SIXEL_ROWS = 6 };

typedef struct slot {
  pl_area area;
  const pl_picture *picture;  // borrowed during a frame
  uint64_t serial;
} slot;

struct pl_imgslots {
  slot wanted[SLOTS_MAX], shown[SLOTS_MAX];
  size_t wanted_count, shown_count;
};

static bool same_area(pl_area a, pl_area b) { return a.y == b.y && a.x == b.x && a.rows == b.rows && a.cols == b.cols; }

bool pl_picture_format_equal(const pl_picture_format *a, const pl_picture_format *b) {
  return a->graphics == b->graphics && a->colours == b->colours && a->caps.cell_width == b->caps.cell_width &&
         a->caps.cell_height == b->caps.cell_height;
}

bool pl_picture_size(uint32_t *width, uint32_t *height, double *pixel_aspect, const pl_picture_format *format,
                     pl_area area) {
  if (area.rows < PL_PICTURE_MIN_ROWS || area.cols < PL_PICTURE_MIN_COLS) return false;
  const pl_caps *caps = &format->caps;
  const double cell_width = caps->cell_width > 0 && caps->cell_height > 0 ? (double)caps->cell_width : 1.0;
  const double cell_height = caps->cell_width > 0 && caps->cell_height > 0 ? (double)caps->cell_height : 2.0;
  if (format->graphics == PL_GRAPHICS_BLOCKS) {
    *width = (uint32_t)area.cols;
    *height = (uint32_t)area.rows * 2;
    *pixel_aspect = cell_height / 2.0 / cell_width;
    return true;
  }
  if (format->graphics != PL_GRAPHICS_SIXEL || caps->cell_width == 0 || caps->cell_height == 0) return false;
  uint32_t w = (uint32_t)area.cols * caps->cell_width, h = (uint32_t)area.rows * caps->cell_height;
  if (caps->max_width > 0 && w > caps->max_width) w = caps->max_width;
  if (caps->max_height > 0 && h > caps->max_height) h = caps->max_height;
  // Sixels come in bands of six rows; a last band that is not full would reach beyond the area.
  h -= h % SIXEL_ROWS;
  *width = w;
  *height = h;
  *pixel_aspect = 1.0;
  return w > 0 && h > 0;
}

// Shades have no hue: what the picture shows in colour (a mask) gets a character that no shade has, and keeps its
// colour for terminals with a few.
static void mark_colours(pl_cells *cells, const pl_bitmap *bitmap) {
  for (uint32_t row = 0; row < cells->rows; row++) {
    for (uint32_t column = 0; column < cells->columns; column++) {
      for (uint32_t y = 2 * row; y < 2 * row + 2 && y < bitmap->height; y++) {
        const pl_rgb pixel = bitmap->pixels[(size_t)y * bitmap->width + column];
        if (pl_rgb_is_grey(pixel)) continue;
        pl_cell *cell = &cells->cells[(size_t)row * cells->columns + column];
        cell->glyph = '#';
        cell->fg = pixel;
      }
    }
  }
}

pl_status pl_picture_make(pl_picture *out, const pl_bitmap *bitmap, const pl_picture_format *format, uint64_t serial,
                          pl_error *err) {
  pl_picture made = {.serial = serial, .width = bitmap->width, .height = bitmap->height};
  pl_buf_init(&made.sixel, PL_SIXEL_BYTES_MAX + 4096);
  pl_status status = PL_OK;
  if (format->graphics == PL_GRAPHICS_SIXEL) {
    const pl_sixel_options options = pl_sixel_options_for(&format->caps, GREYS);
    status = pl_sixel_encode(&made.sixel, bitmap, &options, err);
  } else {
    status = pl_blocks(&made.cells, bitmap, format->colours, format->caps.utf8, err);
    if (status == PL_OK && format->colours != PL_COLOURS_256) mark_colours(&made.cells, bitmap);
  }
  if (status != PL_OK) {
    pl_picture_clear(&made);
    return status;
  }
  *out = made;
  return PL_OK;
}

void pl_picture_clear(pl_picture *picture) {
  pl_buf_clear(&picture->sixel);
  pl_cells_clear(&picture->cells);
  *picture = (pl_picture){0};
}

pl_imgslots *pl_imgslots_create(void) { return pl_xcalloc(1, sizeof(pl_imgslots)); }

void pl_imgslots_destroy(pl_imgslots *slots) { free(slots); }

void pl_imgslots_begin(pl_imgslots *slots) { slots->wanted_count = 0; }

void pl_imgslots_want(pl_imgslots *slots, const pl_canvas *canvas, pl_area area, const pl_picture *picture) {
  if (picture == NULL || picture->serial == 0 || slots->wanted_count == SLOTS_MAX) return;
  if (picture->sixel.length == 0) {
    pl_canvas_cells(canvas, area, &picture->cells);
  }
  slots->wanted[slots->wanted_count++] = (slot){.area = area, .picture = picture, .serial = picture->serial};
}

void pl_imgslots_cover(pl_imgslots *slots, pl_area area) {
  size_t kept = 0;
  for (size_t i = 0; i < slots->wanted_count; i++) {
    // Half blocks are characters: what is written over them wins without our help.
    const bool hidden = slots->wanted[i].picture->sixel.length > 0 && pl_area_overlap(slots->wanted[i].area, area);
    if (!hidden) slots->wanted[kept++] = slots->wanted[i];
  }
  slots->wanted_count = kept;
}

static const slot *find_wanted(const pl_imgslots *slots, pl_area area) {
  for (size_t i = 0; i < slots->wanted_count; i++) {
    if (same_area(slots->wanted[i].area, area) && slots->wanted[i].picture->sixel.length > 0) return &slots->wanted[i];
  }
  return NULL;
}

void pl_imgslots_before_update(pl_imgslots *slots, struct _win_st *window) {
  size_t kept = 0;
  pl_area gone[SLOTS_MAX];
  size_t gone_count = 0;
  for (size_t i = 0; i < slots->shown_count; i++) {
    if (find_wanted(slots, slots->shown[i].area) != NULL) {
      slots->shown[kept++] = slots->shown[i];
    } else {
      gone[gone_count++] = slots->shown[i].area;
      wredrawln(window, slots->shown[i].area.y, slots->shown[i].area.rows);
    }
  }
  slots->shown_count = kept;
  // Whole lines are rewritten, so a picture beside the one that went away has to come again.
  for (size_t i = 0; i < slots->shown_count; i++) {
    for (size_t j = 0; j < gone_count; j++) {
      const pl_area lines = {gone[j].y, slots->shown[i].area.x, gone[j].rows, slots->shown[i].area.cols};
      if (pl_area_overlap(slots->shown[i].area, lines)) slots->shown[i].serial = 0;
    }
  }
}

static bool write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    const ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    length -= (size_t)written;
  }
  return true;
}

static bool can_write(int fd) {
  struct pollfd ready = {.fd = fd, .events = POLLOUT};
  return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
}

static bool send_picture(int fd, const slot *one) {
  pl_buf out;
  pl_buf_init(&out, one->picture->sixel.length + 64);
  pl_buf_printf(&out, "\x1b\x37\x1b[%d;%dH", one->area.y + 1, one->area.x + 1);
  pl_buf_add(&out, one->picture->sixel.data, one->picture->sixel.length);
  pl_buf_add_text(&out, "\x1b\x38");
  const bool sent = !out.failed && write_all(fd, out.data, out.length);
  pl_buf_clear(&out);
  return sent;
}

bool pl_imgslots_after_update(pl_imgslots *slots, int fd, const pl_caps *caps, pl_area screen) {
  for (size_t i = 0; i < slots->wanted_count; i++) {
    const slot *one = &slots->wanted[i];
    if (one->picture->sixel.length == 0) continue;
    slot *shown = NULL;
    for (size_t j = 0; j < slots->shown_count; j++) {
      if (same_area(slots->shown[j].area, one->area)) shown = &slots->shown[j];
    }
    if (shown != NULL && shown->serial == one->serial) continue;
    const bool fits = one->picture->width <= (uint32_t)one->area.cols * caps->cell_width &&
                      one->picture->height <= (uint32_t)one->area.rows * caps->cell_height &&
                      pl_area_inside(one->area, screen) && one->area.y + one->area.rows < screen.y + screen.rows;
    if (!fits) continue;  // made for another size; the right one is on its way
    if (!can_write(fd)) return false;
    if (shown == NULL && slots->shown_count < SLOTS_MAX) shown = &slots->shown[slots->shown_count++];
    if (shown == NULL) continue;
    *shown = (slot){.area = one->area, .serial = send_picture(fd, one) ? one->serial : 0};
  }
  return true;
}

void pl_imgslots_lost(pl_imgslots *slots) { slots->shown_count = 0; }

size_t pl_imgslots_count(const pl_imgslots *slots) { return slots->wanted_count; }

pl_area pl_imgslots_area(const pl_imgslots *slots, size_t index, const pl_picture **picture) {
  *picture = slots->wanted[index].picture;
  return slots->wanted[index].area;
}
