#include "tui/term.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "tui/imgslot.h"
#include "tui/keymap.h"
#include "tui/link.h"

enum { RESTORE_MAX = 256, ESCAPE_WAIT_MS = 50, TYPED_MAX = 1 << 16, MOUSE_MAX = 64 };

static const double answer_wait = 0.25;  // seconds; longer than most round trips

#define CLEAR "\x1b[m\x1b[2J"
#define MOUSE_OFF "\x1b[?1016l\x1b[?1006l\x1b[?1002l"

struct pl_term {
  SCREEN *screen;
  WINDOW *keys;  // a pad: reading from it never refreshes the screen
  pl_caps caps;
  pl_reply_parser parser;
  pl_link *link;
  pl_clock clock;
  double last_input;
  bool mouse;                  // reported
  pl_mouse events[MOUSE_MAX];  // that nobody took yet
  size_t event_first, event_count;
  int signal_pipe[2];
  int key_pipe[2];        // what is left of the input without the terminal's replies; curses reads here
  char held[MB_LEN_MAX];  // the beginning of a character
  size_t held_length;
  mbstate_t decoding;
  struct sigaction old[NSIG];
  bool installed[NSIG];
  pl_canvas canvas;
};

// What a signal handler needs. A handler has no other way to its data; written before the handlers are installed.
static struct {
  volatile sig_atomic_t active;
  int pipe;
  int tty;
  struct termios termios;
  char restore[RESTORE_MAX];
  size_t restore_length;
} emergency;

static const int ending_signals[] = {SIGHUP, SIGTERM, SIGINT};
static const int crash_signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT};

static void on_signal(int number) {
  const int saved = errno;
  const unsigned char byte = (unsigned char)number;
  const ssize_t ignored = write(emergency.pipe, &byte, 1);
  (void)ignored;
  errno = saved;
}

// Gives the terminal back with calls that are safe in a signal handler, then dies of the same signal.
static void on_crash(int number) {
  if (emergency.active) {
    emergency.active = 0;
    const ssize_t ignored = write(emergency.tty, emergency.restore, emergency.restore_length);
    (void)ignored;
    tcsetattr(emergency.tty, TCSANOW, &emergency.termios);
  }
  signal(number, SIG_DFL);
  raise(number);
}

static void install(pl_term *term, int number, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigemptyset(&action.sa_mask);
  if (sigaction(number, &action, &term->old[number]) == 0) term->installed[number] = true;
}

static void install_handlers(pl_term *term) {
  // Before curses starts: it leaves signals alone that already have a handler.
  for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++) {
    install(term, ending_signals[i], on_signal, 0);
  }
  install(term, SIGTSTP, on_signal, 0);
  install(term, SIGCONT, on_signal, SA_RESTART);
  install(term, SIGWINCH, on_signal, SA_RESTART);
  install(term, SIGPIPE, SIG_IGN, 0);
  for (size_t i = 0; i < sizeof crash_signals / sizeof crash_signals[0]; i++) {
    install(term, crash_signals[i], on_crash, SA_NODEFER);
  }
}

static void restore_handlers(pl_term *term) {
  for (int number = 1; number < NSIG; number++) {
    if (term->installed[number]) sigaction(number, &term->old[number], NULL);
  }
}

// Adds a terminfo string without its padding marks "$<5>".
static void add_capability(const char *name) {
  const char *text = tigetstr(name);
  if (text == NULL || text == (const char *)-1) return;
  for (const char *p = text; *p != '\0' && emergency.restore_length + 1 < RESTORE_MAX; p++) {
    if (p[0] == '$' && p[1] == '<') {
      const char *end = strchr(p, '>');
      if (end == NULL) return;
      p = end;
      continue;
    }
    emergency.restore[emergency.restore_length++] = *p;
  }
}

static void prepare_emergency(void) {
  // First the end of a picture or a synchronized update that may be under way, and of the mouse's reports.
  static const char begin[] = "\x1b\\\x1b[?2026l" MOUSE_OFF;
  memcpy(emergency.restore, begin, sizeof begin - 1);
  emergency.restore_length = sizeof begin - 1;
  add_capability("sgr0");
  add_capability("cnorm");
  add_capability("rmkx");
  // Where there is no other screen to go back to.
  add_capability(exit_ca_mode != NULL ? "rmcup" : "clear");
  emergency.active = 1;
}

