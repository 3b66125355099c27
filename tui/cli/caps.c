// pleura caps: what this terminal was asked, what it answered, what follows from that, and what could be better.
#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/str.h"
#include "tui/cli/cli.h"
#include "viewers/caps.h"

enum { OPTION_JSON = 256, OPTION_GRAPHICS, REMEDY_SIZE = 400 };

typedef struct row {
  const char *asked;  // in words
  const char *by;     // the sequence, readable
  char answer[96];
} row;

enum { ROWS = 11 };

static const char *yes(bool value) { return value ? "yes" : "no"; }

static const char *unknown_unless(bool answered, const char *text) { return answered ? text : "no answer"; }

static void fill(row rows[ROWS], const pl_caps *c) {
  static const char *const colours[] = {"none", "16", "256", "16 million"};
  size_t i = 0;
  rows[i] = (row){.asked = "what it is", .by = "XTVERSION"};
  snprintf(rows[i++].answer, 96, "%s", c->name[0] != '\0' ? c->name : "no answer");
  rows[i] = (row){.asked = "sixel", .by = "DA1"};
  snprintf(rows[i++].answer, 96, "%s", unknown_unless(c->answered, yes(c->sixel)));
  rows[i] = (row){.asked = "colour registers", .by = "XTSMGRAPHICS 1"};
  if (c->registers > 0) snprintf(rows[i].answer, 96, "%u", c->registers);
  i++;
  rows[i] = (row){.asked = "largest picture", .by = "XTSMGRAPHICS 2"};
  if (c->max_width > 0) snprintf(rows[i].answer, 96, "%ux%u pixels", c->max_width, c->max_height);
  i++;
  rows[i] = (row){.asked = "size of a cell", .by = "CSI 16 t, CSI 14 t, TIOCGWINSZ"};
  if (c->cell_width > 0) snprintf(rows[i].answer, 96, "%ux%u pixels", c->cell_width, c->cell_height);
  i++;
  rows[i] = (row){.asked = "cells", .by = "TIOCGWINSZ"};
  snprintf(rows[i++].answer, 96, "%ux%u", c->columns, c->rows);
  rows[i] = (row){.asked = "synchronized output", .by = "DECRQM 2026"};
  snprintf(rows[i++].answer, 96, "%s", unknown_unless(c->answered, yes(c->synchronized)));
  rows[i] = (row){.asked = "pictures over others", .by = "XTVERSION"};
  snprintf(rows[i++].answer, 96, "%s", c->composes ? "yes" : "not known to work");
  rows[i] = (row){.asked = "mouse in pixels", .by = "DECRQM 1016"};
  snprintf(rows[i++].answer, 96, "%s", unknown_unless(c->answered, yes(c->pixel_mouse)));
  rows[i] = (row){.asked = "the first answer", .by = "the clock"};
  if (c->round_trip > 0) snprintf(rows[i].answer, 96, "after %.1f ms", 1000 * c->round_trip);
  i++;
  rows[i] = (row){.asked = "colours of text", .by = "TERM, COLORTERM, XTVERSION"};
  snprintf(rows[i++].answer, 96, "%s%s", colours[c->colours], c->utf8 ? ", UTF-8" : ", no UTF-8");
  for (size_t k = 0; k < ROWS; k++) {
    if (rows[k].answer[0] == '\0') pl_copy_text(rows[k].answer, sizeof rows[k].answer, "no answer");
  }
}

// Why pictures are drawn that way.
static void reason(char *out, size_t size, const pl_caps *c) {
  const char *wish = getenv("PLEURA_GRAPHICS");
  if (wish != NULL && wish[0] != '\0' && strcmp(wish, "auto") != 0) {
    snprintf(out, size, "that was chosen");
  } else if (c->graphics == PL_GRAPHICS_SIXEL) {
    snprintf(out, size, "the terminal has sixel, and the size of its cells is known");
  } else if (c->graphics == PL_GRAPHICS_NONE) {
    snprintf(out, size, "TERM is dumb or not set");
  } else if (!c->answered) {
    snprintf(out, size, "the terminal did not answer");
  } else if (!c->sixel) {
    snprintf(out, size, "the terminal has no sixel");
  } else {
    snprintf(out, size, "the size of the terminal's cells is not known");
  }
}

