#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/tools/testing.h"
#include "tests/unit/viewers/suites.h"
#include "viewers/caps.h"

// What a terminal answered to pl_caps_questions(), fed byte by byte. Returns how many bytes came out as input.
static size_t feed(pl_caps *caps, const char *bytes, size_t length) {
  pl_reply_parser parser = {0};
  size_t input = 0;
  for (size_t i = 0; i < length; i++) {
    pl_reply_result result = pl_reply_feed(&parser, (unsigned char)bytes[i]);
    if (result == PL_REPLY_COMPLETE) pl_caps_apply(caps, &parser.reply);
    if (result == PL_REPLY_INPUT) input += parser.input_length;
  }
  assert_false(pl_reply_pending(&parser));
  return input;
}

static pl_caps caps_of(const char *replies) {
  pl_caps caps = {0};
  assert_int_equal(feed(&caps, replies, strlen(replies)), 0);
  return caps;
}

static void xterm_vt340(void **state) {
  (void)state;
  pl_caps caps = caps_of(
      "\x1bP>|XTerm(379)\x1b\\\x1b[?1;0;1024S\x1b[?2;0;1000;1000S\x1b[?2026;0$y\x1b[?1016;2$y"
      "\x1b]11;rgb:ffff/8080/0000\x1b\\\x1b[?63;1;2;4;6;9;15;16;22;28c");
  assert_true(caps.answered && caps.sixel && caps.pixel_mouse && !caps.synchronized && caps.composes);
  assert_int_equal(caps.registers, 1024);
  assert_int_equal(caps.max_width, 1000);
  assert_int_equal(caps.max_height, 1000);
  assert_int_equal(caps.cell_width, 0);
  assert_string_equal(caps.name, "XTerm(379)");
  assert_true(caps.has_background && caps.background.r == 255 && caps.background.g == 128 && caps.background.b == 0);
}

static void xterm_without_sixel(void **state) {
  (void)state;
  pl_caps caps =
      caps_of("\x1bP>|XTerm(379)\x1b\\\x1b[?1;3;0S\x1b[?2;3;0S\x1b[?2026;0$y\x1b[?1016;2$y\x1b[?64;1;2;6;9;15;16c");
  assert_true(caps.answered && !caps.sixel);
  assert_int_equal(caps.registers, 0);
  assert_int_equal(caps.max_width, 0);
}

// mlterm answers the question for the geometry as if the registers had been asked for.
static void mlterm(void **state) {
  (void)state;
  pl_caps caps = caps_of("\x1b[?1;0;1024S\x1b[?1;0;1024S\x1b[6;19;12t\x1b[4;1045;1080t\x1b[?63;1;2;3;4;7;29c");
  assert_true(caps.sixel && !caps.composes);
  assert_int_equal(caps.registers, 1024);
  assert_int_equal(caps.max_width, 0);
  assert_int_equal(caps.cell_width, 12);
  assert_int_equal(caps.cell_height, 19);
  assert_int_equal(caps.text_width, 1080);
}

static void foot(void **state) {
  (void)state;
  pl_caps caps = caps_of(
      "\x1bP>|foot(1.13.1)\x1b\\\x1b[?1;0;1024S\x1b[?2;0;10000;10000S\x1b[6;14;7t\x1b[4;896;994t\x1b[?2026;2$y"
      "\x1b[?1016;2$y\x1b]11;rgb:24/24/24\x1b\\\x1b[?62;4;22c");
  assert_true(caps.sixel && caps.synchronized && caps.pixel_mouse);
  assert_int_equal(caps.cell_width, 7);
  assert_int_equal(caps.max_width, 10000);
  assert_int_equal(caps.background.b, 0x24);
}

// It keeps pictures, and not many.
static void tmux_34(void **state) {
  (void)state;
  const pl_caps_env env = {.term = "tmux-256color", .tmux = "/tmp/tmux-0/default,1,0", .locale = "C.UTF-8"};
  pl_caps caps = caps_of("\x1bP>|tmux 3.4\x1b\\\x1b[?1;0;1024S\x1b[6;15;8t\x1b[?1;2;4c");
  assert_true(caps.answered && caps.tmux && caps.sixel && !caps.composes);
  assert_int_equal(pl_caps_decide(&caps, &env, NULL), PL_OK);
  assert_int_equal(caps.graphics, PL_GRAPHICS_SIXEL);
  assert_in_range(caps.keeps_pictures, 1, 9);
  const pl_caps_env blocks = {.term = "tmux-256color", .graphics = "blocks"};
  assert_int_equal(pl_caps_decide(&caps, &blocks, NULL), PL_OK);
  assert_int_equal(caps.keeps_pictures, 0);
  caps = caps_of("\x1bP>|XTerm(379)\x1b\\\x1b[6;15;8t\x1b[?1;2;4c");
  assert_int_equal(pl_caps_decide(&caps, &(pl_caps_env){.term = "xterm"}, NULL), PL_OK);
  assert_int_equal(caps.keeps_pictures, 0);
}