static pl_status check_terminal(pl_error *err) {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    return pl_fail(
        err, PL_E_USAGE,
        "the workbench needs a terminal, and standard %s is none; 'pleura help' lists the commands that work "
        "without one",
        isatty(STDIN_FILENO) == 0 ? "input" : "output");
  }
  const char *name = getenv("TERM");
  if (name == NULL || name[0] == '\0' || strcmp(name, "dumb") == 0) {
    return pl_fail(
        err, PL_E_USAGE,
        "the workbench cannot draw on this terminal (TERM is %s); set TERM to what your terminal is, such as "
        "xterm-256color, or use the commands of 'pleura help'",
        name == NULL || name[0] == '\0' ? "not set" : name);
  }
  return PL_OK;
}

static pl_status make_pipes(pl_term *term, pl_error *err) {
  if (pipe2(term->signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0) return pl_fail_errno(err, errno, "cannot make a pipe");
  if (pipe2(term->key_pipe, O_CLOEXEC) != 0) {
    const int saved = errno;
    close(term->signal_pipe[0]);
    close(term->signal_pipe[1]);
    return pl_fail_errno(err, saved, "cannot make a pipe");
  }
  // The writing end must not block; the reading end is curses', which polls it first.
  fcntl(term->key_pipe[1], F_SETFL, O_NONBLOCK);
  return PL_OK;
}

static void close_pipes(pl_term *term) {
  for (int i = 0; i < 2; i++) {
    close(term->signal_pipe[i]);
    close(term->key_pipe[i]);
  }
}

static void set_modes(pl_term *term) {
  raw();
  noecho();
  nonl();
  curs_set(0);
  typeahead(-1);  // never leave a frame half sent because a key came
  idlok(stdscr, FALSE);
  leaveok(stdscr, TRUE);
  scrollok(stdscr, FALSE);
  if (has_colors()) {
    start_color();
    use_default_colors();
  }
  term->keys = newpad(1, 1);
  keypad(term->keys, TRUE);
  nodelay(term->keys, TRUE);
  meta(term->keys, TRUE);
}

static double now_of(const pl_term *term) { return pl_clock_monotonic(&term->clock); }

static void send_text(const pl_term *term, const char *text) {
  pl_link_put(term->link, text, strlen(text), now_of(term));
}

// Mode 1016 counts in pixels and is the same as 1006 otherwise.
static void report_mouse(const pl_term *term, bool on) {
  const bool pixels = term->caps.pixel_mouse && term->caps.cell_width > 0;
  send_text(term, !on ? MOUSE_OFF : pixels ? "\x1b[?1002h\x1b[?1006h\x1b[?1016h" : "\x1b[?1002h\x1b[?1006h");
}

static void make_canvas(pl_term *term) {
  term->canvas = (pl_canvas){
      .window = stdscr,
      .area = {0, 0, LINES, COLS},
      .utf8 = term->caps.utf8,
      .few_glyphs = term->caps.few_glyphs,
      .colours = has_colors() && getenv("NO_COLOR") == NULL ? COLORS : 0,
      .cell = {(int)term->caps.cell_width, (int)term->caps.cell_height},
  };
  pl_canvas_theme(&term->canvas, "");
}

// Curses takes the keys behind a damaged character for its rest: only whole characters are passed on.
static void take_typed(pl_term *term, const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    size_t result = mbrtowc(NULL, bytes + i, 1, &term->decoding);
    if (result == (size_t)-1) {
      const bool within = term->held_length > 0;
      term->held_length = 0;
      term->decoding = (mbstate_t){0};
      if (within) result = mbrtowc(NULL, bytes + i, 1, &term->decoding);  // it may begin the next one
      if (result == (size_t)-1) {
        term->decoding = (mbstate_t){0};
        continue;
      }
    }
    term->held[term->held_length++] = bytes[i];
    if (result == (size_t)-2) continue;
    // A full pipe means thousands of unread keys: what does not fit is dropped.
    const ssize_t ignored = write(term->key_pipe[1], term->held, term->held_length);
    (void)ignored;
    term->held_length = 0;
  }
}

static pl_status probe(pl_term *term, pl_error *err) {
  pl_buf typed;
  pl_buf_init(&typed, TYPED_MAX);
  const pl_status status = pl_caps_probe(&term->caps, STDIN_FILENO, STDOUT_FILENO, &typed, err);
  if (status == PL_OK) {
    take_typed(term, typed.data, typed.length);
    pl_caps_window_size(&term->caps, STDOUT_FILENO);
    term->caps.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  }
  pl_buf_clear(&typed);
  return status;
}

