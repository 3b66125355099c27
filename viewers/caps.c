#include "viewers/caps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/base/str.h"

enum state {
  GROUND,
  ESCAPE,         // ESC
  CSI,            // ESC [
  SS3,            // ESC O: one more byte, a key
  STRING,         // DCS, OSC, APC, PM or SOS up to ST
  STRING_ESCAPE,  // an ESC within: ST when \ follows
  SINK,           // a string that grew too long: everything up to its end is dropped
  SINK_ESCAPE,
};

// tmux 3.4 and 3.5 keep nine pictures, later ones nineteen, those of other panes among them.
enum { TMUX_PICTURES = 8 };

enum { STRING_MAX = 4096, ESC = 0x1b, BEL = 0x07, CAN = 0x18, SUB = 0x1a };

// XTVERSION, colour registers, largest picture, cell and text area in pixels, two private modes, background, DA1. None
// that is an APC string: tmux takes it for the pane's title.
static const char questions[] =
    "\x1b[>q"
    "\x1b[?1;1;0S"
    "\x1b[?2;4;0S"
    "\x1b[16t"
    "\x1b[14t"
    "\x1b[?2026$p"
    "\x1b[?1016$p"
    "\x1b]11;?\x1b\\"
    "\x1b[c";

static const char console_questions[] = "\x1b[c";

// ---- The stream

static pl_reply_result give_input(pl_reply_parser *p) {
  p->state = GROUND;
  return PL_REPLY_INPUT;
}

static pl_reply_result drop(pl_reply_parser *p) {
  p->state = GROUND;
  p->input_length = 0;
  p->reply.kind = PL_REPLY_OTHER;
  p->reply.arg_count = 0;
  p->reply.text[0] = '\0';
  return PL_REPLY_COMPLETE;
}

static void hold(pl_reply_parser *p, unsigned char byte) {
  if (p->input_length < sizeof p->input) p->input[p->input_length++] = byte;
}

// Numbers between ; or : of parameter bytes; a number too large stays at the largest.
static void parse_args(pl_reply *reply, const unsigned char *bytes, size_t length) {
  memset(reply->args, 0, sizeof reply->args);
  size_t i = 0;
  reply->arg_count = length > 0 ? 1 : 0;
  for (size_t k = 0; k < length; k++) {
    if (bytes[k] == ';' || bytes[k] == ':') {
      if (++i == PL_REPLY_ARGS_MAX) return;
      reply->arg_count = i + 1;
    } else if (bytes[k] >= '0' && bytes[k] <= '9') {
      unsigned digit = bytes[k] - (unsigned)'0';
      reply->args[i] = reply->args[i] > 99999999 ? 999999999 : 10 * reply->args[i] + digit;
    }
  }
}

static pl_reply_result complete(pl_reply_parser *p, pl_reply_kind kind, const unsigned char *bytes, size_t length) {
  drop(p);
  p->reply.kind = kind;
  parse_args(&p->reply, bytes, length);
  return PL_REPLY_COMPLETE;
}

// Keys look like replies in one case: F3 with a modifier is CSI 1 ; m R, and so is a cursor position in the first row.
static bool is_cursor_position(const unsigned char *bytes, size_t length) {
  pl_reply numbers;
  parse_args(&numbers, bytes, length);
  return numbers.arg_count == 2 && !(numbers.args[0] == 1 && numbers.args[1] <= 16);
}

