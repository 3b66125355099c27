#include "tui/shellwords.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"

static const char special[] = " \\\"'";

// The end of the word that begins at `text`; *open tells that a quote in it is not closed.
static const char *end_of_word(const char *text, bool *open) {
  char quote = '\0';
  const char *p = text;
  for (; *p != '\0' && (quote != '\0' || *p != ' '); p++) {
    if (*p == '\\' && quote != '\'' && p[1] != '\0') {
      p++;
    } else if (quote != '\0') {
      if (*p == quote) quote = '\0';
    } else if (*p == '"' || *p == '\'') {
      quote = *p;
    }
  }
  *open = quote != '\0';
  return p;
}

size_t pl_shellwords_last(const char *line) {
  const char *start = line;
  bool open = false;
  for (;;) {
    const char *end = end_of_word(start, &open);
    if (*end == '\0') return (size_t)(start - line);
    start = end + 1;
  }
}

char *pl_shellwords_plain(const char *word) {
  char *out = pl_xcalloc(strlen(word) + 1, 1), *to = out, quote = '\0';
  for (const char *p = word; *p != '\0'; p++) {
    if (*p == '\\' && quote != '\'' && p[1] != '\0') {
      *to++ = *++p;
    } else if (quote != '\0' ? *p == quote : *p == '"' || *p == '\'') {
      quote = quote != '\0' ? '\0' : *p;
    } else {
      *to++ = *p;
    }
  }
  const char *home = getenv("HOME");
  if (word[0] != '~' || (word[1] != '/' && word[1] != '\0') || home == NULL) return out;
  char *whole = pl_xprintf("%s%s", home, out + 1);
  free(out);
  return whole;
}

char *pl_shellwords_quote(const char *plain) {
  char *out = pl_xcalloc(2 * strlen(plain) + 1, 1), *to = out;
  for (const char *p = plain; *p != '\0'; p++) {
    if (strchr(special, *p) != NULL || (*p == '~' && p == plain)) *to++ = '\\';
    *to++ = *p;
  }
  return out;
}

pl_status pl_shellwords_split(char ***words, size_t *count, const char *line, pl_error *err) {
  char **list = NULL;
  size_t used = 0;
  for (const char *p = line + strspn(line, " "); *p != '\0'; p += strspn(p, " ")) {
    bool open = false;
    const char *end = end_of_word(p, &open);
    if (open) {
      pl_fs_free_names(list, used);
      return pl_fail(err, PL_E_USAGE, "a quote is not closed: %s", p);
    }
    char *word = pl_xprintf("%.*s", (int)(end - p), p);
    list = pl_xrealloc(list, used + 1, sizeof *list);
    list[used++] = pl_shellwords_plain(word);
    free(word);
    p = end;
  }
  *words = list;
  *count = used;
  return PL_OK;
}
