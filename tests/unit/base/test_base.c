#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/rng.h"
#include "core/base/seal.h"
#include "core/base/status.h"
#include "core/base/str.h"
#include "tests/tools/testing.h"

static void safe_text_escapes(void **state) {
  (void)state;
  char out[64];
  static const struct {
    const char *in, *want;
  } cases[] = {
      {"plain", "plain"},
      {"a\x1b[31mb", "a\\x1b[31mb"},
      {"\xc2\x9d"
       "52;c",
       "\\xc2\\x9d52;c"},
      {"\xe2\x80\xae"
       "gpj.exe",
       "\\xe2\\x80\\xaegpj.exe"},
      {"M\xc3\xbcller", "M\xc3\xbcller"},
      {"\xff\xfe", "\\xff\\xfe"},
      {"\xc0\xaf", "\\xc0\\xaf"},
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_safe_text(out, sizeof out, cases[i].in, strlen(cases[i].in));
    assert_string_equal(out, cases[i].want);
  }
  assert_int_equal(pl_safe_text(out, 4, "M\xc3\xbc\xc3\xbc", 5), 3);  // never half a character
  assert_string_equal(out, "M\xc3\xbc");
  assert_int_equal(pl_safe_text(out, 4, "\x1b", 1), 0);
}

static void errors_carry_context(void **state) {
  (void)state;
  pl_error err = {0};
  assert_int_equal(pl_fail(&err, PL_E_FORMAT, "odd number of values (%d)", 3), PL_E_FORMAT);
  assert_int_equal(pl_wrap(&err, "train-rle.csv line %d", 812), PL_E_FORMAT);
  assert_string_equal(err.message, "train-rle.csv line 812: odd number of values (3)");
  for (int i = 0; i < 100; i++) pl_wrap(&err, "again and again and again");
  assert_true(strlen(err.message) < sizeof err.message);
  pl_fail(&err, PL_E_FORMAT, "%s", "\x1b]0;evil\x07");
  assert_null(strchr(err.message, 0x1b));
  assert_int_equal(pl_fail(NULL, PL_E_IO, "ignored"), PL_E_IO);
}

static void numbers(void **state) {
  (void)state;
  uint64_t u = 0;
  int64_t i = 0;
  double d = 0;
  assert_true(pl_parse_u64(&u, "18446744073709551615", 20) && u == UINT64_MAX);
  assert_false(pl_parse_u64(&u, "18446744073709551616", 20));
  assert_false(pl_parse_u64(&u, "", 0) || pl_parse_u64(&u, " 1", 2) || pl_parse_u64(&u, "1x", 2));
  assert_true(pl_parse_i64(&i, "-9223372036854775808", 20) && i == INT64_MIN);
  assert_false(pl_parse_i64(&i, "9223372036854775808", 19) || pl_parse_i64(&i, "-", 1));
  assert_true(pl_parse_double(&d, "1e-4", 4) && d == 1e-4);
  assert_false(pl_parse_double(&d, "nan", 3) || pl_parse_double(&d, "1e999", 5) || pl_parse_double(&d, "1,5", 3));
  size_t s = 0;
  assert_false(pl_mul_size(&s, SIZE_MAX, 2) || pl_add_size(&s, SIZE_MAX, 1));
}

static void buffer_keeps_its_maximum(void **state) {
  (void)state;
  pl_buf buf;
  pl_buf_init(&buf, 10);
  assert_true(pl_buf_add_text(&buf, "12345"));
  assert_true(pl_buf_printf(&buf, "%d", 67890));
  assert_string_equal(buf.data, "1234567890");
  assert_false(pl_buf_add_text(&buf, "x"));
  assert_false(pl_buf_add_text(&buf, ""));  // a failure stays
  assert_true(buf.failed && buf.length == 10);
  pl_buf_clear(&buf);
}