// Curses, with its keys coming from our pipe: replies of the terminal that come late never turn into keys.
static pl_status start_curses(pl_term *term, pl_error *err) {
  FILE *keys = fdopen(dup(term->key_pipe[0]), "r");
  if (keys == NULL) return pl_fail_errno(err, errno, "cannot open the key pipe");
  set_escdelay(25);
  term->screen = newterm(NULL, stdout, keys);
  if (term->screen == NULL) {
    fclose(keys);
    return pl_fail(err, PL_E_USAGE,
                   "this machine's terminal database does not know TERM=%s; try TERM=xterm-256color or TERM=vt100",
                   getenv("TERM"));
  }
  set_term(term->screen);
  set_modes(term);
  return PL_OK;
}

pl_status pl_term_open(pl_term **out, pl_error *err) {
  setlocale(LC_CTYPE, "");
  pl_status status = check_terminal(err);
  if (status != PL_OK) return status;
  pl_term *term = pl_xcalloc(1, sizeof *term);
  term->clock = pl_clock_system();
  status = make_pipes(term, err);
  if (status != PL_OK) {
    free(term);
    return status;
  }
  status = probe(term, err);
  if (status == PL_OK) {
    emergency.pipe = term->signal_pipe[1];
    emergency.tty = STDOUT_FILENO;
    tcgetattr(STDOUT_FILENO, &emergency.termios);
    install_handlers(term);
    status = start_curses(term, err);
    if (status != PL_OK) restore_handlers(term);
  }
  if (status != PL_OK) {
    close_pipes(term);
    free(term);
    return status;
  }
  prepare_emergency();
  term->link = pl_link_create(STDOUT_FILENO, term->caps.round_trip);
  make_canvas(term);
  *out = term;
  return PL_OK;
}

static void leave_curses(void) {
  endwin();
  if (exit_ca_mode != NULL || clear_screen == NULL) return;
  putp(clear_screen);
  fflush(stdout);
}

// Leaves nothing half written, and takes in the answer that is on its way, so that the shell does not get it.
static void settle(pl_term *term) {
  pl_link_cut(term->link);
  ssize_t ignored = term->mouse ? write(STDOUT_FILENO, MOUSE_OFF, sizeof MOUSE_OFF - 1) : 0;
  // tmux 3.4 leaves a picture where it was when the alternate screen goes.
  if (term->caps.keeps_pictures > 0) ignored = write(STDOUT_FILENO, CLEAR, sizeof CLEAR - 1);
  (void)ignored;
  const double end = now_of(term) + answer_wait;
  for (double left = answer_wait; pl_link_awaits(term->link) && left > 0; left = end - now_of(term)) {
    struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&ready, 1, (int)(left * 1000) + 1) != 1 || !pl_term_read(term)) break;
  }
  pl_link_forget(term->link);
}

void pl_term_close(pl_term *term) {
  if (term == NULL) return;
  settle(term);
  pl_link_destroy(term->link);
  delwin(term->keys);
  leave_curses();
  emergency.active = 0;
  // What curses restores is what it saw at its start; the probe ran before that, so the real first state counts.
  tcsetattr(STDOUT_FILENO, TCSANOW, &emergency.termios);
  delscreen(term->screen);
  restore_handlers(term);
  close_pipes(term);
  free(term);
}

int pl_term_input_fd(const pl_term *term) {
  (void)term;
  return STDIN_FILENO;
}

int pl_term_signal_fd(const pl_term *term) { return term->signal_pipe[0]; }

pl_term_events pl_term_take_events(pl_term *term) {
  pl_term_events events = {0};
  unsigned char numbers[64];
  ssize_t count;
  while ((count = read(term->signal_pipe[0], numbers, sizeof numbers)) > 0) {
    for (ssize_t i = 0; i < count; i++) {
      switch (numbers[i]) {
        case SIGWINCH: events.resized = true; break;
        case SIGTSTP: events.suspend = true; break;
        case SIGCONT: events.resized = true; break;
        default: events.ended_by = numbers[i]; break;
      }
    }
  }
  return events;
}

static void add_mouse(pl_term *term, const pl_mouse *event) {
  if (term->event_count > 0) {
    pl_mouse *last = &term->events[(term->event_first + term->event_count - 1) % MOUSE_MAX];
    if (last->kind == PL_MOUSE_DRAG && event->kind == PL_MOUSE_DRAG && last->button == event->button) {
      *last = *event;
      return;
    }
  }
  if (term->event_count == MOUSE_MAX) return;
  term->events[(term->event_first + term->event_count++) % MOUSE_MAX] = *event;
}

