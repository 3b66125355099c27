// What was chosen, as JSON: an object of strings and of objects of strings. The plug-in links no JSON library, and such
// a text, which only this file writes, is read in a few lines.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "gpu/internal.h"

enum { TEXT_MAX = 4 << 20, STRING_MAX = 256, ENTRIES_MAX = 65536 };

typedef struct entry {
  char key[PL_DNN_KEY_MAX], engine[PL_DNN_CHOICE_MAX];
} entry;

struct pl_choices {
  const pl_backend *backend;
  entry *entries;
  size_t count, capacity;
  bool off[PL_FUSION_COUNT];
  pl_buf text;
};

static const char *const fusion_names[PL_FUSION_COUNT];

// ---------------------------------------------------------------------------------------------------------------------
// The list

const char *pl_choices_find(const pl_choices *choices, const char *key) {
  for (size_t i = 0; i < choices->count; i++) {
    if (strcmp(choices->entries[i].key, key) == 0) return choices->entries[i].engine;
  }
  return NULL;
}

void pl_choices_add(pl_choices *choices, const char *key, const char *engine) {
  if (pl_choices_find(choices, key) != NULL) return;
  if (choices->count == choices->capacity) {
    choices->capacity = choices->capacity > 0 ? 2 * choices->capacity : 128;
    choices->entries = pl_xrealloc(choices->entries, choices->capacity, sizeof *choices->entries);
  }
  entry *added = &choices->entries[choices->count++];
  pl_copy_text(added->key, sizeof added->key, key);
  pl_copy_text(added->engine, sizeof added->engine, engine);
}

bool pl_choices_fuses(const pl_choices *choices, pl_fusion fusion) { return !choices->off[fusion]; }

void pl_choices_destroy(pl_choices *choices) {
  if (choices == NULL) return;
  pl_buf_clear(&choices->text);
  free(choices->entries);
  free(choices);
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

// What the same arithmetic depends on.
static const char *fact(const pl_backend *b, const char *name) {
  if (strcmp(name, "device") == 0) return b->facts.name;
  if (strcmp(name, "cudnn") == 0) return b->dnn_version;
  if (strcmp(name, "precision") == 0) return pl_gpu_type_name(b->type);
  return NULL;
}

static const char *const fact_names[] = {"device", "cudnn", "precision"};
enum { FACTS = sizeof fact_names / sizeof fact_names[0] };

static void add_string(pl_buf *out, const char *text) {
  pl_buf_add_text(out, "\"");
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') pl_buf_add_text(out, "\\");
    if ((unsigned char)*text >= ' ') pl_buf_add(out, text, 1);
  }
  pl_buf_add_text(out, "\"");
}

static void add_pair(pl_buf *out, const char *before, const char *key, const char *value) {
  pl_buf_add_text(out, before);
  add_string(out, key);
  pl_buf_add_text(out, ": ");
  add_string(out, value);
}

