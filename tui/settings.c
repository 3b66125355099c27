#include "tui/settings.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/data/labels.h"
#include "tui/cmd.h"
#include "tui/keymap.h"
#include "tui/theme.h"
#include "viewers/caps.h"
#include "viewers/out_sixel.h"

enum { FILE_MAX = 1 << 18 };

static const char everywhere[] = "everywhere";

typedef struct reader {
  yaml_document_t document;
  const char *path;
  pl_settings *settings;
} reader;

pl_settings pl_settings_default(void) { return (pl_settings){.mouse = true, .bell = true}; }

void pl_settings_clear(pl_settings *settings) {
  for (size_t i = 0; i < PL_SETTINGS_CMDS_MAX; i++) free(settings->keys[i]);
  *settings = pl_settings_default();
}

char *pl_settings_path(void) {
  const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
  if (config != NULL && config[0] == '/') return pl_path_join(config, "pleura/config.yaml");
  return home != NULL && home[0] == '/' ? pl_path_join(home, ".config/pleura/config.yaml") : NULL;
}

const char *pl_settings_keys(const pl_settings *settings, size_t cmd) {
  const char *own = cmd < PL_SETTINGS_CMDS_MAX ? settings->keys[cmd] : NULL;
  if (own == NULL) return pl_cmd_at(cmd)->keys;
  return own[0] != '\0' ? own : NULL;
}

// ---- Reading

static pl_status at(const reader *r, const yaml_node_t *node, pl_error *err) {
  (void)pl_wrap(err, "%s line %zu column %zu", r->path, node->start_mark.line + 1, node->start_mark.column + 1);
  return PL_E_FORMAT;
}

// The text of a scalar without a 0 byte; NULL for anything else.
static const char *text_of(const yaml_node_t *node) {
  if (node->type != YAML_SCALAR_NODE) return NULL;
  const char *text = (const char *)node->data.scalar.value;
  return strlen(text) == node->data.scalar.length ? text : NULL;
}

static bool is_one_of(const char *text, const char *const *names) {
  for (; *names != NULL; names++) {
    if (strcmp(*names, text) == 0) return true;
  }
  return false;
}

static pl_status read_plain(reader *r, const char *name, const yaml_node_t *node, pl_error *err) {
  const char *text = text_of(node);
  if (strcmp(name, "greys") == 0) {
    uint64_t greys = 0;
    if (text == NULL || !pl_parse_u64(&greys, text, strlen(text)) || greys < 16 || greys > PL_SIXEL_GREYS_MAX) {
      (void)pl_fail(err, PL_E_FORMAT, "greys is a number from 16 to %d", PL_SIXEL_GREYS_MAX);
      return at(r, node, err);
    }
    r->settings->greys = (unsigned)greys;
    return PL_OK;
  }
  if (strcmp(name, "mouse") == 0 || strcmp(name, "bell") == 0) {
    const bool on = text != NULL && is_one_of(text, (const char *const[]){"on", "true", "yes", NULL});
    if (!on && (text == NULL || !is_one_of(text, (const char *const[]){"off", "false", "no", NULL}))) {
      (void)pl_fail(err, PL_E_FORMAT, "%s is on or off", name);
      return at(r, node, err);
    }
    *(name[0] == 'm' ? &r->settings->mouse : &r->settings->bell) = on;
    return PL_OK;
  }
  if (strcmp(name, "labels") == 0) {
    pl_label_choice labels;
    if (text == NULL || !pl_label_choice_find(&labels, text)) {
      (void)pl_fail(err, PL_E_FORMAT, "labels is original or corrected");
      return at(r, node, err);
    }
    (void)pl_copy_text(r->settings->labels, sizeof r->settings->labels, text);
    return PL_OK;
  }
  const bool theme = strcmp(name, "theme") == 0;
  if (text == NULL || !(theme ? is_one_of(text, pl_theme_names) : pl_graphics_is_choice(text))) {
    (void)pl_fail(err, PL_E_FORMAT,
                  theme ? "theme is dark, colour-blind, 16 or mono" : "graphics is " PL_GRAPHICS_CHOICES);
    return at(r, node, err);
  }
  (void)pl_copy_text(theme ? r->settings->theme : r->settings->graphics, sizeof r->settings->theme, text);
  return PL_OK;
}

static size_t find_cmd(const char *screen, const char *name) {
  size_t i = 0;
  for (; i < pl_cmd_count(); i++) {
    const pl_cmd *cmd = pl_cmd_at(i);
    const bool here = strcmp(screen, everywhere) == 0 ? cmd->screen == NULL : pl_cmd_belongs_to(cmd, screen);
    if (here && strcmp(cmd->name, name) == 0) break;
  }
  return i;
}

static bool is_screen(const char *name) {
  if (strcmp(name, everywhere) == 0) return true;
  for (size_t i = 0; i < pl_cmd_count(); i++) {
    if (pl_cmd_belongs_to(pl_cmd_at(i), name)) return true;
  }
  return false;
}

static pl_status read_keys_of(reader *r, const char *screen, const yaml_node_pair_t *pair, pl_error *err) {
  const yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);
  const yaml_node_t *value = yaml_document_get_node(&r->document, pair->value);
  const char *name = text_of(key), *keys = text_of(value);
  const size_t cmd = name != NULL ? find_cmd(screen, name) : pl_cmd_count();
  if (cmd == pl_cmd_count()) {
    (void)pl_fail(err, PL_E_FORMAT, "%s has no command '%.40s'; the help (?) names them", screen,
                  name != NULL ? name : "");
    return at(r, key, err);
  }
  for (const char *p = keys; p != NULL && *p != '\0'; p += strspn(p, " ")) {
    const size_t length = strcspn(p, " ");
    if (length > 0 && pl_key_parse(p, length) == PL_KEY_NONE) {
      (void)pl_fail(err, PL_E_FORMAT, "'%.*s' is no key; keys are as in x, ^X, F5, PgUp, Space", (int)length, p);
      return at(r, value, err);
    }
    p += length;
  }
  if (keys == NULL) {
    (void)pl_fail(err, PL_E_FORMAT, "expected keys such as \"n Down\"");
    return at(r, value, err);
  }
  free(r->settings->keys[cmd]);
  r->settings->keys[cmd] = pl_xstrdup(keys);
  return PL_OK;
}

