// The way to the terminal, on a pipe that takes little at once.
#include "tui/link.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/testing.h"

enum { PIPE = 4096, LARGE = 100000 };

typedef struct way {
  int read_end, write_end;
  pl_link *link;
  char *bytes;
} way;

static int set_up(void **state) {
  int ends[2];
  assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  fcntl(ends[1], F_SETPIPE_SZ, PIPE);
  way *w = calloc(1, sizeof *w);
  assert_non_null(w);
  *w = (way){.read_end = ends[0], .write_end = ends[1], .link = pl_link_create(ends[1], 0.01), .bytes = malloc(LARGE)};
  assert_non_null(w->bytes);
  for (size_t i = 0; i < LARGE; i++) w->bytes[i] = (char)('a' + i % 23);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  way *w = *state;
  pl_link_destroy(w->link);
  close(w->read_end);
  close(w->write_end);
  free(w->bytes);
  free(w);
  return 0;
}

// Takes in what lies in the pipe; returns how much that is.
static size_t drink(const way *w, char *out) {
  size_t taken = 0;
  ssize_t count;
  char bytes[1000];
  while ((count = read(w->read_end, bytes, sizeof bytes)) > 0) {
    if (out != NULL) memcpy(out + taken, bytes, (size_t)count);
    taken += (size_t)count;
  }
  return taken;
}

static void all_comes_in_order(void **state) {
  way *w = *state;
  char *got = malloc(LARGE + 64);
  assert_non_null(got);
  pl_link_put(w->link, w->bytes, LARGE, 1.0);
  pl_link_mark(w->link, 1.0);
  assert_false(pl_link_drained(w->link));
  assert_int_equal(pl_link_fd(w->link), w->write_end);
  size_t taken = 0;
  while (!pl_link_drained(w->link)) {
    taken += drink(w, got + taken);
    pl_link_flush(w->link, 1.1);
  }
  taken += drink(w, got + taken);
  assert_int_equal(taken, LARGE + 4);
  assert_memory_equal(got, w->bytes, LARGE);
  assert_memory_equal(got + LARGE, "\x1b[5n", 4);
  assert_int_equal(pl_link_fd(w->link), -1);
  free(got);
}

static void send_all(const way *w, size_t length, double now) {
  pl_link_put(w->link, w->bytes, length, now);
  pl_link_mark(w->link, now);
  while (!pl_link_drained(w->link)) {
    drink(w, NULL);
    pl_link_flush(w->link, now);
  }
  drink(w, NULL);
}

static void an_answer_lets_the_next_go(void **state) {
  const way *w = *state;
  assert_true(pl_link_free(w->link, 0));
  send_all(w, LARGE, 1.0);
  assert_false(pl_link_free(w->link, 1.1));
  assert_true(pl_link_awaits(w->link));
  pl_link_answered(w->link, 1.21);
  assert_true(pl_link_free(w->link, 1.21));
  // 0.21 seconds less the latency of 0.01.
  assert_float_equal(pl_link_pace(w->link)->bytes_per_second, (LARGE + 4) / 0.2, 10);
  pl_link_answered(w->link, 2.0);  // one that nobody awaits
  assert_true(pl_link_free(w->link, 2.0));
}

static void small_ones_follow_each_other(void **state) {
  const way *w = *state;
  size_t sent = 0;
  while (pl_link_free(w->link, 1.0) && sent < 100) {
    send_all(w, 2000, 1.0);
    sent++;
  }
  assert_in_range(sent, 5, 30);
  for (size_t i = 0; i + 1 < sent; i++) {
    pl_link_answered(w->link, 1.05);
    assert_true(pl_link_awaits(w->link));
  }
  pl_link_answered(w->link, 1.06);
  assert_false(pl_link_awaits(w->link));
}

// A terminal that answers nothing holds up two pictures, no more.
static void silence(void **state) {
  const way *w = *state;
  double now = 1.0;
  for (int i = 0; i < 2; i++) {
    send_all(w, LARGE, now);
    assert_false(pl_link_free(w->link, now + 1));
    assert_true(pl_link_free(w->link, now + 4));
    now += 5;
  }
  send_all(w, LARGE, now);
  assert_true(pl_link_free(w->link, now));
  assert_false(pl_link_awaits(w->link));
  // How fast it takes the bytes must do then.
  pl_link_put(w->link, w->bytes, LARGE, now);
  while (!pl_link_drained(w->link)) {
    drink(w, NULL);
    pl_link_flush(w->link, now + 0.5);
  }
  assert_true(pl_link_pace(w->link)->bytes_per_second > 0);
}

static void what_was_begun_is_ended(void **state) {
  const way *w = *state;
  pl_link_put(w->link, w->bytes, LARGE, 1.0);
  assert_false(pl_link_drained(w->link));
  drink(w, NULL);
  pl_link_cut(w->link);
  assert_true(pl_link_drained(w->link));
  char got[64] = "";
  assert_in_range(drink(w, got), 2, sizeof got - 1);
  assert_memory_equal(got, "\x1b\\", 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(all_comes_in_order, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_answer_lets_the_next_go, set_up, tear_down),
      cmocka_unit_test_setup_teardown(small_ones_follow_each_other, set_up, tear_down),
      cmocka_unit_test_setup_teardown(silence, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_was_begun_is_ended, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
