#include "tui/keymap.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "viewers/out_blocks.h"

typedef struct key_word {
  const char *word;
  int key;
} key_word;

static const key_word key_words[];
static const size_t key_word_count;

// One UTF-8 sequence that is all of text[0..length); 0 when it is none.
static int decode_one(const char *text, size_t length) {
  const unsigned char *bytes = (const unsigned char *)text;
  if (length == 1 && bytes[0] < 0x80) return bytes[0];
  const size_t want = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc2 ? 2 : 0;
  if (want == 0 || want != length) return 0;
  int out = bytes[0] & (0xff >> (want + 1));
  for (size_t i = 1; i < want; i++) {
    if ((bytes[i] & 0xc0) != 0x80) return 0;
    out = (out << 6) | (bytes[i] & 0x3f);
  }
  return out <= 0x10ffff ? out : 0;
}

int pl_key_parse(const char *text, size_t length) {
  if (length == 0) return PL_KEY_NONE;
  for (size_t i = 0; i < key_word_count; i++) {
    if (strlen(key_words[i].word) == length && memcmp(key_words[i].word, text, length) == 0) return key_words[i].key;
  }
  if (length == 2 && text[0] == '^' && text[1] >= 'A' && text[1] <= 'Z') return text[1] - 'A' + 1;
  if (text[0] == 'F' && (length == 2 || length == 3)) {
    int number = 0;
    for (size_t i = 1; i < length; i++) {
      if (text[i] < '0' || text[i] > '9') return PL_KEY_NONE;
      number = number * 10 + (text[i] - '0');
    }
    return number >= 1 && number <= 12 ? PL_KEY_F1 + number - 1 : PL_KEY_NONE;
  }
  return decode_one(text, length);
}

void pl_key_name(char out[PL_KEY_NAME_SIZE], int key) {
  for (size_t i = 0; i < key_word_count; i++) {
    if (key_words[i].key == key) {
      snprintf(out, PL_KEY_NAME_SIZE, "%s", key_words[i].word);
      return;
    }
  }
  if (key >= PL_KEY_F1 && key <= PL_KEY_F12) {
    snprintf(out, PL_KEY_NAME_SIZE, "F%d", key - PL_KEY_F1 + 1);
  } else if (key >= 1 && key <= 26) {
    snprintf(out, PL_KEY_NAME_SIZE, "^%c", 'A' + key - 1);
  } else {
    const unsigned length = pl_utf8_put(out, (uint32_t)key);
    out[length] = '\0';
  }
}

bool pl_keys_contain(const char *keys, int key) {
  if (keys == NULL || key == PL_KEY_NONE) return false;
  for (const char *p = keys; *p != '\0';) {
    const size_t length = strcspn(p, " ");
    if (length > 0 && pl_key_parse(p, length) == key) return true;
    p += length;
    p += strspn(p, " ");
  }
  return false;
}

static const key_word key_words[] = {
    {"Up", PL_KEY_UP},        {"Down", PL_KEY_DOWN},           {"Left", PL_KEY_LEFT},
    {"Right", PL_KEY_RIGHT},  {"Home", PL_KEY_HOME},           {"End", PL_KEY_END},
    {"PgUp", PL_KEY_PAGE_UP}, {"PgDn", PL_KEY_PAGE_DOWN},      {"Tab", PL_KEY_TAB},
    {"Enter", PL_KEY_ENTER},  {"Esc", PL_KEY_ESCAPE},          {"BackTab", PL_KEY_BACKTAB},
    {"Del", PL_KEY_DELETE},   {"Backspace", PL_KEY_BACKSPACE}, {"Space", ' '},
};
static const size_t key_word_count = sizeof key_words / sizeof key_words[0];