// A whole CSI sequence is held: ESC [ parameters intermediates final. Private ones (? > =) are never keys; those that
// begin with < are the mouse.
static pl_reply_result finish_csi(pl_reply_parser *p, unsigned char final) {
  const unsigned char *body = p->input + 2;
  size_t length = p->input_length - 3;
  unsigned char mark = length > 0 ? body[0] : 0, last = length > 0 ? body[length - 1] : 0;
  if (p->input_length >= sizeof p->input) return drop(p);
  if (mark == '?' || mark == '>' || mark == '=') {
    if (mark == '?' && final == 'c') return complete(p, PL_REPLY_DA1, body + 1, length - 1);
    if (mark == '?' && final == 'S') return complete(p, PL_REPLY_GRAPHICS, body + 1, length - 1);
    if (mark == '?' && final == 'y' && last == '$') return complete(p, PL_REPLY_MODE, body + 1, length - 2);
    return drop(p);
  }
  if (final == 't') return complete(p, PL_REPLY_WINDOW, body, length);
  if (final == 'n' && (length == 1 && (*body == '0' || *body == '3'))) {
    return complete(p, PL_REPLY_STATUS, body, length);
  }
  if (final == 'c' || final == 'n' || final == 'x' || (final == 'y' && last == '$')) return drop(p);
  if (final == 'R' && is_cursor_position(body, length)) return drop(p);
  return give_input(p);
}

static pl_reply_result finish_string(pl_reply_parser *p) {
  const char *text = p->reply.text;
  pl_reply_kind kind = PL_REPLY_OTHER;
  size_t skip = 0;
  if (p->string_kind == 'P' && pl_begins_with(text, ">|")) {
    kind = PL_REPLY_VERSION;
    skip = 2;
  } else if (p->string_kind == ']' && pl_begins_with(text, "11;")) {
    kind = PL_REPLY_COLOUR;
    skip = 3;
  }
  p->state = GROUND;
  p->input_length = 0;
  p->reply.kind = kind;
  p->reply.arg_count = 0;
  memmove(p->reply.text, text + skip, strlen(text) - skip + 1);
  return PL_REPLY_COMPLETE;
}

static pl_reply_result feed_string(pl_reply_parser *p, unsigned char byte) {
  if (byte == ESC) {
    p->state = p->state == SINK ? SINK_ESCAPE : STRING_ESCAPE;
    return PL_REPLY_MORE;
  }
  if (byte == BEL || byte == CAN || byte == SUB) return p->state == SINK || byte != BEL ? drop(p) : finish_string(p);
  if (p->string_length < PL_REPLY_TEXT_MAX - 1) {
    p->reply.text[p->string_length] = (char)byte;
    p->reply.text[p->string_length + 1] = '\0';
  }
  if (++p->string_length >= STRING_MAX) p->state = SINK;
  return PL_REPLY_MORE;
}

static pl_reply_result begin_escape(pl_reply_parser *p) {
  p->input_length = 0;
  hold(p, ESC);
  p->state = ESCAPE;
  return PL_REPLY_MORE;
}

static pl_reply_result feed_escape(pl_reply_parser *p, unsigned char byte) {
  if (byte == ESC) return PL_REPLY_INPUT;  // the one that is held was a key; this one may begin something
  hold(p, byte);
  switch (byte) {
    case '[': p->state = CSI; return PL_REPLY_MORE;
    case 'O': p->state = SS3; return PL_REPLY_MORE;
    case 'P':
    case ']':
    case '_':
    case '^':
    case 'X':
      p->state = STRING;
      p->string_kind = (char)byte;
      p->string_length = 0;
      p->reply.text[0] = '\0';
      return PL_REPLY_MORE;
    case '\\': return drop(p);  // the end of a string whose beginning was given up
    default: return give_input(p);
  }
}

static pl_reply_result feed_csi(pl_reply_parser *p, unsigned char byte) {
  if (byte == ESC) return begin_escape(p);
  if (byte == CAN || byte == SUB) return drop(p);
  if (byte < 0x20 || byte > 0x7e) return PL_REPLY_MORE;  // damage within a sequence is not input
  hold(p, byte);
  // The mouse of before 1986 puts three raw bytes behind CSI M; we never ask for it, so this is an ordinary end.
  return byte >= 0x40 ? finish_csi(p, byte) : PL_REPLY_MORE;
}