// What the mouse reports is no key: curses would take it for an Escape and letters.
static void take_input(pl_term *term, const char *bytes, size_t length) {
  if (length < 3 || memcmp(bytes, "\x1b[<", 3) != 0) {
    take_typed(term, bytes, length);
    return;
  }
  pl_mouse event;
  const pl_caps *caps = &term->caps;
  const pl_cell_size cell = {(int)caps->cell_width, (int)caps->cell_height};
  if (pl_mouse_parse(&event, bytes, length, caps->pixel_mouse && cell.width > 0, cell)) add_mouse(term, &event);
}

static void filter_byte(pl_term *term, unsigned char byte) {
  switch (pl_reply_feed(&term->parser, byte)) {
    case PL_REPLY_INPUT: take_input(term, (const char *)term->parser.input, term->parser.input_length); break;
    case PL_REPLY_COMPLETE:
      if (term->parser.reply.kind == PL_REPLY_STATUS) pl_link_answered(term->link, now_of(term));
      break;
    case PL_REPLY_MORE: break;
  }
}

bool pl_term_read(pl_term *term) {
  struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
  bool alive = true;
  while (alive && poll(&ready, 1, 0) == 1) {
    unsigned char bytes[512];
    const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count <= 0) {
      alive = false;
      break;
    }
    term->last_input = now_of(term);
    for (ssize_t i = 0; i < count; i++) filter_byte(term, bytes[i]);
  }
  if (pl_reply_pending(&term->parser) &&
      pl_reply_idle(&term->parser, now_of(term) - term->last_input) == PL_REPLY_INPUT) {
    take_typed(term, (const char *)term->parser.input, term->parser.input_length);
  }
  return alive;
}

int pl_term_output_fd(const pl_term *term) { return pl_link_fd(term->link); }

int pl_term_wait(const pl_term *term) { return pl_reply_pending(&term->parser) ? ESCAPE_WAIT_MS + 10 : -1; }

void pl_term_set_theme(pl_term *term, const char *theme) { pl_canvas_theme(&term->canvas, theme); }

bool pl_term_mouse(pl_term *term, pl_mouse *out) {
  if (term->event_count == 0) return false;
  *out = term->events[term->event_first];
  term->event_first = (term->event_first + 1) % MOUSE_MAX;
  term->event_count--;
  return true;
}

void pl_term_set_mouse(pl_term *term, bool on) {
  if (term->mouse == on) return;
  term->mouse = on;
  term->event_count = 0;
  report_mouse(term, on);
}

static int translate(int code) {
  if (code >= KEY_F(1) && code <= KEY_F(12)) return PL_KEY_F1 + code - KEY_F(1);
  switch (code) {
    case KEY_UP: return PL_KEY_UP;
    case KEY_DOWN: return PL_KEY_DOWN;
    case KEY_LEFT: return PL_KEY_LEFT;
    case KEY_RIGHT: return PL_KEY_RIGHT;
    case KEY_HOME: return PL_KEY_HOME;
    case KEY_END: return PL_KEY_END;
    case KEY_PPAGE: return PL_KEY_PAGE_UP;
    case KEY_NPAGE: return PL_KEY_PAGE_DOWN;
    case KEY_BTAB: return PL_KEY_BACKTAB;
    case KEY_BACKSPACE: return PL_KEY_BACKSPACE;
    case KEY_DC: return PL_KEY_DELETE;
    case KEY_ENTER: return PL_KEY_ENTER;
    default: return PL_KEY_NONE;
  }
}

int pl_term_key(pl_term *term) {
  for (;;) {
    wint_t code = 0;
    const int kind = wget_wch(term->keys, &code);
    if (kind == ERR) return PL_KEY_NONE;
    if (kind == KEY_CODE_YES) {
      const int key = translate((int)code);
      if (key != PL_KEY_NONE) return key;
      continue;  // a resize mark, or a key that we have no use for
    }
    if (code == '\n') return PL_KEY_ENTER;
    if (code == 127 || code == 8) return PL_KEY_BACKSPACE;
    if (code != 0) return (int)code;
  }
}

const pl_caps *pl_term_caps(const pl_term *term) { return &term->caps; }

int pl_term_colours(const pl_term *term) { return term->canvas.colours; }

pl_canvas pl_term_canvas(const pl_term *term, struct pl_imgslots *slots) {
  pl_canvas canvas = term->canvas;
  canvas.slots = slots;
  werase(stdscr);
  return canvas;
}

