// The terminal: curses started and ended, the terminal's state given back on every way out, signals as events, and
// keys.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"
#include "tui/canvas.h"
#include "tui/mouse.h"
#include "viewers/caps.h"

typedef struct pl_term pl_term;

// What signals and the terminal said since the last call; any number may be set.
typedef struct pl_term_events {
  bool resized, suspend, child;
  int ended_by;  // number of the signal that asks to end, SIGHUP too when the terminal is gone; 0 for none
} pl_term_events;

// Asks the terminal what it can do, then starts curses on standard input and output. PL_E_USAGE with a message for
// people when they are no terminal, TERM is dumb, unset or unknown, or PLEURA_GRAPHICS is wrong. One at a time.
pl_status pl_term_open(pl_term **out, pl_error *err);

// Gives the terminal back as it was. NULL is fine.
void pl_term_close(pl_term *term);

int pl_term_input_fd(const pl_term *term);   // readable when there are keys: then pl_term_read
int pl_term_signal_fd(const pl_term *term);  // readable when there are signals: then pl_term_take_events

int pl_term_output_fd(const pl_term *term);  // writable when a picture's bytes can go on: then present; -1 for none

pl_term_events pl_term_take_events(pl_term *term);

// Takes in what was typed. False when the terminal is gone.
bool pl_term_read(pl_term *term);
// The next key (see keymap.h), PL_KEY_NONE when there is none.
int pl_term_key(pl_term *term);
// The next mouse event; false when there is none. Drags that nobody took yet become one.
bool pl_term_mouse(pl_term *term, pl_mouse *out);
// Asks the terminal to report the mouse, or not to: then its own selecting of text works. It is off at first.
void pl_term_set_mouse(pl_term *term, bool on);
// Draws with that theme of theme.h from the next frame on.
void pl_term_set_theme(pl_term *term, const char *theme);

// Milliseconds after which pl_term_read should be called without input, because an Escape may be a key or the beginning
// of a reply; -1 when it need not.
int pl_term_wait(const pl_term *term);

const pl_caps *pl_term_caps(const pl_term *term);
int pl_term_colours(const pl_term *term);  // that curses can use; 0 for monochrome

// A canvas for one frame, cleared.
pl_canvas pl_term_canvas(const pl_term *term, struct pl_imgslots *slots);

// Writes what waits of a picture's bytes. False while some are left: no text may come between them.
bool pl_term_ready(pl_term *term);

// Brings the frame and its pictures to the screen. False when something of it could not be sent yet, as in
// pl_imgslots_after_update.
bool pl_term_present(pl_term *term, struct pl_imgslots *slots);

// The window has a new size. True when it really is another, or the cells have other pixels.
bool pl_term_resize(pl_term *term);

// The next frame is written from scratch, pictures too.
void pl_term_repaint(pl_term *term, struct pl_imgslots *slots);

// Gives the terminal back, stops the process until SIGCONT, and takes the terminal again (asking anew what it can do).
void pl_term_suspend(pl_term *term, struct pl_imgslots *slots);