pl_reply_result pl_reply_feed(pl_reply_parser *p, unsigned char byte) {
  switch ((enum state)p->state) {
    case GROUND:
      if (byte == ESC) return begin_escape(p);
      p->input_length = 0;
      hold(p, byte);
      return PL_REPLY_INPUT;
    case ESCAPE: return feed_escape(p, byte);
    case CSI: return feed_csi(p, byte);
    case SS3:
      if (byte == ESC) return begin_escape(p);
      hold(p, byte);
      return give_input(p);
    case STRING:
    case SINK: return feed_string(p, byte);
    case STRING_ESCAPE: break;
    case SINK_ESCAPE: break;
  }
  // After an ESC within a string. Only \ ends it well; what begins a new sequence cancels the string, and the rest is
  // damage.
  bool sink = p->state == SINK_ESCAPE;
  if (byte == '\\') return sink ? drop(p) : finish_string(p);
  if (byte == '\0' || strchr("[]OP_^X", byte) == NULL) return drop(p);
  begin_escape(p);
  return feed_escape(p, byte);
}

bool pl_reply_pending(const pl_reply_parser *p) { return p->state != GROUND; }

pl_reply_result pl_reply_idle(pl_reply_parser *p, double seconds) {
  if (seconds < 0.05) return PL_REPLY_MORE;
  switch ((enum state)p->state) {
    case GROUND: return PL_REPLY_MORE;
    case ESCAPE:
    case SS3: return give_input(p);
    case CSI:
      if (p->input_length == 2) return give_input(p);  // Alt and [
      break;
    case STRING:
      if (p->string_length == 0) return give_input(p);  // Alt and P, ], _, ^ or X
      break;
    case SINK:
    case STRING_ESCAPE:
    case SINK_ESCAPE: break;
  }
  return seconds >= 1 ? drop(p) : PL_REPLY_MORE;
}

// ---- Capabilities from replies

// "rgb:1a1a/1b1b/1c1c", one to four hex digits each.
static bool parse_background(pl_rgb *out, const char *text) {
  if (!pl_begins_with(text, "rgb:")) return false;
  const char *at = text + 4;
  uint8_t value[3];
  for (int i = 0; i < 3; i++) {
    char *end = NULL;
    unsigned long number = strtoul(at, &end, 16);
    long digits = end - at;
    if (digits < 1 || digits > 4 || *end != (i < 2 ? '/' : '\0')) return false;
    value[i] = (uint8_t)(number * 255 / ((1ul << (4 * digits)) - 1));
    at = end + 1;
  }
  *out = (pl_rgb){value[0], value[1], value[2]};
  return true;
}

static bool pixels_make_sense(unsigned value) { return value > 0 && value <= 65535; }

static void apply_window(pl_caps *caps, const pl_reply *reply) {
  unsigned height = reply->args[1], width = reply->args[2];
  if (reply->arg_count < 3 || !pixels_make_sense(height) || !pixels_make_sense(width)) return;
  if (reply->args[0] == 6 && height <= 256 && width <= 256) {
    caps->cell_height = height;
    caps->cell_width = width;
  } else if (reply->args[0] == 4) {
    caps->text_height = height;
    caps->text_width = width;
  }
}

// The item in the reply decides, not the order of the questions: mlterm answers item 2 as if item 1 had been asked.
static bool begins_with_one_of(const char *version, const char *const *names) {
  for (; *names != NULL; names++) {
    if (pl_begins_with(version, *names)) return true;
  }
  return false;
}

