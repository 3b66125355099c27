// What the screen tests share: a workspace with runs, scripts for the workbench on a pseudo terminal, golden texts.
#pragma once

#include "tests/screens/pty.h"

enum { CASES = 40, TEXT_MAX = 1 << 20 };

typedef struct world {
  char root[64];  // has the pattern's length, so that it can be put back into dumps
  char *workspace, *empty, *program, *dump;
  int lock;
} world;

// For cmocka: *state becomes a world.
int world_set_up(void **state);
int world_tear_down(void **state);

// Starts the workbench with a script; at its end it dumps the screen.
void start_script(pty *p, const world *w, const char *workspace, pty_kind kind, const char *term, int cols, int rows,
                  const char *text);
// The dump, with the world's folder called as ever; the caller frees.
char *read_dump(const world *w);
// With golden/NAME.screen; PLEURA_UPDATE_GOLDEN=1 writes that anew.
void compare(const char *dump, const char *name);

// Runs a script and gives its dump, which the caller frees; the terminal must be as before afterwards.
char *dump_of(const world *w, const char *workspace, pty_kind kind, const char *term, int cols, int rows,
              const char *text);

// Runs a script and compares its dump; the terminal must be as before afterwards.
void check(const world *w, const char *workspace, pty_kind kind, const char *term, int cols, int rows, const char *text,
           const char *golden);

// The whole text of a file of a workspace; the caller frees.
char *text_of(const char *workspace, const char *name);
