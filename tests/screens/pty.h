// A program on a pseudo terminal that answers like xterm-vt340 or like nothing at all.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

#include "core/base/buf.h"

typedef enum pty_kind {
  PTY_SILENT,       // answers no question
  PTY_PLAIN,        // says what it is, and that is no sixel terminal
  PTY_VT340,        // sixel, 1024 registers, cells of 10x20 pixels
  PTY_CONSOLE,      // a Linux console's answers: no VT100's, and no pixels
  PTY_PLAIN_SIXEL,  // the same, but tells nobody what it is
} pty_kind;

typedef struct pty {
  pid_t child;
  int master, slave;  // the slave stays open, so that the terminal's mode can be looked at after the program's end
  pty_kind kind;
  struct termios before;
  pl_buf output;    // everything that the program wrote
  size_t answered;  // bytes of the output
  size_t arrived;   // how often the program asked, behind a picture, whether it has arrived
  bool ended;
  int status;  // of waitpid
} pty;

// Starts argv in a session of its own with the terminal as its controlling one; its working folder is /.
void pty_start(pty *out, pty_kind kind, int cols, int rows, const char *term, const char *const *argv);

// Reads and answers until the program has ended, `text` has been written (NULL: never), or the seconds are over. True
// in the first two cases.
bool pty_run(pty *p, const char *text, double seconds);

// Reads at most so many bytes when there are some within that time, and answers. Returns how many.
size_t pty_take(pty *p, size_t most, int milliseconds);

// A thread of the program, or of a process that it started, has something to do at this moment.
bool pty_works(const pty *p);

// Reads until nothing has come for a while and nothing is being worked on, at most `rate` bytes a second (0: all at
// once) and so many seconds.
void pty_settle(pty *p, double rate, double seconds);

void pty_type(pty *p, const char *text);
bool pty_same_mode(const pty *p);  // the terminal's mode is what it was before
// Ends the program if it lives, and frees.
void pty_close(pty *p);

// How many sixel pictures the output holds; *first and *length: the last one, DCS to ST.
size_t pty_sixels(const pty *p, size_t *first, size_t *length);
