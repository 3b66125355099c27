// What this terminal can do, as data; and the reading of its replies.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/status.h"
#include "viewers/bitmap.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_graphics {
  PL_GRAPHICS_NONE,    // no pictures: words only
  PL_GRAPHICS_ASCII,   // shades of ASCII characters, without colours
  PL_GRAPHICS_BLOCKS,  // half blocks or shades in character cells
  PL_GRAPHICS_SIXEL,
} pl_graphics;

// What a user may choose: auto leaves it to what the terminal answers.
#define PL_GRAPHICS_CHOICES "auto, sixel, blocks, ascii or none"
bool pl_graphics_is_choice(const char *text);
const char *pl_graphics_name(pl_graphics graphics);  // as in the choices

typedef enum pl_colour_depth {
  PL_COLOURS_MONO,
  PL_COLOURS_16,
  PL_COLOURS_256,
  PL_COLOURS_TRUE,
} pl_colour_depth;

// 0 stands for unknown.
typedef struct pl_caps {
  pl_graphics graphics;              // what to use: decided from all the rest and PLEURA_GRAPHICS
  bool sixel;                        // DA1 lists 4
  unsigned registers;                // colour registers for sixel (XTSMGRAPHICS 1)
  unsigned max_width, max_height;    // largest sixel picture in pixels (XTSMGRAPHICS 2); larger ones are dropped whole
  unsigned cell_width, cell_height;  // pixels (CSI 16 t, else CSI 14 t or TIOCGWINSZ divided by the cells)
  unsigned text_width, text_height;  // pixels of the text area
  unsigned columns, rows;            // cells
  pl_colour_depth colours;
  bool utf8;
  bool few_glyphs;    // the Linux console: its font has code page 437, so no ellipsis and no braille
  bool synchronized;  // private mode 2026
  bool pixel_mouse;   // private mode 1016
  bool composes;      // lays transparent pictures over others: seen of those that XTVERSION names
  bool tmux, screen;  // inside one of them
  // How many pictures the terminal keeps whole, to draw them anew whenever it likes (tmux): the oldest is forgotten,
  // and so is one of which a cell is written or a line cleared. 0 for a terminal that keeps pixels.
  unsigned keeps_pictures;
  bool has_background;  // the terminal told its background (OSC 11)
  pl_rgb background;
  bool answered;      // DA1 came: every reply before it has been seen
  double round_trip;  // seconds until the first answer; 0 for unknown
  char name[64];      // what XTVERSION said, safe for terminals; "" when unknown
} pl_caps;

// ---- The environment
typedef struct pl_caps_env {
  const char *term, *colorterm, *graphics, *tmux, *sty, *locale, *no_color;  // any may be NULL; borrowed
} pl_caps_env;

pl_caps_env pl_caps_env_read(void);

// A terminal of which only the environment is known: no sixel, blocks when TERM is a real terminal.
pl_caps pl_caps_from_env(const pl_caps_env *env);

// Decides caps->graphics: PLEURA_GRAPHICS wins unless it is auto; else sixel where DA1 promised it and the cell size is
// known; else blocks, or ascii where there are neither colours nor UTF-8; nothing for TERM=dumb. PL_E_USAGE for a value
// of PLEURA_GRAPHICS that is no choice.
pl_status pl_caps_decide(pl_caps *caps, const pl_caps_env *env, pl_error *err);

// Cells and pixels from the kernel (TIOCGWINSZ); keeps what the terminal itself said about pixels as long as the cell
// count stays the same. Call it again on SIGWINCH.
void pl_caps_window_size(pl_caps *caps, int fd);

// ---- Replies. A stream parser: bytes go in one at a time, and what comes out is either a reply of the terminal, or
// bytes that are somebody's input (keys, mouse, paste). Replies that come late, twice, unasked or damaged are
// swallowed; they never come out as input.
typedef enum pl_reply_kind {
  PL_REPLY_DA1,       // args: the attributes
  PL_REPLY_VERSION,   // text
  PL_REPLY_GRAPHICS,  // XTSMGRAPHICS; args: item, status, value...
  PL_REPLY_WINDOW,    // CSI ... t; args
  PL_REPLY_MODE,      // DECRPM; args: mode, state
  PL_REPLY_STATUS,    // DSR, the answer to CSI 5 n
  PL_REPLY_COLOUR,    // OSC 11; text after "11;"
  PL_REPLY_OTHER,     // swallowed without meaning
} pl_reply_kind;

enum { PL_REPLY_ARGS_MAX = 16, PL_REPLY_TEXT_MAX = 256 };

typedef struct pl_reply {
  pl_reply_kind kind;
  unsigned args[PL_REPLY_ARGS_MAX];  // missing numbers are 0
  size_t arg_count;
  char text[PL_REPLY_TEXT_MAX];  // raw bytes, cut, terminated
} pl_reply;

typedef enum pl_reply_result {
  PL_REPLY_MORE,      // consumed; nothing to tell yet
  PL_REPLY_COMPLETE,  // `reply` is filled
  PL_REPLY_INPUT,     // `input` holds `input_length` bytes that are input, in order
} pl_reply_result;

// Plain data; a zeroed struct is ready. Fields are private except those that the results name.
typedef struct pl_reply_parser {
  pl_reply reply;
  unsigned char input[PL_REPLY_TEXT_MAX];
  size_t input_length;
  int state;
  char string_kind;
  size_t string_length;
} pl_reply_parser;

pl_reply_result pl_reply_feed(pl_reply_parser *parser, unsigned char byte);

// Nothing came for `seconds`. After 0.05 s an ESC, or ESC with one letter, that may have begun a sequence is input (the
// Escape key, Alt and a key); a control string that has begun is given up only after 1 s.
pl_reply_result pl_reply_idle(pl_reply_parser *parser, double seconds);

// True while the parser holds bytes, so that the caller should call pl_reply_idle after a short wait.
bool pl_reply_pending(const pl_reply_parser *parser);

// Enters a reply into the capabilities.
void pl_caps_apply(pl_caps *caps, const pl_reply *reply);

// ---- The probe
// The questions, with DA1 last: every terminal answers it, so its reply says that no other reply will follow.
// On the Linux console only those of which it is certain that none is shown as text; it has no sixel to ask about.
const char *pl_caps_questions(bool linux_console);

// Asks the terminal and waits at most one second. `in` and `out` are its file descriptors; when one of them is not a
// terminal, or TERM is dumb or unset, or PLEURA_GRAPHICS is none, nothing is sent and only the environment
// counts. The terminal's mode is as before afterwards. Bytes that turned out to be input are appended to `typed` (NULL
// drops them). PL_E_USAGE for a wrong PLEURA_GRAPHICS, PL_E_IO.
pl_status pl_caps_probe(pl_caps *out, int in, int out_fd, pl_buf *typed, pl_error *err);

// Below a tmux that says that it has sixel: takes that back when the terminal around it has none, by `tmux
// display-message`, at most one second. As it was when there is no answer.
void pl_caps_ask_tmux(pl_caps *caps);

#ifdef __cplusplus
}
#endif
