#include "tui/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/mem.h"

enum { WAITING_MAX = 8 << 20, UNANSWERED_MAX = 2 };

static const char question[] = "\x1b[5n";
static const double patience = 3.0;  // for an answer, in seconds

struct pl_link {
  int fd, given_fd;
  pl_buf waiting;
  size_t written;  // of it

  size_t transfer;  // bytes since the last mark
  double began;     // when its first byte was put
  bool stalled;     // the terminal did not take all at once
  bool awaiting;    // an answer
  double asked;
  int unanswered;  // questions in a row

  pl_pace pace;
};

pl_link *pl_link_create(int fd, double round_trip) {
  pl_link *link = pl_xcalloc(1, sizeof *link);
  char name[128];
  link->given_fd = fd;
  link->fd = ttyname_r(fd, name, sizeof name) == 0 ? open(name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
  if (link->fd < 0) link->fd = fd;
  link->pace.latency = round_trip;
  pl_buf_init(&link->waiting, WAITING_MAX);
  return link;
}

void pl_link_destroy(pl_link *link) {
  if (link == NULL) return;
  if (link->fd != link->given_fd) close(link->fd);
  pl_buf_clear(&link->waiting);
  free(link);
}

bool pl_link_drained(const pl_link *link) { return link->written == link->waiting.length; }

int pl_link_fd(const pl_link *link) { return pl_link_drained(link) ? -1 : link->fd; }

void pl_link_flush(pl_link *link, double now) {
  while (!pl_link_drained(link)) {
    const ssize_t count = write(link->fd, link->waiting.data + link->written, link->waiting.length - link->written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      link->stalled = true;
      return;
    }
    if (count < 0) break;  // the terminal is gone; reading from it will say so
    link->written += (size_t)count;
  }
  pl_buf_reset(&link->waiting);
  link->written = 0;
  // Where no question is answered, the time until everything was taken must do.
  if (link->stalled && link->unanswered >= UNANSWERED_MAX) pl_pace_took(&link->pace, link->transfer, now - link->began);
  link->stalled = false;
}

void pl_link_put(pl_link *link, const void *bytes, size_t length, double now) {
  if (link->transfer == 0) link->began = now;
  link->transfer += length;
  pl_buf_add(&link->waiting, bytes, length);
  pl_link_flush(link, now);
}

void pl_link_mark(pl_link *link, double now) {
  if (link->transfer == 0) return;
  if (link->unanswered < UNANSWERED_MAX) {
    pl_link_put(link, question, sizeof question - 1, now);
    link->awaiting = true;
    link->asked = now;
  } else {
    link->transfer = 0;
  }
}

void pl_link_answered(pl_link *link, double now) {
  if (!link->awaiting) return;
  link->awaiting = false;
  link->unanswered = 0;
  pl_pace_took(&link->pace, link->transfer, now - link->began);
  link->transfer = 0;
}

bool pl_link_free(pl_link *link, double now) {
  if (link->awaiting && pl_link_drained(link) && now - link->asked > patience) {
    link->awaiting = false;
    link->unanswered++;
    link->transfer = 0;
  }
  return pl_link_drained(link) && !link->awaiting;
}

bool pl_link_awaits(const pl_link *link) { return link->awaiting; }

void pl_link_reset(pl_link *link) {
  const bool within = !pl_link_drained(link);
  pl_buf_reset(&link->waiting);
  link->written = link->transfer = 0;
  link->stalled = link->awaiting = false;
  // A terminal ends a picture with it, and ignores it elsewhere.
  static const char end[] = "\x1b\\\x1b[?2026l";
  const ssize_t ignored = within ? write(link->given_fd, end, sizeof end - 1) : 0;
  (void)ignored;
}

pl_pace *pl_link_pace(pl_link *link) { return &link->pace; }