static void tmux_33a(void **state) {
  (void)state;
  pl_caps caps = caps_of("\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c");
  assert_true(caps.answered && caps.tmux && !caps.sixel);
}

// An APC string makes a title in tmux.
static void no_question_is_a_title(void **state) {
  (void)state;
  assert_null(strstr(pl_caps_questions(false), "\x1b_"));
  assert_null(strstr(pl_caps_questions(false), "\x1bk"));
}

// A 4 in the first place is the terminal's class, and a missing, huge or absurd number tells nothing.
static void absurd_numbers(void **state) {
  (void)state;
  pl_caps caps = caps_of(
      "\x1b[?4;1c\x1b[6;0;0t\x1b[6;99999;1t\x1b[4;1t\x1b[?2;0;0;5S\x1b[?1;0;0S\x1b[?1;0S\x1b[?S\x1b[t"
      "\x1b[?99999999999999999999;0;5S\x1b[?2;0;99999999;99999999S\x1b]11;rgb:zz/1/1\x1b\\\x1b]11;rgb:12345/1/1\x07");
  assert_true(caps.answered && !caps.sixel && !caps.has_background);
  assert_int_equal(caps.registers + caps.max_width + caps.cell_width + caps.text_width, 0);
}

// The name comes from outside and is shown.
static void name_is_made_safe(void **state) {
  (void)state;
  pl_caps caps = caps_of("\x1bP>|evil\x08\x9b\x0e name\x1b\\");
  for (const char *c = caps.name; *c != '\0'; c++) assert_in_range(*c, ' ', '~');
}

static void expect_input(const char *bytes, const char *want) {
  pl_reply_parser parser = {0};
  char got[256] = "";
  size_t length = 0;
  for (const char *c = bytes; *c != '\0'; c++) {
    if (pl_reply_feed(&parser, (unsigned char)*c) != PL_REPLY_INPUT) continue;
    memcpy(got + length, parser.input, parser.input_length);
    length += parser.input_length;
    got[length] = '\0';
  }
  assert_string_equal(got, want);
}

static void keys_pass(void **state) {
  (void)state;
  static const char *const keys[] = {"hello",
                                     "\x1b[A",
                                     "\x1b[1;5C",
                                     "\x1bOP",
                                     "\x1b[3~",
                                     "\x1b"
                                     "x",
                                     "\x1b[<0;12;5M",
                                     "\x1b[<0;12;5m",
                                     "\x1b[1;2R",
                                     "\xc3\xbc\t\r\x7f",
                                     "\x1b[200~paste\x1b[201~",
                                     "\x1b[I",
                                     "\x1b[97;5u"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) expect_input(keys[i], keys[i]);
}

static void late_replies_are_no_keys(void **state) {
  (void)state;
  expect_input(
      "a\x1b[?63;1;2;4c"
      "b\x1bP>|XTerm(379)\x1b\\c\x1b[24;80Rd\x1b[0ne\x1b[6;15;8tf",
      "abcdef");
  expect_input(
      "a\x1b]11;rgb:0/0/0\x07"
      "b\x1b_Gi=1;OK\x1b\\c\x1b\\d\x1b[>41;379;0ce\x1b[?1;2$yf",
      "abcdef");
  expect_input("a\x1bP>|XTe\x1b[Ab", "a\x1b[Ab");  // a string that was cut off, and a key
  expect_input("a\x1b[?63;\x1b[B", "a\x1b[B");     // a sequence that was cut off
  expect_input(
      "a\x1bP1$r0m\x18"
      "b",
      "ab");  // CAN ends it
}

static void endless_strings_stay_swallowed(void **state) {
  (void)state;
  pl_reply_parser parser = {0};
  const char *begin = "\x1bP";
  for (size_t i = 0; i < 2; i++) pl_reply_feed(&parser, (unsigned char)begin[i]);
  for (size_t i = 0; i < 100000; i++) assert_int_equal(pl_reply_feed(&parser, 'q'), PL_REPLY_MORE);
  assert_int_equal(pl_reply_feed(&parser, 0x1b), PL_REPLY_MORE);
  assert_int_equal(pl_reply_feed(&parser, '\\'), PL_REPLY_COMPLETE);
  assert_int_equal(pl_reply_feed(&parser, 'q'), PL_REPLY_INPUT);
}