static void apply_version(pl_caps *caps, const char *version) {
  pl_safe_text(caps->name, sizeof caps->name, version, strlen(version));
  if (pl_begins_with(version, "tmux ")) caps->tmux = true;
  // xterm removes COLORTERM from the environment although it has true colour, as have these.
  static const char *const coloured[] = {"XTerm(", "foot(", "kitty(", "WezTerm ", "contour ", "Konsole ", NULL};
  if (caps->colours != PL_COLOURS_MONO && begins_with_one_of(version, coloured)) caps->colours = PL_COLOURS_TRUE;
  // Where tests/terminals has seen it. In mlterm a transparent pixel shows the background instead.
  static const char *const composing[] = {"XTerm(", "foot(", NULL};
  caps->composes = begins_with_one_of(version, composing);
}

static void apply_graphics(pl_caps *caps, const pl_reply *reply) {
  bool success = reply->arg_count >= 3 && reply->args[1] == 0;
  if (!success) return;
  if (reply->args[0] == 1 && reply->args[2] >= 2) caps->registers = reply->args[2];
  bool geometry = reply->args[0] == 2 && reply->arg_count >= 4;
  if (geometry && pixels_make_sense(reply->args[2]) && pixels_make_sense(reply->args[3])) {
    caps->max_width = reply->args[2];
    caps->max_height = reply->args[3];
  }
}

void pl_caps_apply(pl_caps *caps, const pl_reply *reply) {
  switch (reply->kind) {
    case PL_REPLY_DA1:
      caps->answered = true;
      for (size_t i = 1; i < reply->arg_count; i++) caps->sixel |= reply->args[i] == 4;
      break;
    case PL_REPLY_VERSION: apply_version(caps, reply->text); break;
    case PL_REPLY_GRAPHICS: apply_graphics(caps, reply); break;
    case PL_REPLY_WINDOW: apply_window(caps, reply); break;
    case PL_REPLY_MODE:
      if (reply->args[0] == 2026) caps->synchronized = reply->args[1] == 1 || reply->args[1] == 2;
      if (reply->args[0] == 1016) caps->pixel_mouse = reply->args[1] == 1 || reply->args[1] == 2;
      break;
    case PL_REPLY_COLOUR: caps->has_background = parse_background(&caps->background, reply->text); break;
    case PL_REPLY_STATUS:
    case PL_REPLY_OTHER: break;
  }
}

const char *pl_caps_questions(bool linux_console) { return linux_console ? console_questions : questions; }

// ---- Capabilities from the environment

static bool is_set(const char *value) { return value != NULL && value[0] != '\0'; }

static bool contains(const char *value, const char *part) { return value != NULL && strstr(value, part) != NULL; }

static bool same_text(const char *value, const char *other) { return value != NULL && strcmp(value, other) == 0; }

pl_caps_env pl_caps_env_read(void) {
  const char *locale = getenv("LC_ALL");
  if (!is_set(locale)) locale = getenv("LC_CTYPE");
  if (!is_set(locale)) locale = getenv("LANG");
  return (pl_caps_env){.term = getenv("TERM"),
                       .colorterm = getenv("COLORTERM"),
                       .graphics = getenv("PLEURA_GRAPHICS"),
                       .tmux = getenv("TMUX"),
                       .sty = getenv("STY"),
                       .locale = locale,
                       .no_color = getenv("NO_COLOR")};
}

static bool is_dumb(const pl_caps_env *env) { return !is_set(env->term) || same_text(env->term, "dumb"); }

static pl_colour_depth colours_from_env(const pl_caps_env *env) {
  bool plain = is_dumb(env) || is_set(env->no_color);
  if (plain || pl_ends_with(env->term, "-m") || pl_ends_with(env->term, "-mono") || pl_begins_with(env->term, "vt"))
    return PL_COLOURS_MONO;
  if (contains(env->colorterm, "truecolor") || contains(env->colorterm, "24bit")) return PL_COLOURS_TRUE;
  if (contains(env->term, "direct")) return PL_COLOURS_TRUE;
  // Whatever calls itself xterm has had 256 colours for twenty years; terminfo's "xterm" still says 8.
  bool many = contains(env->term, "256color") || pl_begins_with(env->term, "xterm");
  return many ? PL_COLOURS_256 : PL_COLOURS_16;
}

