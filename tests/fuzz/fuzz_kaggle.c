// What comes from Kaggle or a mirror: heads, and answers and keys in JSON. The first byte says which.
#include <stdlib.h>
#include <string.h>

#include "core/data/http.h"
#include "core/data/kaggle.h"
#include "tests/fuzz/fuzz.h"

static void require(bool holds) {
  if (!holds) abort();
}

static bool is_printable(const char *text) {
  for (const char *p = text; *p != '\0'; p++) {
    if ((unsigned char)*p < ' ' || *p == 0x7f) return false;
  }
  return true;
}

static void try_head(const char *text, size_t length) {
  pl_http_head head = {0};
  for (size_t at = 0; at < length;) {
    const char *end = memchr(text + at, '\n', length - at);
    size_t n = end != NULL ? (size_t)(end - text) - at + 1 : length - at;
    pl_http_head_add(&head, text + at, n);
    at += n;
  }
  char md5[PL_HTTP_MD5_SIZE];
  pl_http_head_md5(md5, &head);
  require(strspn(md5, "0123456789abcdef") == strlen(md5) && (md5[0] == '\0' || strlen(md5) == 32));
  require(is_printable(pl_http_head_validator(&head)) && is_printable(head.location));
  require(head.length >= -1 && head.range_start >= -1 && head.range_total >= -1);
  require(head.status == 0 || (head.status >= 100 && head.status <= 599));
}

static void try_files(const char *text, size_t length) {
  pl_kaggle_files files = {0};
  if (pl_kaggle_files_parse(&files, text, length, NULL) == PL_OK) {
    for (size_t i = 0; i < files.count; i++) {
      require(is_printable(files.items[i].name) && files.items[i].bytes >= -1);
    }
  }
  pl_kaggle_files_clear(&files);
}

static void try_key(const char *text, size_t length) {
  pl_kaggle_key key = {0};
  if (pl_kaggle_key_parse(&key, text, length, NULL) == PL_OK) {
    require(key.user[0] != '\0' && key.key[0] != '\0' && is_printable(key.user) && is_printable(key.key));
    require(strchr(key.user, ':') == NULL);
  }
  pl_kaggle_key_clear(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  if (length == 0) return 0;
  const char *text = (const char *)bytes + 1;
  char words[64];
  switch (bytes[0]) {
    case 'h': try_head(text, length - 1); break;
    case 'f': try_files(text, length - 1); break;
    case 'k': try_key(text, length - 1); break;
    default: pl_kaggle_error_text(words, sizeof words, text, length - 1); require(is_printable(words));
  }
  return 0;
}
