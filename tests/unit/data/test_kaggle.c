#include "core/data/kaggle.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/fetch_private.h"
#include "core/data/http.h"
#include "tests/tools/testing.h"

// The key

static void test_key_texts(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "{}",
                                    "[1]",
                                    "{\"username\":\"me\"}",
                                    "{\"username\":\"me\",\"key\":\"\"}",
                                    "{\"username\":\"a:b\",\"key\":\"k\"}",
                                    "{\"username\":\"me\",\"key\":\"k\\r\\nX: y\"}",
                                    "{\"username\":\"me\",\"key\":5}",
                                    "{\"username\":\"me\",\"username\":\"you\",\"key\":\"k\"}"};
  pl_kaggle_key key = {0};
  pl_error err = {0};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(pl_kaggle_key_parse(&key, bad[i], strlen(bad[i]), &err), PL_E_FORMAT);
  }
  const char *secret = "{\"username\": \"me\", \"key\": \"s3cret:x\", ";
  assert_int_equal(pl_kaggle_key_parse(&key, secret, strlen(secret), &err), PL_E_FORMAT);
  assert_null(strstr(err.message, "s3cret"));
  const char *good = "{\"username\": \"me\", \"key\": \"s3cret:x\", \"more\": 1}";
  assert_int_equal(pl_kaggle_key_parse(&key, good, strlen(good), &err), PL_OK);
  assert_string_equal(key.user, "me");
  assert_string_equal(key.key, "s3cret:x");
  pl_kaggle_key_clear(&key);
  assert_int_equal(key.key[0], 0);
}

static void write_key(const char *path, const char *user, mode_t mode) {
  char *text = pl_xprintf("{\"username\":\"%s\",\"key\":\"k\"}", user);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  assert_int_equal(chmod(path, mode), 0);
  free(text);
}

static void check_user(const char *file, const char *user, bool open) {
  pl_kaggle_key key = {0};
  pl_error err = {0};
  if (pl_kaggle_key_load(&key, file, &err) != PL_OK) fail_msg("%s", err.message);
  assert_string_equal(key.user, user);
  assert_int_equal(key.is_open, open);
  pl_kaggle_key_clear(&key);
}

static void test_key_places(void **state) {
  (void)state;
  char root[] = "/tmp/pleura-test-XXXXXX";
  assert_non_null(mkdtemp(root));
  char *home = pl_path_join(root, ".kaggle"), *in_home = pl_path_join(home, "kaggle.json");
  char *config = pl_path_join(root, "kaggle.json"), *other = pl_path_join(root, "other.json");
  assert_int_equal(setenv("HOME", root, 1) | unsetenv("KAGGLE_CONFIG_DIR") | unsetenv("KAGGLE_USERNAME"), 0);
  pl_kaggle_key key = {0};
  pl_error err = {0};
  assert_int_equal(pl_kaggle_key_load(&key, NULL, &err), PL_E_NOTFOUND);
  assert_int_equal(pl_fs_make_folders(home, NULL), PL_OK);
  write_key(in_home, "home", 0600);
  write_key(config, "config", 0644);
  write_key(other, "other", 0640);
  check_user(NULL, "home", false);
  assert_int_equal(setenv("KAGGLE_CONFIG_DIR", root, 1), 0);
  check_user(NULL, "config", true);
  assert_int_equal(setenv("KAGGLE_USERNAME", "env", 1) | setenv("KAGGLE_KEY", "k", 1), 0);
  check_user(NULL, "env", false);
  check_user(other, "other", true);
  assert_int_equal(pl_kaggle_key_load(&key, "/nowhere/kaggle.json", &err), PL_E_NOTFOUND);
  assert_int_equal(pl_fs_remove_tree(root, NULL), PL_OK);
  free(home);
  free(in_home);
  free(config);
  free(other);
}

// Names, addresses, and who sees the key