static void silence_decides(void **state) {
  (void)state;
  pl_reply_parser parser = {0};
  pl_reply_feed(&parser, 0x1b);
  assert_int_equal(pl_reply_idle(&parser, 0.01), PL_REPLY_MORE);
  assert_int_equal(pl_reply_idle(&parser, 0.06), PL_REPLY_INPUT);
  assert_int_equal(parser.input_length, 1);
  assert_int_equal(pl_reply_idle(&parser, 10), PL_REPLY_MORE);
  pl_reply_feed(&parser, 0x1b);
  pl_reply_feed(&parser, 'P');  // Alt and P
  assert_int_equal(pl_reply_idle(&parser, 0.06), PL_REPLY_INPUT);
  assert_int_equal(parser.input_length, 2);
  pl_reply_feed(&parser, 0x1b);
  pl_reply_feed(&parser, ']');
  pl_reply_feed(&parser, '1');
  assert_int_equal(pl_reply_idle(&parser, 0.06), PL_REPLY_MORE);
  assert_true(pl_reply_pending(&parser));
  assert_int_equal(pl_reply_idle(&parser, 1.1), PL_REPLY_COMPLETE);
  assert_int_equal(parser.reply.kind, PL_REPLY_OTHER);
  assert_false(pl_reply_pending(&parser));
}

// Random bytes, dense in what begins and ends sequences: no read or write outside (the sanitizer looks on), lengths in
// bounds, and no input that begins like a private reply.
static void random_bytes(void **state) {
  (void)state;
  static const char dense[] = "\x1b\x1b\x1b[[]P_O\\?;0123456789tcSRy$>|\x07\x18G11;rgb:/";
  uint32_t seed = 7;
  pl_reply_parser parser = {0};
  pl_caps caps = {0};
  for (int i = 0; i < 400000; i++) {
    seed = seed * 1664525 + 1013904223;
    unsigned char byte =
        (unsigned char)(seed & 0x40000000 ? seed >> 16 : (unsigned)dense[(seed >> 8) % (sizeof dense - 1)]);
    pl_reply_result result = pl_reply_feed(&parser, byte);
    if (result == PL_REPLY_MORE && seed % 97 == 0) result = pl_reply_idle(&parser, seed % 3 * 0.5);
    if (result == PL_REPLY_COMPLETE) {
      assert_true(parser.reply.arg_count <= PL_REPLY_ARGS_MAX);
      assert_true(strnlen(parser.reply.text, PL_REPLY_TEXT_MAX) < PL_REPLY_TEXT_MAX);
      pl_caps_apply(&caps, &parser.reply);
    } else if (result == PL_REPLY_INPUT) {
      assert_in_range(parser.input_length, 1, sizeof parser.input);
      bool private = parser.input_length > 2 && parser.input[1] == '[' && strchr("?>=", parser.input[2]) != NULL;
      assert_false(parser.input[0] == 0x1b && private);
    }
  }
}

static void environment(void **state) {
  (void)state;
  pl_error err = {0};
  pl_caps_env env = {.term = "xterm-256color", .locale = "de_DE.UTF-8"};
  pl_caps caps = pl_caps_from_env(&env);
  assert_true(caps.utf8 && caps.colours == PL_COLOURS_256 && caps.graphics == PL_GRAPHICS_BLOCKS);
  caps.sixel = true;
  assert_int_equal(pl_caps_decide(&caps, &env, &err), PL_OK);
  assert_int_equal(caps.graphics, PL_GRAPHICS_BLOCKS);  // sixel without a cell size is of no use
  caps.cell_width = 8;
  caps.cell_height = 16;
  assert_int_equal(pl_caps_decide(&caps, &env, &err), PL_OK);
  assert_int_equal(caps.graphics, PL_GRAPHICS_SIXEL);
  env.graphics = "blocks";
  assert_int_equal(pl_caps_decide(&caps, &env, &err), PL_OK);
  assert_int_equal(caps.graphics, PL_GRAPHICS_BLOCKS);
  env.graphics = "ascii";
  assert_int_equal(pl_caps_decide(&caps, &env, &err), PL_OK);
  assert_int_equal(caps.graphics, PL_GRAPHICS_ASCII);
  env.graphics = "kitty";
  assert_int_equal(pl_caps_decide(&caps, &env, &err), PL_E_USAGE);
  env = (pl_caps_env){.term = "linux", .colorterm = "truecolor", .graphics = "sixel"};
  caps = pl_caps_from_env(&env);
  assert_true(caps.colours == PL_COLOURS_TRUE && !caps.utf8);
  assert_int_equal(pl_caps_decide(&caps, &env, &err), PL_OK);
  assert_true(caps.graphics == PL_GRAPHICS_SIXEL && caps.cell_width > 0);
  // Neither colours nor UTF-8: nothing is left but characters.
  env = (pl_caps_env){.term = "vt220", .locale = "C"};
  caps = pl_caps_from_env(&env);
  assert_int_equal(pl_caps_decide(&caps, &env, &err), PL_OK);
  assert_int_equal(caps.graphics, PL_GRAPHICS_ASCII);
  assert_true(pl_graphics_is_choice("auto") && pl_graphics_is_choice("ascii") && !pl_graphics_is_choice("kitty"));
  assert_string_equal(pl_graphics_name(PL_GRAPHICS_BLOCKS), "blocks");
  env = (pl_caps_env){.term = "dumb"};
  assert_int_equal(pl_caps_from_env(&env).graphics, PL_GRAPHICS_NONE);
  env = (pl_caps_env){.term = "linux", .no_color = "1"};
  assert_int_equal(pl_caps_from_env(&env).colours, PL_COLOURS_MONO);
  env.no_color = NULL;
  assert_int_equal(pl_caps_from_env(&env).colours, PL_COLOURS_16);
}

