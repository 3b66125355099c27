// Pictures on the terminal. The only code that writes them to the tty; the rules come from measurements with ncurses
// 6.4 on xterm, mlterm and foot:
//  - ncurses takes the cells below a picture for blank. It leaves them alone as long as they stay blank, no line is moved
//    (term.c) and a drawn column stands right of the picture (else it erases to the end of the line).
//  - A picture goes away only where characters are written: wredrawln over its rows.
//  - After a full repaint every picture is gone and is sent again.
//  - A picture that reaches below the last row scrolls the screen: none may.
//  - tmux keeps whole pictures, draws them over the text whenever it draws a pane, and has room for few. It forgets one
//    when a character comes upon it or a line of it is cleared (term.c sees to it that none is). So patches are counted
//    there, and before a picture comes anew its cells are blanked.
//
// What a slot shows is remembered, and of the next picture only what differs is sent, encoded on a thread of its own.
// While pictures follow each other their quality is what the link can carry; when they rest, the best one follows.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tui/canvas.h"
#include "tui/layout.h"
#include "tui/link.h"
#include "tui/picture.h"
#include "viewers/caps.h"

enum { PL_IMGSLOTS_MAX = 256 };  // pictures of one frame; further ones are left out

typedef struct pl_imgslots pl_imgslots;

// `most_greys`: of the best quality, 0 for as many as there are. PL_E_IO when no thread can be started.
pl_status pl_imgslots_create(pl_imgslots **out, unsigned most_greys, pl_error *err);
void pl_imgslots_destroy(pl_imgslots *slots);

// Always the best quality, whatever the link can carry: for scripts, whose dumps must not depend on it.
void pl_imgslots_steady(pl_imgslots *slots);

// One frame: begin, then while drawing want and cover, then before_update, doupdate, after_update.
void pl_imgslots_begin(pl_imgslots *slots);
// The picture belongs there. Borrowed until after_update. Draws cells at once, sixel later.
void pl_imgslots_want(pl_imgslots *slots, const pl_canvas *canvas, pl_area area, const pl_picture *picture);
// Text will be written over this area: no picture may show through.
void pl_imgslots_cover(pl_imgslots *slots, pl_area area);
// Marks the lines of pictures that go away for rewriting.
void pl_imgslots_before_update(pl_imgslots *slots, struct _win_st *window);
// Sends what has been encoded, and has encoded what differs. `now`: monotonic seconds. False while something of the
// frame's pictures is still to come: then present again when the link can be written to, pl_imgslots_fd is readable,
// the terminal answered, or pl_imgslots_wait is over. A later frame's pictures take the place of those that have not
// begun.
bool pl_imgslots_after_update(pl_imgslots *slots, pl_link *link, const pl_caps *caps, pl_area screen, double now);

// Readable when something has been encoded; then collect.
int pl_imgslots_fd(const pl_imgslots *slots);
void pl_imgslots_collect(pl_imgslots *slots);
// Milliseconds until a resting picture gets its best quality; -1 when none is waiting for that.
int pl_imgslots_wait(const pl_imgslots *slots, double now);

// The screen was cleared: nothing of what was sent is there any more.
void pl_imgslots_lost(pl_imgslots *slots);

// The quality of the worst picture on the screen; of the best possible while there is none.
pl_quality pl_imgslots_quality(const pl_imgslots *slots);

// How many pictures the last frame wanted, and one of them, for tests.
size_t pl_imgslots_count(const pl_imgslots *slots);
pl_area pl_imgslots_area(const pl_imgslots *slots, size_t index, const pl_picture **picture);