pl_caps pl_caps_from_env(const pl_caps_env *env) {
  pl_caps caps = {.columns = 80, .rows = 24, .colours = colours_from_env(env)};
  caps.utf8 = contains(env->locale, "UTF-8") || contains(env->locale, "utf8") || contains(env->locale, "UTF8") ||
              contains(env->locale, "utf-8");
  caps.few_glyphs = env->term != NULL && pl_begins_with(env->term, "linux");
  caps.tmux = is_set(env->tmux);
  caps.screen = is_set(env->sty);
  caps.graphics = is_dumb(env) ? PL_GRAPHICS_NONE : PL_GRAPHICS_BLOCKS;
  return caps;
}

static const struct {
  const char *word;
  pl_graphics graphics;
} choices[] = {{"sixel", PL_GRAPHICS_SIXEL},
               {"blocks", PL_GRAPHICS_BLOCKS},
               {"ascii", PL_GRAPHICS_ASCII},
               {"none", PL_GRAPHICS_NONE}};

enum { CHOICES = sizeof choices / sizeof choices[0] };

static const char automatic[] = "auto";

static size_t find_choice(const char *text) {
  size_t i = 0;
  while (i < CHOICES && strcmp(choices[i].word, text) != 0) i++;
  return i;
}

bool pl_graphics_is_choice(const char *text) { return strcmp(text, automatic) == 0 || find_choice(text) < CHOICES; }

const char *pl_graphics_name(pl_graphics graphics) {
  size_t i = 0;
  while (choices[i].graphics != graphics) i++;
  return choices[i].word;
}

static pl_graphics choose_graphics(const pl_caps *caps, const pl_caps_env *env) {
  const bool cell_known = caps->cell_width > 0 && caps->cell_height > 0;
  if (is_dumb(env)) return PL_GRAPHICS_NONE;
  if (caps->sixel && cell_known) return PL_GRAPHICS_SIXEL;
  return caps->colours == PL_COLOURS_MONO && !caps->utf8 ? PL_GRAPHICS_ASCII : PL_GRAPHICS_BLOCKS;
}

pl_status pl_caps_decide(pl_caps *caps, const pl_caps_env *env, pl_error *err) {
  const char *wish = is_set(env->graphics) ? env->graphics : automatic;
  if (!pl_graphics_is_choice(wish)) {
    return pl_fail(err, PL_E_USAGE, "graphics is '%.40s'; it can be " PL_GRAPHICS_CHOICES, wish);
  }
  const size_t choice = find_choice(wish);
  caps->graphics = choice < CHOICES ? choices[choice].graphics : choose_graphics(caps, env);
  // Sixel that was asked for by somebody who knows better: the size of a common font where nothing told it.
  if (caps->graphics == PL_GRAPHICS_SIXEL && (caps->cell_width == 0 || caps->cell_height == 0)) {
    caps->cell_width = 8;
    caps->cell_height = 16;
  }
  caps->keeps_pictures = caps->graphics == PL_GRAPHICS_SIXEL && caps->tmux ? TMUX_PICTURES : 0;
  return PL_OK;
}

void pl_caps_window_size(pl_caps *caps, int fd) {
  struct winsize size = {0};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return;
  caps->columns = size.ws_col;
  caps->rows = size.ws_row;
  // What the kernel says may include a border (xterm) or be nothing at all (foot at its start), so it only fills gaps.
  unsigned width = size.ws_xpixel, height = size.ws_ypixel;
  if (width == 0 || height == 0) {
    width = caps->text_width;
    height = caps->text_height;
  }
  if (caps->cell_width == 0 || caps->cell_height == 0) {
    caps->cell_width = width / caps->columns;
    caps->cell_height = height / caps->rows;
  }
  if (width > 0 && height > 0) {
    caps->text_width = width;
    caps->text_height = height;
  }
}
