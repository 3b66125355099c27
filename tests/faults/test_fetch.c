// Downloads from a server that cuts, stalls, lies and refuses.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/fetch.h"
#include "tests/tools/http_server.h"
#include "tests/tools/testing.h"
#include "tests/tools/zip_maker.h"

enum { CONTENT = 1000, CUT = 400, NOTES = 8 };

#define V1 "ETag: \"v1\"\n"

// What is served: any bytes, no zip.
static char content[CONTENT + 1];

typedef struct fixture {
  char root[32];
  char *path, *part, *note;
  http_server server, other;
  pl_fetch_options options;
  pl_fetch_result result;
  pl_error err;
  char *url, *log;
  char notes[NOTES][200];
  size_t note_count;
  pl_buf text;  // what is in the file afterwards
} fixture;

static void on_note(void *context, const char *text) {
  fixture *f = context;
  if (f->note_count < NOTES) (void)pl_copy_text(f->notes[f->note_count++], sizeof f->notes[0], text);
}

static int set_up(void **state) {
  fixture *f = pl_xcalloc(1, sizeof *f);
  (void)pl_copy_text(f->root, sizeof f->root, "/tmp/pleura-test-XXXXXX");
  if (mkdtemp(f->root) == NULL) return -1;
  for (size_t i = 0; i < CONTENT; i++) content[i] = (char)('a' + i * i % 26);
  f->path = pl_path_join(f->root, "set.bin");
  f->part = pl_path_join(f->root, "set.bin.part");
  f->note = pl_path_join(f->root, "set.bin.part.json");
  f->options = (pl_fetch_options){.what = "the set a/b",
                                  .tries = 3,
                                  .stall_seconds = 1,
                                  .pause_seconds = 0.01,
                                  .spare_bytes = 1,
                                  .note = on_note,
                                  .context = f};
  *state = f;
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  int failed = pl_fs_remove_tree(f->root, NULL) != PL_OK;
  free(f->path);
  free(f->part);
  free(f->note);
  free(f->log);
  free(f->url);
  pl_buf_clear(&f->text);
  free(f);
  return failed;
}

static pl_status fetch_from(fixture *f, const char *host, const http_step *steps, size_t count) {
  http_server_start(&f->server, steps, count);
  free(f->url);
  f->url = pl_xprintf("http://%s:%d/set", host, f->server.port);
  f->options.url = f->url;
  f->note_count = 0;
  f->err = (pl_error){0};
  pl_status status = pl_fetch_file(&f->result, f->path, &f->options, &f->err);
  free(f->log);
  f->log = http_server_stop(&f->server);
  return status;
}

#define FETCH(f, steps) fetch_from((f), "127.0.0.1", (steps), sizeof(steps) / sizeof((steps)[0]))

static size_t count_of(const char *text, const char *words) {
  size_t count = 0;
  for (const char *p = text; (p = strstr(p, words)) != NULL; p++) count++;
  return count;
}

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static void check_whole(fixture *f, pl_status status) {
  if (status != PL_OK) fail_msg("%s", f->err.message);
  pl_buf_clear(&f->text);
  pl_buf_init(&f->text, 1 << 20);
  assert_int_equal(pl_fs_read(&f->text, f->path, NULL), PL_OK);
  assert_string_equal(f->text.data, content);
  assert_int_equal(f->result.bytes, CONTENT);
  assert_false(exists(f->part));
  assert_false(exists(f->note));
}

static void check_nothing(const fixture *f) {
  assert_false(exists(f->path));
  assert_false(exists(f->part));
  assert_false(exists(f->note));
}

static void check_words(const char *text, const char *words) {
  if (strstr(text, words) == NULL) fail_msg("'%s' lacks '%s'", text, words);
}

// Whole and cut