// Curses 6.4 moves lines when that is shorter, whatever idlok says, and terminals then move the pictures in them. It
// finds a line's new place by equal contents: a cell at the right end of each changed line, where no picture is, is
// declared unknown, so that no two lines are equal.
static void keep_lines_in_place(void) {
  WINDOW *edge = newwin(LINES, 1, 0, COLS - 1);
  const size_t bytes = (size_t)COLS * sizeof(cchar_t);
  cchar_t *now = pl_xcalloc(1, bytes + sizeof *now), *next = pl_xcalloc(1, bytes + sizeof *next);
  const int row = getcury(curscr), column = getcurx(curscr);
  for (int y = 0; edge != NULL && y < LINES; y++) {
    mvwin_wchnstr(curscr, y, 0, now, COLS);
    mvwin_wchnstr(stdscr, y, 0, next, COLS);
    if (memcmp(now, next, bytes) != 0) wredrawln(edge, y, 1);
  }
  wmove(curscr, row, column);
  free(now);
  free(next);
  if (edge != NULL) delwin(edge);
}

// Curses clears the rest of a line, or its beginning, where that is shorter than blanks: not with ends that it takes
// for no blanks, by an attribute that no terminal shows.
static void keep_lines_from_being_cleared(void) {
  const int ends[] = {0, COLS - 1};
  for (int y = 0; y < LINES; y++) {
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
      cchar_t cell;
      wchar_t text[CCHARW_MAX + 1];
      attr_t attributes;
      short pair;
      if (mvwin_wch(stdscr, y, ends[i], &cell) != OK || getcchar(&cell, text, &attributes, &pair, NULL) != OK) continue;
      if (text[0] == L' ') mvwchgat(stdscr, y, ends[i], 1, attributes | A_PROTECT, pair, NULL);
    }
  }
}

bool pl_term_ready(pl_term *term) {
  pl_link_flush(term->link, now_of(term));
  return pl_link_drained(term->link);
}

bool pl_term_present(pl_term *term, struct pl_imgslots *slots) {
  // tmux would draw the whole pane with its pictures anew at the end of each.
  const bool synchronized = term->caps.synchronized && term->caps.keeps_pictures == 0;
  if (synchronized) send_text(term, "\x1b[?2026h");
  pl_imgslots_before_update(slots, stdscr);
  if (term->caps.graphics == PL_GRAPHICS_SIXEL) keep_lines_in_place();
  if (term->caps.keeps_pictures > 0) keep_lines_from_being_cleared();
  wnoutrefresh(stdscr);
  doupdate();
  const bool sent = pl_imgslots_after_update(slots, term->link, &term->caps, term->canvas.area, now_of(term));
  if (synchronized) send_text(term, "\x1b[?2026l");
  return sent;
}

bool pl_term_resize(pl_term *term) {
  const pl_caps before = term->caps;
  pl_caps_window_size(&term->caps, STDOUT_FILENO);
  struct winsize size = {0};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0) return false;
  const bool other = size.ws_row != LINES || size.ws_col != COLS;
  if (other) {
    resizeterm(size.ws_row, size.ws_col);
    term->canvas.area = (pl_area){0, 0, LINES, COLS};
  }
  term->canvas.cell = (pl_cell_size){(int)term->caps.cell_width, (int)term->caps.cell_height};
  return other || before.cell_width != term->caps.cell_width || before.cell_height != term->caps.cell_height;
}

void pl_term_repaint(pl_term *term, struct pl_imgslots *slots) {
  (void)term;
  clearok(curscr, TRUE);
  pl_imgslots_lost(slots);
}

void pl_term_suspend(pl_term *term, struct pl_imgslots *slots) {
  settle(term);
  def_prog_mode();
  leave_curses();
  emergency.active = 0;
  // Stop for real: the default action, in the whole foreground group as the terminal itself would do.
  struct sigaction stop = {.sa_handler = SIG_DFL}, ours;
  sigemptyset(&stop.sa_mask);
  sigaction(SIGTSTP, &stop, &ours);
  raise(SIGTSTP);
  sigaction(SIGTSTP, &ours, NULL);
  // Back again, perhaps in another terminal (screen and tmux reattach elsewhere).
  if (term->caps.answered) {
    pl_caps before = term->caps;
    if (probe(term, NULL) != PL_OK) term->caps = before;
  }
  reset_prog_mode();
  emergency.active = 1;
  if (term->mouse) report_mouse(term, true);
  pl_term_resize(term);
  pl_term_repaint(term, slots);
}