static void files_are_replaced_whole(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-test-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *path = pl_path_join(folder, "a/b/c.txt"), *parent = pl_path_join(folder, "a/b");
  pl_error err = {0};
  assert_int_equal(pl_fs_make_folders(parent, &err), PL_OK);
  assert_int_equal(pl_fs_replace(path, "first", 5, &err), PL_OK);
  assert_int_equal(pl_fs_replace(path, "second", 6, &err), PL_OK);
  pl_buf buf;
  pl_buf_init(&buf, 6);
  assert_int_equal(pl_fs_read(&buf, path, &err), PL_OK);
  assert_string_equal(buf.data, "second");
  pl_buf_clear(&buf);
  pl_buf_init(&buf, 5);
  assert_int_equal(pl_fs_read(&buf, path, &err), PL_E_LIMIT);
  pl_buf_clear(&buf);
  char **names = NULL;
  size_t count = 0;
  assert_int_equal(pl_fs_list(&names, &count, parent, &err), PL_OK);
  assert_int_equal(count, 1);  // no temporary file is left beside it
  pl_fs_free_names(names, count);
  assert_int_equal(pl_fs_make_folders(path, &err), PL_E_EXISTS);
  assert_int_equal(pl_fs_remove_tree(folder, &err), PL_OK);
  assert_false(pl_fs_is_folder(folder));
  assert_int_equal(pl_fs_remove_tree(folder, &err), PL_OK);
  free(path);
  free(parent);
}

// The values are those of the golden file's `check` block, made by an independent implementation.
static void rng_is_the_published_one(void **state) {
  (void)state;
  assert_true(pl_rng_u64(1, 0, 0) == 0x910a2dec89025cc1u);  // splitmix64's first output for seed 1
  assert_true(2 * pl_rng_float(1, 0, 0) - 1 == 0.13312304019927979f);
  assert_true(2 * pl_rng_float(7, 1000000, 3) - 1 == 0.38340818881988525f);
  assert_true(pl_rng_below(3, 1, 7, 10) < 10);
  double mean = 0, square = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    double x = pl_rng_normal(5, 2, i);
    mean += x / 20000;
    square += x * x / 20000;
  }
  assert_true(mean > -0.03 && mean < 0.03 && square > 0.96 && square < 1.04);
  assert_true(pl_rng_derive(1, "shuffle") != pl_rng_derive(1, "augment"));
}

static void hashes(void **state) {
  (void)state;
  char hex[PL_SHA256_HEX_SIZE];
  pl_sha256_bytes(hex, "abc", 3);
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  pl_sha256_bytes(hex, "", 0);
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  pl_sha256 hash;
  pl_sha256_init(&hash);
  char a[1000];
  memset(a, 'a', sizeof a);
  for (int i = 0; i < 1000; i++) pl_sha256_add(&hash, a, sizeof a);
  pl_sha256_finish(&hash, hex);
  assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // Without the processor's instructions.
  pl_sha256_init(&hash);
  hash.fast = false;
  for (int i = 0; i < 1000; i++) pl_sha256_add(&hash, a, sizeof a);
  pl_sha256_finish(&hash, hex);
  assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  assert_int_equal(pl_crc32(0, "123456789", 9), 0xCBF43926u);
}

static void md5_of_files(void **state) {
  (void)state;
  // RFC 1321, A.5, and lengths around the padding and the chunk (from md5sum).
  static const struct {
    const char *text;
    size_t repeat;
    const char *hex;
  } cases[] = {
      {"", 1, "d41d8cd98f00b204e9800998ecf8427e"},
      {"abc", 1, "900150983cd24fb0d6963f7d28e17f72"},
      {"12345678901234567890123456789012345678901234567890123456789012345678901234567890", 1,
       "57edf4a22be3c955ac49da2e2107b67a"},
      {"a", 55, "ef1772b6dff9a122358552954ad0df65"},
      {"a", 56, "3b0c8ac703f828b04c6c197006d17218"},
      {"a", 64, "014842d480b571495a4a0363793f7367"},
      {"a", 16384, "09b47cf07c9d0ea589e0e2aa7d0d3550"},
      {"a", 100000, "1af6d6f2f682f76f80e606aeaaee1680"},
  };
  char path[] = "/tmp/pleura-test-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_buf bytes;
    pl_buf_init(&bytes, 1 << 20);
    for (size_t k = 0; k < cases[i].repeat; k++) pl_buf_add_text(&bytes, cases[i].text);
    assert_int_equal(pl_fs_replace(path, bytes.data, bytes.length, NULL), PL_OK);
    char hex[PL_MD5_HEX_SIZE];
    assert_int_equal(pl_md5_file(hex, path, NULL), PL_OK);
    assert_string_equal(hex, cases[i].hex);
    pl_buf_clear(&bytes);
  }
  unlink(path);
  char hex[PL_MD5_HEX_SIZE];
  assert_int_equal(pl_md5_file(hex, "/nowhere", NULL), PL_E_NOTFOUND);
}

