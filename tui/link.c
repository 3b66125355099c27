#include "tui/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/mem.h"

// Pictures may follow each other without an answer until WINDOW bytes are on their way: many small ones (thumbnails)
// then do not take a round trip each.
enum { WAITING_MAX = 8 << 20, UNANSWERED_MAX = 2, WINDOW = 24 * 1024 };

static const char question[] = "\x1b[5n";
static const double patience = 3.0;  // for an answer, in seconds

struct pl_link {
  int fd, given_fd;
  pl_buf waiting;
  size_t written;  // of it

  size_t transfer;   // bytes since all before them had arrived
  size_t marked;     // of them, behind which a question stands
  double began;      // when the first one was put
  bool stalled;      // the terminal did not take all at once
  unsigned awaited;  // answers
  double asked;      // when the last question was put
  int unanswered;    // questions in a row

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

static void arrived(pl_link *link) {
  link->awaited = 0;
  link->transfer = link->marked = 0;
}

void pl_link_mark(pl_link *link, double now) {
  if (link->transfer == link->marked) return;
  if (link->unanswered >= UNANSWERED_MAX) {
    arrived(link);
    return;
  }
  pl_link_put(link, question, sizeof question - 1, now);
  link->marked = link->transfer;
  link->awaited++;
  link->asked = now;
}

void pl_link_answered(pl_link *link, double now) {
  if (link->awaited == 0 || --link->awaited > 0) return;
  link->unanswered = 0;
  pl_pace_took(&link->pace, link->transfer, now - link->began);
  arrived(link);
}

bool pl_link_free(pl_link *link, double now) {
  if (link->awaited > 0 && pl_link_drained(link) && now - link->asked > patience) {
    link->unanswered++;
    arrived(link);
  }
  return pl_link_drained(link) && (link->awaited == 0 || link->transfer < WINDOW);
}

bool pl_link_awaits(const pl_link *link) { return link->awaited > 0; }

void pl_link_cut(pl_link *link) {
  const bool within = !pl_link_drained(link);
  pl_buf_reset(&link->waiting);
  link->written = 0;
  link->stalled = false;
  // A terminal ends a picture with it, and ignores it elsewhere.
  static const char end[] = "\x1b\\\x1b[?2026l";
  const ssize_t ignored = within ? write(link->given_fd, end, sizeof end - 1) : 0;
  (void)ignored;
}

void pl_link_forget(pl_link *link) { arrived(link); }

pl_pace *pl_link_pace(pl_link *link) { return &link->pace; }