// A terminal that waits for the fence, then answers with a key in the middle.
static void *answer(void *context) {
  int fd = *(int *)context;
  char bytes[512];
  size_t length = 0;
  while (length < 3 || memcmp(bytes + length - 3, "\x1b[c", 3) != 0) {
    ssize_t count = read(fd, bytes + length, sizeof bytes - length);
    if (count <= 0) return NULL;
    length += (size_t)count;
  }
  static const char replies[] =
      "\x1b[?1;0;256S"
      "k\x1b[6;16;8t\x1b[?62;4c";
  ssize_t written = write(fd, replies, sizeof replies - 1);
  (void)written;
  return NULL;
}

static int open_pty(int *terminal) {
  int controller = posix_openpt(O_RDWR | O_NOCTTY);
  if (controller < 0 || grantpt(controller) != 0 || unlockpt(controller) != 0) return -1;
  *terminal = open(ptsname(controller), O_RDWR | O_NOCTTY);
  return controller;
}

static void probe_on_a_pty(void **state) {
  (void)state;
  int terminal = -1, controller = open_pty(&terminal);
  if (controller < 0 || terminal < 0) {
    print_message("no pseudo terminal here\n");
    skip();
  }
  setenv("TERM", "xterm", 1);
  unsetenv("PLEURA_GRAPHICS");
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, answer, &controller), 0);
  pl_caps caps = {0};
  pl_error err = {0};
  pl_buf typed;
  pl_buf_init(&typed, 100);
  assert_int_equal(pl_caps_probe(&caps, terminal, terminal, &typed, &err), PL_OK);
  pthread_join(thread, NULL);
  assert_true(caps.answered && caps.sixel && caps.graphics == PL_GRAPHICS_SIXEL);
  assert_int_equal(caps.registers, 256);
  assert_int_equal(caps.cell_height, 16);
  assert_string_equal(typed.data, "k");
  pl_buf_clear(&typed);
  // Nobody answers: one second, then blocks.
  assert_int_equal(pl_caps_probe(&caps, terminal, terminal, NULL, &err), PL_OK);
  assert_false(caps.answered);
  assert_int_equal(caps.graphics, PL_GRAPHICS_BLOCKS);
  close(terminal);
  close(controller);
}

static void probe_without_a_terminal(void **state) {
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pl_caps caps = {0};
  assert_int_equal(pl_caps_probe(&caps, ends[0], ends[1], NULL, NULL), PL_OK);
  assert_false(caps.answered);
  close(ends[1]);
  char byte;
  assert_int_equal(read(ends[0], &byte, 1), 0);  // nothing was sent
  close(ends[0]);
}

int run_caps_tests(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(xterm_vt340),
      cmocka_unit_test(xterm_without_sixel),
      cmocka_unit_test(mlterm),
      cmocka_unit_test(foot),
      cmocka_unit_test(tmux_34),
      cmocka_unit_test(tmux_33a),
      cmocka_unit_test(no_question_is_a_title),
      cmocka_unit_test(absurd_numbers),
      cmocka_unit_test(name_is_made_safe),
      cmocka_unit_test(keys_pass),
      cmocka_unit_test(late_replies_are_no_keys),
      cmocka_unit_test(endless_strings_stay_swallowed),
      cmocka_unit_test(silence_decides),
      cmocka_unit_test(random_bytes),
      cmocka_unit_test(environment),
      cmocka_unit_test(probe_on_a_pty),
      cmocka_unit_test(probe_without_a_terminal),
  };
  return cmocka_run_group_tests_name("caps", tests, NULL, NULL);
}