const char *pl_choices_text(pl_choices *choices) {
  pl_buf *out = &choices->text;
  pl_buf_reset(out);
  for (size_t i = 0; i < FACTS; i++) {
    add_pair(out, i == 0 ? "{\n " : ",\n ", fact_names[i], fact(choices->backend, fact_names[i]));
  }
  pl_buf_add_text(out, ",\n \"fusions\": {");
  for (int i = 0; i < PL_FUSION_COUNT; i++) {
    add_pair(out, i == 0 ? "\n  " : ",\n  ", fusion_names[i], choices->off[i] ? "off" : "on");
  }
  pl_buf_add_text(out, "\n },\n \"convolutions\": {");
  for (size_t i = 0; i < choices->count; i++) {
    add_pair(out, i == 0 ? "\n  " : ",\n  ", choices->entries[i].key, choices->entries[i].engine);
  }
  pl_buf_add_text(out, "\n }\n}\n");
  return out->data;
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

typedef struct reader {
  const char *at;
  int line;
  pl_error *err;
  pl_choices *choices;
} reader;

static pl_status malformed(const reader *r, const char *why) {
  return pl_fail(r->err, PL_E_FORMAT, "choices, line %d: %s", r->line, why);
}

static void skip_blanks(reader *r) {
  for (; isspace((unsigned char)*r->at); r->at++) r->line += *r->at == '\n';
}

// Goes past blanks and then `wanted`, if that is there.
static bool skip(reader *r, char wanted) {
  skip_blanks(r);
  if (*r->at != wanted) return false;
  r->at++;
  return true;
}

static pl_status read_string(reader *r, char out[STRING_MAX]) {
  size_t length = 0;
  if (!skip(r, '"')) return malformed(r, "a text in quotes is expected");
  for (; *r->at != '"'; r->at++) {
    if (*r->at == '\\' && *++r->at != '"' && *r->at != '\\') return malformed(r, "only quotes take a backslash here");
    if ((unsigned char)*r->at < ' ') return malformed(r, "a text has no end");
    if (length + 1 == STRING_MAX) return malformed(r, "a text is too long");
    out[length++] = *r->at;
  }
  r->at++;
  out[length] = '\0';
  return PL_OK;
}

static pl_status take_convolution(reader *r, const char *key, const char *value) {
  if (strlen(key) >= PL_DNN_KEY_MAX || strlen(value) >= PL_DNN_CHOICE_MAX || r->choices->count == ENTRIES_MAX) {
    return malformed(r, "this is no convolution's engine");
  }
  if (pl_choices_find(r->choices, key) != NULL) return malformed(r, "a convolution is there twice");
  pl_choices_add(r->choices, key, value);
  return PL_OK;
}

static pl_status take_fusion(reader *r, const char *key, const char *value) {
  bool off = strcmp(value, "off") == 0;
  if (!off && strcmp(value, "on") != 0) return malformed(r, "a fusion is \"on\" or \"off\"");
  for (int i = 0; i < PL_FUSION_COUNT; i++) {
    if (strcmp(key, fusion_names[i]) != 0) continue;
    r->choices->off[i] = off;
    return PL_OK;
  }
  return malformed(r, "there is no such fusion in this version");
}

static pl_status take_fact(reader *r, const char *key, const char *value) {
  const char *here = fact(r->choices->backend, key);
  if (here == NULL) return malformed(r, "an unknown name");
  if (strcmp(here, value) == 0) return PL_OK;
  return pl_fail(r->err, PL_E_USAGE,
                 "the run was made with %s %.80s, but this is %.80s; the same arithmetic cannot be "
                 "repeated",
                 key, value, here);
}

typedef pl_status take(reader *r, const char *key, const char *value);

// What stands between braces, after the first. `outer` may have objects in it.
static pl_status read_object(reader *r, take *take_pair, bool outer) {
  if (skip(r, '}')) return PL_OK;
  do {
    char key[STRING_MAX], value[STRING_MAX];
    pl_status status = read_string(r, key);
    if (status == PL_OK && !skip(r, ':')) status = malformed(r, "a colon is expected");
    if (status != PL_OK) return status;
    if (outer && skip(r, '{')) {
      bool convolutions = strcmp(key, "convolutions") == 0;
      if (!convolutions && strcmp(key, "fusions") != 0) return malformed(r, "an unknown name");
      status = read_object(r, convolutions ? take_convolution : take_fusion, false);
    } else {
      status = read_string(r, value);
      if (status == PL_OK) status = take_pair(r, key, value);
    }
    if (status != PL_OK) return status;
  } while (skip(r, ','));
  return skip(r, '}') ? PL_OK : malformed(r, "a comma or a brace is expected");
}

pl_status pl_choices_create(pl_choices **out, const pl_backend *backend, const char *text, pl_error *err) {
  pl_choices *choices = pl_xcalloc(1, sizeof *choices);
  choices->backend = backend;
  pl_buf_init(&choices->text, TEXT_MAX);
  *out = choices;
  if (text == NULL) return PL_OK;
  reader r = {.at = text, .line = 1, .err = err, .choices = choices};
  pl_status status = skip(&r, '{') ? read_object(&r, take_fact, true) : malformed(&r, "an opening brace is expected");
  if (status != PL_OK) return status;
  skip_blanks(&r);
  return *r.at == '\0' ? PL_OK : malformed(&r, "there is more behind the last brace");
}

static const char *const fusion_names[PL_FUSION_COUNT] = {
    [PL_FUSION_NORM_RELU] = "norm relu",
    [PL_FUSION_ADD_RELU] = "add relu",
    [PL_FUSION_BIAS_RELU] = "bias relu",
    [PL_FUSION_RESIDUAL] = "residual gradient",
    [PL_FUSION_JOIN] = "join",
    [PL_FUSION_UPSAMPLE_CONCAT] = "upsample concat",
    [PL_FUSION_UPSAMPLE_CONV] = "upsample convolution",
};