// How there could be real pixels; "" when there are.
static void remedy(char *out, size_t size, const pl_caps *c) {
  out[0] = '\0';
  if (c->graphics == PL_GRAPHICS_SIXEL) return;
  if (c->tmux) {
    snprintf(out, size,
             "tmux shows sixel from 3.4 on, when it was built with it and the terminal around it has sixel: "
             "set -as terminal-features ',*:sixel' in ~/.tmux.conf");
  } else if (c->screen) {
    snprintf(out, size, "GNU screen passes no pictures on: run pleura outside of it, or in tmux 3.4");
  } else if (pl_begins_with(c->name, "XTerm(")) {
    snprintf(out, size, "start xterm as 'xterm -ti vt340', or put 'XTerm*decTerminalID: vt340' into ~/.Xresources");
  } else {
    snprintf(out, size,
             "terminals with sixel: foot, mlterm, WezTerm, Konsole 22.04, Windows Terminal 1.22, iTerm2, "
             "xterm -ti vt340");
  }
}

static void print_text(const row rows[ROWS], const pl_caps *c, const char *why, const char *help) {
  for (size_t i = 0; i < ROWS; i++) printf("%-22s %-32s %s\n", rows[i].asked, rows[i].by, rows[i].answer);
  printf("\npictures: %s, because %s\n", pl_graphics_name(c->graphics), why);
  if (help[0] != '\0') printf("for real pixels: %s\n", help);
}

static void print_json(const pl_caps *c, const char *why, const char *help) {
  json_t *o = json_pack(
      "{s:s, s:b, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:b, s:b, s:b, s:b, s:f, s:s, s:s, s:s}",
      "terminal", c->name, "answered", c->answered, "sixel", c->sixel, "registers", (int)c->registers, "max_width",
      (int)c->max_width, "max_height", (int)c->max_height, "cell_width", (int)c->cell_width, "cell_height",
      (int)c->cell_height, "columns", (int)c->columns, "rows", (int)c->rows, "synchronized", c->synchronized,
      "composes", c->composes, "pixel_mouse", c->pixel_mouse, "utf8", c->utf8, "tmux", c->tmux, "screen", c->screen,
      "round_trip", c->round_trip, "graphics", pl_graphics_name(c->graphics), "because", why, "remedy", help);
  char *text = o != NULL ? json_dumps(o, JSON_INDENT(2)) : NULL;
  if (text != NULL) printf("%s\n", text);
  free(text);
  json_decref(o);
}

static error_t parse(int key, char *arg, struct argp_state *state) {
  if (key == OPTION_JSON) {
    *(bool *)state->input = true;
    return 0;
  }
  if (key == OPTION_GRAPHICS) {
    if (!pl_graphics_is_choice(arg)) argp_error(state, "--graphics %s: it can be " PL_GRAPHICS_CHOICES, arg);
    setenv("PLEURA_GRAPHICS", arg, 1);
    return 0;
  }
  if (key == ARGP_KEY_ARG) argp_error(state, "'%s' is one word too many", arg);
  return ARGP_ERR_UNKNOWN;
}

int pl_cli_caps(int argc, char **argv) {
  static const struct argp_option options[] = {
      {.name = "graphics", .key = OPTION_GRAPHICS, .arg = "HOW", .doc = "What would follow from " PL_GRAPHICS_CHOICES},
      {.name = "json", .key = OPTION_JSON, .doc = "Print a JSON object; 0 stands for unknown"},
      {0},
  };
  static const struct argp parser = {
      .options = options,
      .parser = parse,
      .doc =
          "Asks the terminal what it can do and prints the questions, the answers, how pictures will therefore be "
          "drawn, and how that could be better. Nothing is guessed from TERM but the number of colours.",
  };
  bool json = false;
  int code = pl_cli_parse(&parser, argc, argv, &json);
  if (code != 0) return code;
  pl_caps caps;
  pl_error err = {0};
  // Into a pipe the answer is still about the terminal that is typed at.
  const int out = isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDERR_FILENO;
  if (pl_caps_probe(&caps, STDIN_FILENO, out, NULL, &err) != PL_OK) return pl_cli_report("caps", &err);
  row rows[ROWS];
  char why[96], help[REMEDY_SIZE];
  fill(rows, &caps);
  reason(why, sizeof why, &caps);
  remedy(help, sizeof help, &caps);
  if (json) {
    print_json(&caps, why, help);
  } else {
    print_text(rows, &caps, why, help);
  }
  return 0;
}
