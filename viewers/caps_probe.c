// The blocking probe: the only part of the capabilities that reads and writes a terminal.
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "viewers/caps.h"

static const double cap_seconds = 1.0;

static pl_status write_all(int fd, const char *bytes, size_t length, pl_error *err) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return pl_fail_errno(err, errno, "cannot write to the terminal");
    bytes += written;
    length -= (size_t)written;
  }
  return PL_OK;
}

static void take_result(pl_caps *caps, pl_reply_parser *parser, pl_reply_result result, pl_buf *typed) {
  if (result == PL_REPLY_COMPLETE) pl_caps_apply(caps, &parser->reply);
  if (result == PL_REPLY_INPUT && typed != NULL) pl_buf_add(typed, parser->input, parser->input_length);
}

// Reads until DA1 or the cap. Bytes behind DA1 in the same read are input and go to `typed`.
static pl_status listen_for_replies(pl_caps *caps, int fd, double asked, pl_buf *typed, pl_error *err) {
  const pl_clock clock = pl_clock_system();
  const double end = pl_clock_monotonic(&clock) + cap_seconds;
  pl_reply_parser parser = {0};
  while (!caps->answered || pl_reply_pending(&parser)) {
    double left = end - pl_clock_monotonic(&clock);
    if (left <= 0) break;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready = poll(&wait, 1, caps->answered ? 60 : (int)(left * 1000) + 1);
    if (ready < 0 && errno != EINTR) return pl_fail_errno(err, errno, "cannot wait for the terminal");
    if (ready <= 0) {
      if (ready == 0 && caps->answered) take_result(caps, &parser, pl_reply_idle(&parser, 1), typed);
      continue;
    }
    unsigned char bytes[512];
    ssize_t count = read(fd, bytes, sizeof bytes);
    if (count < 0 && errno != EINTR && errno != EAGAIN)
      return pl_fail_errno(err, errno, "cannot read from the terminal");
    if (count == 0) break;
    if (caps->round_trip <= 0) caps->round_trip = pl_clock_monotonic(&clock) - asked;
    for (ssize_t i = 0; i < count; i++) take_result(caps, &parser, pl_reply_feed(&parser, bytes[i]), typed);
  }
  return PL_OK;
}

static pl_status ask(pl_caps *caps, int in, int out, bool console, pl_buf *typed, pl_error *err) {
  struct termios before, raw;
  if (tcgetattr(in, &before) != 0) return pl_fail_errno(err, errno, "cannot read the terminal's mode");
  raw = before;
  raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr(in, TCSANOW, &raw) != 0) return pl_fail_errno(err, errno, "cannot set the terminal's mode");
  const char *questions = pl_caps_questions(console);
  const pl_clock clock = pl_clock_system();
  const double asked = pl_clock_monotonic(&clock);
  pl_status status = write_all(out, questions, strlen(questions), err);
  if (status == PL_OK) status = listen_for_replies(caps, in, asked, typed, err);
  // Without an answer to DA1 the rest may still be on its way; what came until now must not reach the shell.
  tcsetattr(in, caps->answered ? TCSANOW : TCSAFLUSH, &before);
  return status;
}

pl_status pl_caps_probe(pl_caps *out, int in, int out_fd, pl_buf *typed, pl_error *err) {
  pl_caps_env env = pl_caps_env_read();
  pl_caps caps = pl_caps_from_env(&env);
  pl_caps_window_size(&caps, out_fd);
  bool wanted = env.graphics == NULL || strcmp(env.graphics, "none") != 0;
  bool can_ask = caps.graphics != PL_GRAPHICS_NONE && wanted && isatty(in) && isatty(out_fd);
  if (can_ask) {
    unsigned width = caps.cell_width, height = caps.cell_height;
    caps.cell_width = caps.cell_height = 0;
    pl_status status = ask(&caps, in, out_fd, caps.few_glyphs, typed, err);
    if (status != PL_OK) return status;
    if (caps.cell_width == 0 || caps.cell_height == 0) {
      caps.cell_width = width;
      caps.cell_height = height;
    }
    pl_caps_window_size(&caps, out_fd);
    // By its name alone it may be at the other end of a connection.
    if (caps.sixel && env.tmux != NULL && env.tmux[0] != '\0') pl_caps_ask_tmux(&caps);
  }
  pl_status status = pl_caps_decide(&caps, &env, err);
  if (status == PL_OK) *out = caps;
  return status;
}
