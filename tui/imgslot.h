// Pictures on the terminal. The only code that writes them to the tty; the rules come from measurements with ncurses
// 6.4 on xterm, mlterm and foot:
//  - ncurses takes the cells below a picture for blank. It leaves them alone as long as they stay blank, idlok is off
//    and a drawn column stands right of the picture (else it erases to the end of the line).
//  - A picture goes away only where characters are written: wredrawln over its rows.
//  - After a full repaint every picture is gone and is sent again.
//  - A picture that reaches below the last row scrolls the screen: none may.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "tui/canvas.h"
#include "tui/layout.h"
#include "viewers/bitmap.h"
#include "viewers/caps.h"
#include "viewers/out_blocks.h"

// A bitmap in the form that this terminal takes. Plain data; made by jobs.
typedef struct pl_picture {
  uint64_t serial;         // differs between pictures; 0 for none
  uint32_t width, height;  // pixels, or half-block pixels
  pl_buf sixel;            // complete sequence, empty for cells
  pl_cells cells;
} pl_picture;

// How pictures are made for a terminal; plain data that jobs may copy.
typedef struct pl_picture_format {
  pl_graphics graphics;
  pl_caps caps;
  pl_colour_depth colours;  // for cells: 256 or mono
} pl_picture_format;

// Whether a picture made for one is right for the other.
bool pl_picture_format_equal(const pl_picture_format *a, const pl_picture_format *b);

// The pixels that a picture for the area must have, so that it fills it without reaching beyond; false when there is no
// room or no graphics. *pixel_aspect is the height of a pixel over its width.
bool pl_picture_size(uint32_t *width, uint32_t *height, double *pixel_aspect, const pl_picture_format *format,
                     pl_area area);

// Encodes the bitmap; safe on any thread. `serial` is the caller's. The caller clears *out.
pl_status pl_picture_make(pl_picture *out, const pl_bitmap *bitmap, const pl_picture_format *format, uint64_t serial,
                          pl_error *err);
void pl_picture_clear(pl_picture *picture);

typedef struct pl_imgslots pl_imgslots;

pl_imgslots *pl_imgslots_create(void);
void pl_imgslots_destroy(pl_imgslots *slots);

// One frame: begin, then while drawing want and cover, then before_update, doupdate, after_update.
void pl_imgslots_begin(pl_imgslots *slots);
// The picture belongs there. Borrowed until after_update. Draws cells at once, sixel later.
void pl_imgslots_want(pl_imgslots *slots, const pl_canvas *canvas, pl_area area, const pl_picture *picture);
// Text will be written over this area: no picture may show through.
void pl_imgslots_cover(pl_imgslots *slots, pl_area area);
// Marks the lines of pictures that go away for rewriting.
void pl_imgslots_before_update(pl_imgslots *slots, struct _win_st *window);
// Sends what changed to `fd`, each picture in one go. Returns false when the terminal does not take bytes now (a slow
// link): the frame's pictures are then still due, and a later frame sends the newest.
bool pl_imgslots_after_update(pl_imgslots *slots, int fd, const pl_caps *caps, pl_area screen);

// The screen was cleared: nothing of what was sent is there any more.
void pl_imgslots_lost(pl_imgslots *slots);

// How many pictures the last frame wanted, and one of them, for tests.
size_t pl_imgslots_count(const pl_imgslots *slots);
pl_area pl_imgslots_area(const pl_imgslots *slots, size_t index, const pl_picture **picture);