static pl_status refuse(void *context, const char *written, pl_error *err) {
  char **seen = context;
  *seen = pl_xstrdup(written);
  return pl_fail(err, PL_E_FORMAT, "not good enough");
}

static void replacing_can_be_refused(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-base-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *path = pl_path_join(folder, "file"), *written = NULL;
  assert_int_equal(pl_fs_replace(path, "old", 3, NULL), PL_OK);
  pl_error err = {0};
  assert_int_equal(pl_fs_replace_checked(path, "new", 3, refuse, &written, &err), PL_E_FORMAT);
  assert_string_equal(err.message, "not good enough");
  // The old bytes are there, and what was written aside is gone.
  pl_buf text;
  pl_buf_init(&text, 100);
  assert_int_equal(pl_fs_read(&text, path, &err), PL_OK);
  assert_string_equal(text.data, "old");
  assert_false(pl_fs_is_file(written));
  pl_buf_clear(&text);
  free(written);
  free(path);
  assert_int_equal(pl_fs_remove_tree(folder, &err), PL_OK);
}

static void sealed_lines(void **state) {
  (void)state;
  pl_buf line;
  pl_buf_init(&line, 200);
  (void)pl_buf_add_text(&line, "{\"a\":1");
  pl_seal(&line);
  // zlib.crc32(b'{"a":1')
  assert_string_equal(line.data, "{\"a\":1,\"crc\":\"a702fc6e\"}\n");
  const size_t length = line.length - 1;
  assert_true(pl_seal_holds(line.data, length));
  for (size_t cut = 0; cut < length; cut++) assert_false(pl_seal_is_there(line.data, cut));
  for (size_t i = 0; i < length; i++) {
    line.data[i] ^= 1;
    assert_false(pl_seal_holds(line.data, length));
    line.data[i] ^= 1;
  }
  pl_buf_clear(&line);
}

// Gives a lock back after a moment.
static void *let_go(void *fd) {
  (void)usleep(60 * 1000);
  (void)close(*(int *)fd);
  return NULL;
}

static void locks_are_for_one(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-test-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *path = pl_path_join(folder, "lock"), *other = pl_path_join(folder, "other");
  pl_error err = {0};
  int mine = -1, theirs = -1;
  assert_int_equal(pl_lock_is_held(path), 0);  // no such file
  assert_int_equal(pl_lock_take(&mine, path, &err), PL_OK);
  assert_int_equal(pl_lock_is_held(path), 1);
  assert_int_equal(pl_lock_take(&theirs, path, &err), PL_E_BUSY);
  assert_non_null(strstr(err.message, "is held by another process"));
  assert_int_equal(theirs, -1);
  const int opened = open(path, O_RDONLY | O_CLOEXEC);
  assert_int_equal(pl_lock_file(opened, path, NULL), PL_E_BUSY);

  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, let_go, &mine), 0);
  assert_int_equal(pl_lock_wait(&theirs, path, &err), PL_OK);
  assert_int_equal(pthread_join(thread, NULL), 0);
  (void)close(theirs);
  assert_int_equal(pl_lock_is_held(path), 0);
  assert_int_equal(pl_lock_file(opened, path, &err), PL_OK);
  assert_int_equal(pl_lock_is_held(path), 1);

  assert_true(pl_lock_is_of(opened, path));
  assert_int_equal(pl_fs_replace(path, "", 0, &err), PL_OK);
  assert_false(pl_lock_is_of(opened, path));
  (void)close(opened);
  assert_int_equal(symlink(path, other), 0);  // a link is not followed to somebody else's file
  assert_int_equal(pl_lock_take(&theirs, other, &err), PL_E_IO);
  assert_int_equal(pl_lock_is_held(other), -1);
  assert_int_equal(pl_fs_remove_tree(folder, &err), PL_OK);
  free(path);
  free(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(safe_text_escapes),
      cmocka_unit_test(errors_carry_context),
      cmocka_unit_test(numbers),
      cmocka_unit_test(buffer_keeps_its_maximum),
      cmocka_unit_test(files_are_replaced_whole),
      cmocka_unit_test(replacing_can_be_refused),
      cmocka_unit_test(locks_are_for_one),
      cmocka_unit_test(sealed_lines),
      cmocka_unit_test(rng_is_the_published_one),
      cmocka_unit_test(hashes),
      cmocka_unit_test(md5_of_files),
  };
  return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
