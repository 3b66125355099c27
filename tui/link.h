// The way to the terminal: bytes go out as fast as it takes them, never faster, and how fast that is gets measured.
// Only one picture is on its way at a time: behind it stands a question that every terminal answers (device status
// report), and with the answer the picture is known to have arrived. So a slow network never fills up with pictures
// that are old by the time they come.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "viewers/pace.h"

typedef struct pl_link pl_link;

// `fd` is the terminal's. Times are monotonic seconds throughout. `round_trip`: seconds that a question takes at best,
// 0 for unknown. Writes through a descriptor of its own where the terminal can be opened by its name, so that nobody
// else's becomes non-blocking.
pl_link *pl_link_create(int fd, double round_trip);
void pl_link_destroy(pl_link *link);

// Queues bytes, and writes what the terminal takes now.
void pl_link_put(pl_link *link, const void *bytes, size_t length, double now);
void pl_link_flush(pl_link *link, double now);
// Nothing waits to be written: others may write now.
bool pl_link_drained(const pl_link *link);

// Puts the question behind what was put since the last mark.
void pl_link_mark(pl_link *link, double now);
// An answer came.
void pl_link_answered(pl_link *link, double now);
// A picture may go: what went before has arrived, or is little, or no answer is to be hoped for.
bool pl_link_free(pl_link *link, double now);
bool pl_link_awaits(const pl_link *link);

// To be polled for writing; -1 while nothing waits.
int pl_link_fd(const pl_link *link);

// What is waiting is given up, a sequence that was begun is ended. Blocks until that is out.
void pl_link_cut(pl_link *link);
// No answer is awaited any more.
void pl_link_forget(pl_link *link);

pl_pace *pl_link_pace(pl_link *link);