static void test_whole(void **state) {
  fixture *f = *state;
  // An MD5 that is wrong would be noticed: see below.
  const http_step steps[] = {{.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  check_whole(f, FETCH(f, steps));
  assert_int_equal(count_of(f->log, "GET /set "), 1);
  assert_null(strstr(f->log, "Range:"));
  assert_int_equal(FETCH(f, steps), PL_E_EXISTS);
  assert_int_equal(f->log[0], 0);
}

static const http_step cut_step = {
    .head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content, .length = CUT};
static const http_step rest_step = {
    .head = "HTTP/1.1 206 Partial\nContent-Length: 600\nContent-Range: bytes 400-999/1000\n" V1, .body = content + CUT};

static void test_cut(void **state) {
  fixture *f = *state;
  const http_step steps[] = {cut_step, rest_step};
  check_whole(f, FETCH(f, steps));
  check_words(f->log, "Range: bytes=400-\r\n");
  check_words(f->log, "If-Range: \"v1\"\r\n");
  assert_int_equal(f->note_count, 1);
  check_words(f->notes[0], "too early; trying again");
}

static void test_next_call(void **state) {
  fixture *f = *state;
  const http_step first[] = {cut_step}, second[] = {rest_step};
  f->options.tries = 1;
  assert_int_equal(FETCH(f, first), PL_E_IO);
  assert_int_equal(f->result.bytes, CUT);
  assert_false(exists(f->path));
  assert_true(exists(f->part));
  // The port is another one now, and the address with it: a part of another address is not gone on with.
  char *note = NULL;
  pl_buf text;
  pl_buf_init(&text, 1 << 16);
  assert_int_equal(pl_fs_read(&text, f->note, NULL), PL_OK);
  http_server_start(&f->server, second, 1);
  char *url = pl_xprintf("http://127.0.0.1:%d/set", f->server.port);
  char *at = strstr(text.data, f->url);
  assert_non_null(at);
  note = pl_xprintf("%.*s%s%s", (int)(at - text.data), text.data, url, at + strlen(f->url));
  assert_int_equal(pl_fs_replace(f->note, note, strlen(note), NULL), PL_OK);
  f->options.url = url;
  check_whole(f, pl_fetch_file(&f->result, f->path, &f->options, &f->err));
  assert_int_equal(f->result.resumed, CUT);
  free(http_server_stop(&f->server));
  free(url);
  free(note);
  pl_buf_clear(&text);
}

static void test_other_address(void **state) {
  fixture *f = *state;
  const http_step first[] = {cut_step};
  const http_step whole[] = {{.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  f->options.tries = 1;
  assert_int_equal(FETCH(f, first), PL_E_IO);
  check_whole(f, FETCH(f, whole));
  assert_null(strstr(f->log, "Range:"));
}

static void test_stall(void **state) {
  fixture *f = *state;
  http_step stalled = cut_step;
  stalled.stalls = true;
  const http_step steps[] = {stalled, rest_step};
  check_whole(f, FETCH(f, steps));
  check_words(f->notes[0], "nothing came for 1 s");
}

// Nothing that tells versions apart: what was cut is not gone on with.
static void test_no_validator(void **state) {
  fixture *f = *state;
  const http_step steps[] = {{.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n", .body = content, .length = CUT},
                             {.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n", .body = content}};
  check_whole(f, FETCH(f, steps));
  assert_null(strstr(f->log, "Range:"));
}

static void test_range_ignored(void **state) {
  fixture *f = *state;
  const http_step steps[] = {cut_step, {.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  check_whole(f, FETCH(f, steps));
  check_words(f->log, "Range: bytes=400-\r\n");
  check_words(f->notes[1], "from the first byte again");
}

static void test_new_version(void **state) {
  fixture *f = *state;
  // The old version's beginning, and a server that hands out the rest of the new one although If-Range says not to.
  const http_step steps[] = {
      {.head = "HTTP/1.1 200 OK\nContent-Length: 1000\nETag: \"old\"\n", .body = "old bytes"},
      {.head = "HTTP/1.1 206 Partial\nContent-Length: 991\nContent-Range: bytes 9-999/1000\n" V1, .body = content + 9},
      {.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  check_whole(f, FETCH(f, steps));
  check_words(f->log, "If-Range: \"old\"");
  check_words(f->notes[1], "another version");
}

// The rest from the wrong place would leave a hole.
static void test_wrong_range(void **state) {
  fixture *f = *state;
  const http_step steps[] = {
      cut_step,
      {.head = "HTTP/1.1 206 Partial\nContent-Length: 500\nContent-Range: bytes 500-999/1000\n" V1,
       .body = content + 500},
      {.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  check_whole(f, FETCH(f, steps));
}

// Lies

static void test_too_short(void **state) {
  fixture *f = *state;
  // 2000 bytes are announced; after 1000 the server has no more, ever.
  const http_step steps[] = {{.head = "HTTP/1.1 200 OK\nContent-Length: 2000\n" V1, .body = content},
                             {.head = "HTTP/1.1 416 No\nContent-Range: bytes */1000\nContent-Length: 0\n"},
                             {.head = "HTTP/1.1 200 OK\nContent-Length: 2000\n" V1, .body = content},
                             {.head = "HTTP/1.1 416 No\nContent-Range: bytes */1000\nContent-Length: 0\n"}};
  assert_int_equal(FETCH(f, steps), PL_E_FORMAT);
  check_words(f->err.message, "1000 bytes came, 2000 were announced");
  check_nothing(f);
}

static void test_too_long(void **state) {
  fixture *f = *state;
  // An archive whose announced length is too short lacks its directory.
  static const zip_maker_member members[] = {{.name = "a", .bytes = "text"}};
  pl_buf zip;
  pl_buf_init(&zip, 1 << 16);
  zip_maker_add(&zip, members, 1);
  free(f->path);
  f->path = pl_path_join(f->root, "set.zip");
  const http_step lie[] = {
      {.head = "HTTP/1.1 200 OK\nContent-Length: 50\n" V1, .body = zip.data, .length = zip.length}};
  assert_int_equal(FETCH(f, lie), PL_E_FORMAT);
  check_words(f->err.message, "not a whole zip archive");
  assert_int_equal(count_of(f->log, "GET "), 2);
  assert_false(exists(f->path));
  char *head = pl_xprintf("HTTP/1.1 200 OK\nContent-Length: %zu\n" V1, zip.length);
  const http_step truth[] = {{.head = head, .body = zip.data, .length = zip.length}};
  if (FETCH(f, truth) != PL_OK) fail_msg("%s", f->err.message);
  assert_true(f->result.zip_checked);
  free(head);
  pl_buf_clear(&zip);
  // More than the rest that was announced.
  assert_int_equal(unlink(f->path), 0);
  http_step more = rest_step;
  more.head = "HTTP/1.1 206 Partial\nContent-Range: bytes 400-999/1000\n" V1;
  more.endless = true;
  const http_step steps[] = {cut_step, more};
  free(f->path);
  f->path = pl_path_join(f->root, "set.bin");
  assert_int_equal(FETCH(f, steps), PL_E_FORMAT);
  check_nothing(f);
}

static void test_endless(void **state) {
  fixture *f = *state;
  f->options.size_max = 1 << 20;
  const http_step steps[] = {{.head = "HTTP/1.1 200 OK\n" V1, .body = content, .endless = true}};
  assert_int_equal(FETCH(f, steps), PL_E_LIMIT);
  check_nothing(f);
  const http_step huge[] = {{.head = "HTTP/1.1 200 OK\nContent-Length: 99999999999\n" V1, .body = content}};
  assert_int_equal(FETCH(f, huge), PL_E_LIMIT);
  check_nothing(f);
  // Words of an error that never end, too.
  const http_step words[] = {{.head = "HTTP/1.1 404 No\n", .body = content, .endless = true}};
  assert_int_equal(FETCH(f, words), PL_E_NOTFOUND);
}

static void test_md5(void **state) {
  fixture *f = *state;
  const http_step wrong[] = {
      {.head = "HTTP/1.1 200 OK\nContent-Length: 1000\nx-goog-hash: md5=XrY7u+Ae7tCTyyK7j1rNww==\n" V1,
       .body = content}};
  assert_int_equal(FETCH(f, wrong), PL_E_FORMAT);
  check_words(f->err.message, "MD5");
  check_words(f->notes[0], "starting anew");
  assert_int_equal(count_of(f->log, "GET "), 2);
  check_nothing(f);
  const http_step right[] = {
      {.head = "HTTP/1.1 200 OK\nContent-Length: 11\nContent-MD5: XrY7u+Ae7tCTyyK7j1rNww==\n", .body = "hello world"}};
  assert_int_equal(FETCH(f, right), PL_OK);
  assert_true(f->result.md5_checked);
}

static void test_no_space(void **state) {
  fixture *f = *state;
  f->options.spare_bytes = UINT64_MAX / 2;
  const http_step steps[] = {{.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  assert_int_equal(FETCH(f, steps), PL_E_NOSPACE);
  check_nothing(f);
}

// Refusals

static pl_status fetch_answer(fixture *f, const char *head, const char *body) {
  const http_step steps[] = {{.head = head, .body = body}};
  return FETCH(f, steps);
}

static void test_refusals(void **state) {
  fixture *f = *state;
  const pl_kaggle_key key = {.user = "me", .key = "k"};
  assert_int_equal(fetch_answer(f, "HTTP/1.1 401 No\n", ""), PL_E_UNSUPPORTED);
  check_words(f->err.message, "needs a key");
  f->options.key = &key;
  f->options.page = "https://www.kaggle.com/datasets/a/b";
  assert_int_equal(fetch_answer(f, "HTTP/1.1 401 No\n", ""), PL_E_UNSUPPORTED);
  check_words(f->err.message, "is not accepted");
  assert_int_equal(fetch_answer(f, "HTTP/1.1 403 No\n", ""), PL_E_UNSUPPORTED);
  check_words(f->err.message, "accept its rules at https://www.kaggle.com/datasets/a/b");
  assert_int_equal(fetch_answer(f, "HTTP/1.1 404 No\n", "{\"message\":\"no\\u001b[31m set\"}"), PL_E_NOTFOUND);
  check_words(f->err.message, "the set a/b (404): no\\x1b[31m set");
  assert_int_equal(count_of(f->log, "GET "), 1);
  assert_int_equal(fetch_answer(f, "HTTP/1.1 418 Teapot\n", "x"), PL_E_UNSUPPORTED);
  assert_int_equal(fetch_answer(f, "garbage", ""), PL_E_UNSUPPORTED);
  check_nothing(f);
}

static void test_busy_server(void **state) {
  fixture *f = *state;
  const http_step steps[] = {{.head = "HTTP/1.1 429 Slow\nRetry-After: 1\n", .body = "{\"message\":\"slow down\"}"},
                             {.head = "HTTP/1.1 503 Later\n"},
                             {.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  check_whole(f, FETCH(f, steps));
  check_words(f->notes[0], "(429): slow down; trying again in 1 s");
  check_words(f->notes[1], "(503)");
  assert_int_equal(unlink(f->path), 0);
  // Nobody waits for hours.
  assert_int_equal(fetch_answer(f, "HTTP/1.1 429 Slow\nRetry-After: 7200\n", ""), PL_E_IO);
  check_words(f->err.message, "come back in 120 minutes");
  assert_int_equal(count_of(f->log, "GET "), 1);
  assert_int_equal(fetch_answer(f, "HTTP/1.1 500 Oh\n", ""), PL_E_IO);
  check_words(f->err.message, "given up after 3 tries");
  assert_int_equal(count_of(f->log, "GET "), 3);
}

static void test_redirect(void **state) {
  fixture *f = *state;
  const pl_kaggle_key key = {.user = "me", .key = "s3cret"};
  const http_step whole[] = {{.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  f->options.key = &key;
  f->options.send_credentials = true;
  http_server_start(&f->other, whole, 1);
  char *head = pl_xprintf("HTTP/1.1 302 Found\nLocation: http://localhost:%d/signed?s=1\n", f->other.port);
  const http_step steps[] = {{.head = "HTTP/1.1 302 Found\nLocation: /next\n"}, {.head = head}};
  check_whole(f, FETCH(f, steps));
  // Both times here, never there.
  assert_int_equal(count_of(f->log, "Authorization: Basic bWU6czNjcmV0\r\n"), 2);
  check_words(f->log, "GET /next ");
  char *log = http_server_stop(&f->other);
  check_words(log, "GET /signed?s=1 ");
  assert_null(strstr(log, "Authorization"));
  free(log);
  free(head);
  // Not without being asked to, as this is not Kaggle.
  assert_int_equal(unlink(f->path), 0);
  f->options.send_credentials = false;
  check_whole(f, FETCH(f, whole));
  assert_null(strstr(f->log, "Authorization"));
  assert_int_equal(unlink(f->path), 0);
  f->options.send_credentials = true;
  assert_int_equal(fetch_answer(f, "HTTP/1.1 302 Found\nLocation: /round\n", ""), PL_E_UNSUPPORTED);
  check_words(f->err.message, "in a circle");
  assert_int_equal(fetch_answer(f, "HTTP/1.1 302 Found\nLocation: file:///etc/passwd\n", ""), PL_E_USAGE);
  assert_int_equal(fetch_answer(f, "HTTP/1.1 302 Found\nLocation: http://a:b@127.0.0.1/\n", ""), PL_E_UNSUPPORTED);
  // Over http to elsewhere, or with the key in the address: not even a try.
  f->options.url = "http://192.0.2.1/set";
  assert_int_equal(pl_fetch_file(&f->result, f->path, &f->options, &f->err), PL_E_USAGE);
  f->options.url = "https://me:s3cret@192.0.2.1/set";
  assert_int_equal(pl_fetch_file(&f->result, f->path, &f->options, &f->err), PL_E_USAGE);
  assert_null(strstr(f->err.message, "s3cret"));
  check_nothing(f);
}

static void test_no_connection(void **state) {
  fixture *f = *state;
  const http_step steps[] = {{.head = "HTTP/1.1 200 OK\n", .body = "x"}};
  http_server_start(&f->server, steps, 1);
  f->url = pl_xprintf("https://127.0.0.1:%d/set", f->server.port);
  f->options.url = f->url;
  assert_int_equal(pl_fetch_file(&f->result, f->path, &f->options, &f->err), PL_E_UNSUPPORTED);
  check_words(f->err.message, "no safe connection (TLS)");
  free(http_server_stop(&f->server));
  // Nobody listens there any more.
  free(f->url);
  f->url = pl_xprintf("http://127.0.0.1:%d/set", f->server.port);
  f->options.url = f->url;
  assert_int_equal(pl_fetch_file(&f->result, f->path, &f->options, &f->err), PL_E_IO);
  check_nothing(f);
}

// The part

static bool after_some_bytes(void *context) {
  const fixture *f = context;
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 20);
  bool some = pl_fs_read(&bytes, f->part, NULL) == PL_OK && bytes.length >= CUT;
  pl_buf_clear(&bytes);
  return some;
}

static void test_cancelled(void **state) {
  fixture *f = *state;
  http_step stalled = cut_step;
  stalled.stalls = true;
  const http_step steps[] = {stalled};
  f->options.stall_seconds = 60;
  f->options.cancelled = after_some_bytes;
  assert_int_equal(FETCH(f, steps), PL_E_CANCELLED);
  assert_true(exists(f->part));
  assert_true(exists(f->note));
  assert_false(exists(f->path));
}

static void test_odd_parts(void **state) {
  fixture *f = *state;
  const http_step whole[] = {{.head = "HTTP/1.1 200 OK\nContent-Length: 1000\n" V1, .body = content}};
  // A note that would put a line into our request, and one that is no JSON.
  static const char *const notes[] = {
      "{\"url\":\"URL\",\"validator\":\"\\\"a\\r\\nX-Evil: 1\",\"md5\":\"\",\"total\":1000}", "{", ""};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(pl_fs_replace(f->part, "junk", 4, NULL), PL_OK);
    assert_int_equal(pl_fs_replace(f->note, notes[i], strlen(notes[i]), NULL), PL_OK);
    check_whole(f, FETCH(f, whole));
    assert_null(strstr(f->log, "Range:"));
    assert_int_equal(unlink(f->path), 0);
  }
  // A link in place of the part is not followed.
  char *target = pl_path_join(f->root, "precious");
  assert_int_equal(pl_fs_replace(target, "precious", 8, NULL), PL_OK);
  assert_int_equal(symlink(target, f->part), 0);
  assert_int_equal(FETCH(f, whole), PL_E_IO);
  pl_buf text;
  pl_buf_init(&text, 100);
  assert_int_equal(pl_fs_read(&text, target, NULL), PL_OK);
  assert_string_equal(text.data, "precious");
  pl_buf_clear(&text);
  free(target);
  assert_int_equal(unlink(f->part), 0);
  int fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  assert_int_equal(FETCH(f, whole), PL_E_BUSY);
  close(fd);
}

// As a person calls it

static int run_pleura(char *const arguments[], const char *output, bool interrupt, const char *part) {
  const char *build = getenv("PLEURA_BUILD");
  assert_non_null(build);
  char *program = pl_path_join(build, "bin/pleura");
  pid_t child = fork();
  if (child == 0) {
    if (freopen(output, "w", stdout) == NULL || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) _exit(99);
    execv(program, arguments);
    _exit(98);
  }
  free(program);
  // Until the first bytes are there.
  struct stat st = {0};
  for (int i = 0; interrupt && i < 2000 && (stat(part, &st) != 0 || st.st_size == 0); i++) {
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  if (interrupt) (void)kill(child, SIGINT);
  int how = 0;
  assert_int_equal(waitpid(child, &how, 0), child);
  return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static void check_run(fixture *f, const http_step *steps, size_t count, const char *extra, bool interrupt, int code,
                      const char *words) {
  http_server_start(&f->server, steps, count);
  char *base = pl_xprintf("http://127.0.0.1:%d", f->server.port), *output = pl_path_join(f->root, "output");
  char *config = pl_path_join(f->root, "kaggle.json"), *part = pl_path_join(f->root, "set/b.zip.part");
  char *folder = pl_path_join(f->root, "set");
  const char *key = "{\"username\":\"me\",\"key\":\"s3cret\"}";
  assert_int_equal(pl_fs_replace(config, key, strlen(key), NULL), PL_OK);
  char *arguments[] = {(char *)"pleura",
                       (char *)"fetch",
                       (char *)"a/b",
                       (char *)"-o",
                       folder,
                       (char *)"--config",
                       config,
                       (char *)"--url",
                       base,
                       (char *)(uintptr_t)extra,
                       NULL};
  int got = run_pleura(arguments, output, interrupt, part);
  pl_buf text;
  pl_buf_init(&text, 1 << 16);
  assert_int_equal(pl_fs_read(&text, output, NULL), PL_OK);
  if (got != code || strstr(text.data, words) == NULL) fail_msg("%d instead of %d: %s", got, code, text.data);
  assert_null(strstr(text.data, "s3cret"));
  free(f->log);
  f->log = http_server_stop(&f->server);
  pl_buf_clear(&text);
  free(base);
  free(output);
  free(config);
  free(part);
  free(folder);
}

static void test_command(void **state) {
  fixture *f = *state;
  static const zip_maker_member members[] = {{.name = "siim/dicom-images-train/a.dcm", .bytes = "text"}};
  pl_buf zip;
  pl_buf_init(&zip, 1 << 16);
  zip_maker_add(&zip, members, 1);
  char *head = pl_xprintf("HTTP/1.1 200 OK\nContent-Length: %zu\n" V1, zip.length);
  http_step whole[] = {{.head = head, .body = zip.data, .length = zip.length}}, stalled = whole[0];
  stalled.length = 20;
  stalled.stalls = true;
  check_run(f, &stalled, 1, NULL, true, 6, "b.zip.part is kept: the same command goes on from there");
  check_run(f, whole, 1, "--send-credentials", false, 0, "pleura import");
  check_words(f->log, "GET /api/v1/datasets/download/a/b ");
  check_words(f->log, "Authorization: Basic bWU6czNjcmV0\r\n");
  check_run(f, whole, 1, NULL, false, 2, "is there already");
  char *archive = pl_path_join(f->root, "set/b.zip");
  assert_true(exists(archive));
  assert_int_equal(unlink(archive), 0);
  free(archive);
  const http_step refused[] = {{.head = "HTTP/1.1 403 No\n"}};
  check_run(f, refused, 1, NULL, false, 3, "https://www.kaggle.com/datasets/a/b");
  const http_step list[] = {
      {.head = "HTTP/1.1 200 OK\n", .body = "{\"datasetFiles\":[{\"name\":\"siim.zip\",\"totalBytes\":123}]}"}};
  check_run(f, list, 1, "--list", false, 0, "123  siim.zip");
  check_words(f->log, "GET /api/v1/datasets/list/a/b ");
  assert_null(strstr(f->log, "Authorization"));
  check_run(f, list, 1, "c/d", false, 2, "one data set or competition at a time");
  free(head);
  pl_buf_clear(&zip);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_whole),       TEST(test_cut),           TEST(test_next_call),     TEST(test_other_address),
      TEST(test_stall),       TEST(test_no_validator),  TEST(test_range_ignored), TEST(test_new_version),
      TEST(test_wrong_range), TEST(test_too_short),     TEST(test_too_long),      TEST(test_endless),
      TEST(test_md5),         TEST(test_no_space),      TEST(test_refusals),      TEST(test_busy_server),
      TEST(test_redirect),    TEST(test_no_connection), TEST(test_cancelled),     TEST(test_odd_parts),
      TEST(test_command),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
