// The workbench: what it is made of, and how its parts meet. One thread owns all of this.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "tui/canvas.h"
#include "tui/imgslot.h"
#include "tui/jobs.h"
#include "tui/model.h"
#include "tui/settings.h"
#include "tui/term.h"
#include "tui/widgets/confirm.h"
#include "tui/widgets/help.h"
#include "tui/widgets/joblist.h"
#include "tui/widgets/prompt.h"

typedef struct pl_app pl_app;
struct pl_script;

typedef enum pl_key_result { PL_KEY_IGNORED, PL_KEY_HANDLED } pl_key_result;

// One screen. `self` is what open returned; every function runs on the workbench's thread.
typedef struct pl_screen {
  const char *name;   // as in the command table
  const char *title;  // on its tab
  const char *digit;  // in front of it; NULL for a screen without a tab
  void *(*open)(pl_app *app);
  void (*close)(pl_app *app, void *self);
  void (*changed)(pl_app *app, void *self, unsigned what);  // bits of PL_CHANGED_... (model.h)
  // Draws the last known state; neither reads files nor changes anything.
  void (*draw)(const pl_app *app, const void *self, const pl_canvas *canvas, pl_area body);
  // For keys that are no commands, such as typing into a form; may be NULL. Commands come after it.
  pl_key_result (*key)(pl_app *app, void *self, int key);
  // A press, drag, release or turn of the wheel within its body; may be NULL.
  void (*mouse)(pl_app *app, void *self, const pl_mouse *event);
} pl_screen;

enum { PL_SCREENS_MAX = 12, PL_MESSAGE_SIZE = 256 };

struct pl_app {
  pl_clock clock;
  pl_term *term;
  pl_jobs *jobs;
  pl_imgslots *slots;
  pl_tui_model *model;
  pl_settings settings;
  pl_picture_format format;  // of the pictures for this terminal
  uint64_t next_serial;      // for pictures

  size_t active;                // screen
  bool full;                    // the active screen has the whole window: no tabs, no status line
  size_t came[PL_SCREENS_MAX];  // the screens that led to it, the first one first; `back` goes there
  size_t came_count;
  void *selves[PL_SCREENS_MAX];

  pl_help help;
  pl_joblist joblist;
  pl_prompt prompt;
  pl_confirm confirm;
  char message[PL_MESSAGE_SIZE];
  bool message_bad;
  double message_time;  // monotonic, when it was said: the hints come back after a while

  struct pl_script *script;          // NULL without --script
  char going[PL_ERROR_MESSAGE_MAX];  // the selected run's folder while its core lives, to notice its end
  char bell[PL_MESSAGE_SIZE];        // bytes for the terminal, between two frames
  double last_visit;                 // the user's, until it was told what has happened since; else NAN
  double wake;                       // monotonic, when a screen wants PL_CHANGED_FRAME; 0 for never
  bool dirty;                        // a frame is due
  bool quit;
  int ended_by;  // signal
};

extern const pl_screen *const pl_screens[];
extern const size_t pl_screen_count;

typedef struct pl_app_options {
  const char *folder;                  // -C; NULL for the current folder
  const char *script;                  // --script; NULL for none
  const char *labels;                  // --labels; NULL for what the settings or the workspace choose
  char farewell[2 * PL_MESSAGE_SIZE];  // out: what to tell once the terminal is back, "" for nothing
} pl_app_options;

// Runs the workbench until it is left. Returns the process' exit code; on failure 0 is not returned and `err` says why.
int pl_app_run(pl_app_options *options, pl_error *err);

// For screens, commands and widgets.
void pl_app_say(pl_app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pl_app_complain(pl_app *app, const pl_error *err);
void pl_app_go(pl_app *app, const pl_screen *screen);           // as by a digit: nothing leads back from it
void pl_app_open_screen(pl_app *app, const pl_screen *screen);  // as by Enter: `back` comes back here
void pl_app_back(pl_app *app);
void pl_app_use_theme(pl_app *app);           // settings.theme
const char *pl_app_place(const pl_app *app);  // whose commands the keys are: the screen's name, or "jobs" over it
void *pl_app_self(pl_app *app, const char *screen);  // NULL when there is no such screen
void pl_app_fill(pl_app *app, bool full);            // the active screen, until another one or `back`
pl_area pl_app_body(const pl_app *app);              // empty when the window is too small
void pl_app_tell(pl_app *app, unsigned what);        // all screens: something changed
void pl_app_wake(pl_app *app, double seconds);       // from now: once, screens are told PL_CHANGED_FRAME
void pl_app_ring(pl_app *app);  // tells the terminal, between two frames, what is due: that a run has ended
pl_frame_layout pl_app_frame(const pl_app *app);

// One key, as if it had been typed; one event of the mouse.
void pl_app_key(pl_app *app, int key);
void pl_app_mouse(pl_app *app, const pl_mouse *event);

// Draws one frame into curses' memory. Part of presenting a frame, and of dumping one in a script.
void pl_app_draw(const pl_app *app, const pl_canvas *canvas);