static pl_status read_keys(reader *r, const yaml_node_t *screens, pl_error *err) {
  if (screens->type != YAML_MAPPING_NODE) {
    (void)pl_fail(err, PL_E_FORMAT, "keys holds screens: 'everywhere' or the name of one");
    return at(r, screens, err);
  }
  for (yaml_node_pair_t *p = screens->data.mapping.pairs.start; p < screens->data.mapping.pairs.top; p++) {
    const yaml_node_t *key = yaml_document_get_node(&r->document, p->key);
    const yaml_node_t *commands = yaml_document_get_node(&r->document, p->value);
    const char *screen = text_of(key);
    if (screen == NULL || !is_screen(screen) || commands->type != YAML_MAPPING_NODE) {
      (void)pl_fail(err, PL_E_FORMAT, "expected 'everywhere' or a screen with its commands below it");
      return at(r, key, err);
    }
    yaml_node_pair_t *q = commands->data.mapping.pairs.start;
    for (; q < commands->data.mapping.pairs.top; q++) {
      pl_status status = read_keys_of(r, screen, q, err);
      if (status != PL_OK) return status;
    }
  }
  return PL_OK;
}

// No key of a screen may stand for two of its commands; one for everywhere may be overridden by a screen's.
static pl_status check_clashes(const reader *r, pl_error *err) {
  for (size_t i = 0; i < pl_cmd_count(); i++) {
    const char *keys = pl_settings_keys(r->settings, i);
    for (size_t k = i + 1; k < pl_cmd_count() && keys != NULL; k++) {
      if (!pl_cmd_meet(pl_cmd_at(i), pl_cmd_at(k))) continue;
      for (const char *p = keys; *p != '\0'; p += strspn(p, " ")) {
        const size_t length = strcspn(p, " ");
        if (length > 0 && pl_keys_contain(pl_settings_keys(r->settings, k), pl_key_parse(p, length))) {
          (void)pl_fail(err, PL_E_FORMAT, "%s: key %.*s of %s stands for %s and for %s", r->path, (int)length, p,
                        pl_cmd_at(i)->screen != NULL ? pl_cmd_at(i)->screen : everywhere, pl_cmd_at(i)->name,
                        pl_cmd_at(k)->name);
          return PL_E_FORMAT;
        }
        p += length;
      }
    }
  }
  return PL_OK;
}

static pl_status read_root(reader *r, pl_error *err) {
  const yaml_node_t *root = yaml_document_get_root_node(&r->document);
  if (root == NULL) return PL_OK;  // an empty file
  if (root->type != YAML_MAPPING_NODE) {
    (void)pl_fail(err, PL_E_FORMAT, "expected lines such as 'theme: mono'");
    return at(r, root, err);
  }
  for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++) {
    const yaml_node_t *key = yaml_document_get_node(&r->document, p->key);
    const yaml_node_t *value = yaml_document_get_node(&r->document, p->value);
    const char *name = text_of(key);
    if (name == NULL || !is_one_of(name, (const char *const[]){"mouse", "bell", "theme", "graphics", "greys", "labels",
                                                               "keys", NULL})) {
      (void)pl_fail(err, PL_E_FORMAT, "'%.40s' is none of theme, mouse, bell, graphics, greys, labels, keys",
                    name != NULL ? name : "");
      return at(r, key, err);
    }
    pl_status status = strcmp(name, "keys") == 0 ? read_keys(r, value, err) : read_plain(r, name, value, err);
    if (status != PL_OK) return status;
  }
  return check_clashes(r, err);
}

static void copy(pl_settings *to, const pl_settings *from) {
  *to = *from;
  for (size_t i = 0; i < PL_SETTINGS_CMDS_MAX; i++) {
    if (from->keys[i] != NULL) to->keys[i] = pl_xstrdup(from->keys[i]);
  }
}

static pl_status parse(reader *r, const pl_buf *bytes, pl_error *err) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) return pl_fail(err, PL_E_NOMEM, "no memory to read %s", r->path);
  yaml_parser_set_input_string(&parser, (const unsigned char *)bytes->data, bytes->length);
  pl_status status = PL_OK;
  if (yaml_parser_load(&parser, &r->document)) {
    status = read_root(r, err);
    yaml_document_delete(&r->document);
  } else {
    status = pl_fail(err, PL_E_FORMAT, "%s line %zu column %zu: %s", r->path, parser.problem_mark.line + 1,
                     parser.problem_mark.column + 1, parser.problem != NULL ? parser.problem : "not YAML");
  }
  yaml_parser_delete(&parser);
  return status;
}

pl_status pl_settings_read(pl_settings *out, const char *path, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, FILE_MAX);
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK && bytes.data != NULL) {
    pl_settings settings;
    copy(&settings, out);
    reader r = {.path = path, .settings = &settings};
    status = parse(&r, &bytes, err);
    pl_settings *loser = status == PL_OK ? out : &settings;
    pl_settings_clear(loser);
    if (status == PL_OK) *out = settings;
  }
  pl_buf_clear(&bytes);
  return status == PL_E_NOTFOUND ? PL_OK : status;
}