static void test_names(void **state) {
  (void)state;
  assert_true(pl_kaggle_is_name("seesee/siim-train-test", false));
  assert_true(pl_kaggle_is_name("siim-acr-pneumothorax-segmentation", true));
  static const char *const bad[] = {"", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b?c", "a b/c", "a/b\n"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(pl_kaggle_is_name(bad[i], false));
  assert_false(pl_kaggle_is_name("a/b", true));
  char *url = pl_kaggle_download_url("http://127.0.0.1:80//", "a/b", false);
  assert_string_equal(url, "http://127.0.0.1:80/api/v1/datasets/download/a/b");
  free(url);
  url = pl_kaggle_list_url(PL_KAGGLE_BASE, "c", true);
  assert_string_equal(url, "https://www.kaggle.com/api/v1/competitions/data/list/c");
  free(url);
}

static void test_who_sees_the_key(void **state) {
  (void)state;
  static const struct {
    const char *first, *url;
    bool alone, sent;  // without and with --send-credentials
  } cases[] = {
      {"https://www.kaggle.com/a", "https://www.kaggle.com/b", true, true},
      {"https://kaggle.com/a", "https://KAGGLE.com:443/b", true, true},
      {"https://www.kaggle.com/a", "http://www.kaggle.com/a", false, false},
      {"http://www.kaggle.com/a", "http://www.kaggle.com/a", false, false},
      {"https://www.kaggle.com/a", "https://www.kaggle.com:444/a", false, false},
      {"https://www.kaggle.com/a", "https://kaggle.com/a", false, false},
      {"https://www.kaggle.com/a", "https://storage.googleapis.com/a", false, false},
      {"https://evilkaggle.com/", "https://evilkaggle.com/", false, true},
      {"https://kaggle.com.evil.org/", "https://kaggle.com.evil.org/", false, true},
      {"http://127.0.0.1:81/", "http://127.0.0.1:81/", false, true},
      {"http://127.0.0.1:81/", "http://127.0.0.1:82/", false, false},
      {"http://127.0.0.1/", "http://localhost/", false, false},
      {"http://[::1]/", "http://[::1]/", false, true},
      {"http://127.evil.org/", "http://127.evil.org/", false, false},
      {"http://192.0.2.1/", "http://192.0.2.1/", false, false},
  };
  pl_http *http = NULL;
  pl_error err = {0};
  if (pl_http_create(&http, &err) != PL_OK) fail_msg("%s", err.message);
  const pl_kaggle_key key = {.user = "me", .key = "k"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_http_url first, url;
    assert_int_equal(pl_http_url_parse(&first, http, cases[i].first, NULL, &err), PL_OK);
    assert_int_equal(pl_http_url_parse(&url, http, cases[i].url, NULL, &err), PL_OK);
    pl_fetch_options o = {.key = &key};
    if (fetch_may_see_key(&o, &first, &url) != cases[i].alone) fail_msg("%s after %s", cases[i].url, cases[i].first);
    o.send_credentials = true;
    if (fetch_may_see_key(&o, &first, &url) != cases[i].sent) fail_msg("%s after %s", cases[i].url, cases[i].first);
    o.key = NULL;
    assert_false(fetch_may_see_key(&o, &first, &url));
  }
  pl_http_url url;
  static const char *const bad[] = {"",        "no",           "file:///etc/passwd", "ftp://x/",
                                    "http://", "https://a b/", "http://x:99999/"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(pl_http_url_parse(&url, http, bad[i], NULL, &err), PL_E_USAGE);
  }
  assert_int_equal(pl_http_url_parse(&url, http, "/c?d", "https://a.b/x/y", &err), PL_OK);
  assert_string_equal(url.text, "https://a.b/c?d");
  assert_int_equal(pl_http_url_parse(&url, http, "https://me:pw@a.b/", NULL, &err), PL_OK);
  assert_true(url.has_user);
  pl_http_destroy(http);
}

// Answers

static void test_answers(void **state) {
  (void)state;
  const char *text =
      "{\"datasetFiles\":[{\"name\":\"a.csv\",\"totalBytes\":12},{\"name\":\"\\u001b[2J\"},7],\"nextPageToken\":\"x\"}";
  pl_kaggle_files files = {0};
  pl_error err = {0};
  assert_int_equal(pl_kaggle_files_parse(&files, text, strlen(text), &err), PL_OK);
  assert_int_equal(files.count, 3);
  assert_string_equal(files.items[0].name, "a.csv");
  assert_int_equal(files.items[0].bytes, 12);
  assert_null(strchr(files.items[1].name, 0x1b));
  assert_int_equal(files.items[1].bytes, -1);
  assert_true(files.more);
  pl_kaggle_files_clear(&files);
  assert_int_equal(pl_kaggle_files_parse(&files, "[]", 2, &err), PL_OK);
  pl_kaggle_files_clear(&files);
  assert_int_equal(pl_kaggle_files_parse(&files, "<html>", 6, &err), PL_E_FORMAT);
  char words[20];
  pl_kaggle_error_text(words, sizeof words, "{\"code\":403,\"message\":\"no\\u0007 way\"}", 34);
  assert_null(strchr(words, 7));
  pl_kaggle_error_text(words, sizeof words, "<html>", 6);
  assert_string_equal(words, "");
}

static void add(pl_http_head *head, const char *line) { pl_http_head_add(head, line, strlen(line)); }

static void test_heads(void **state) {
  (void)state;
  pl_http_head h = {0};
  char md5[PL_HTTP_MD5_SIZE];
  add(&h, "HTTP/1.1 206 Partial Content\r\n");
  add(&h, "content-LENGTH:  12 \r\n");
  add(&h, "Content-Range: bytes 100-111/112\r\n");
  add(&h, "ETag: \"v1\"\r\n");
  add(&h, "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n");
  add(&h, "x-goog-hash: crc32c=AAAAAA==\r\n");
  add(&h, "x-goog-hash: md5=XrY7u+Ae7tCTyyK7j1rNww==\r\n");  // of "hello world"
  assert_int_equal(h.status, 206);
  assert_int_equal(h.length, 12);
  assert_int_equal(h.range_start, 100);
  assert_int_equal(h.range_total, 112);
  assert_string_equal(pl_http_head_validator(&h), "\"v1\"");
  pl_http_head_md5(md5, &h);
  assert_string_equal(md5, "5eb63bbbe01eeed093cb22bb8f5acdc3");
  // The next answer knows nothing of the last one. A weak ETag promises nothing.
  add(&h, "HTTP/2 200 \r\n");
  add(&h, "ETag: W/\"v1\"\r\n");
  add(&h, "Content-Length: -5\r\n");
  add(&h, "Content-Range: bytes */77\r\n");
  assert_int_equal(h.status, 200);
  assert_int_equal(h.length, -1);
  assert_int_equal(h.range_start, -1);
  assert_int_equal(h.range_total, 77);
  assert_string_equal(pl_http_head_validator(&h), "");
  pl_http_head_md5(md5, &h);
  assert_string_equal(md5, "");
  // An ETag is an MD5 only where it is known to be one.
  add(&h, "ETag: \"5eb63bbbe01eeed093cb22bb8f5acdc3\"\r\n");
  pl_http_head_md5(md5, &h);
  assert_string_equal(md5, "");
  add(&h, "x-goog-generation: 1\r\n");
  pl_http_head_md5(md5, &h);
  assert_string_equal(md5, "5eb63bbbe01eeed093cb22bb8f5acdc3");
  add(&h, "HTTP/1.1 99999\r\n");
  assert_int_equal(h.status, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_key_texts),        cmocka_unit_test(test_key_places), cmocka_unit_test(test_names),
      cmocka_unit_test(test_who_sees_the_key), cmocka_unit_test(test_answers),    cmocka_unit_test(test_heads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
