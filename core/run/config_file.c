// Options from files: pleura.yaml by libyaml's events, run.json by jansson.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/base/fs.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/run/config.h"

enum { YAML_FILE_MAX = 1 << 20, YAML_DEPTH_MAX = 64 };

typedef struct yaml_reader {
  yaml_parser_t parser;
  const char *path;
  pl_config *config;
  pl_origin origin;
  char *about;  // of a preset, NULL for another file
  size_t about_size;
  bool about_read;
  bool seen[PL_OPTIONS_MAX];
} yaml_reader;

static pl_status at_mark(const yaml_reader *r, yaml_mark_t mark, pl_error *err) {
  return pl_wrap(err, "%s line %zu column %zu", r->path, mark.line + 1, mark.column + 1);
}

static pl_status next_event(yaml_reader *r, yaml_event_t *event, pl_error *err) {
  if (yaml_parser_parse(&r->parser, event)) return PL_OK;
  const char *problem = r->parser.problem != NULL ? r->parser.problem : "not YAML";
  (void)pl_fail(err, PL_E_FORMAT, "%s", problem);
  return at_mark(r, r->parser.problem_mark, err);
}

// Skips the rest of a mapping or sequence whose start was read.
static pl_status skip_rest(yaml_reader *r, pl_error *err) {
  for (int depth = 1; depth > 0;) {
    yaml_event_t event;
    pl_status status = next_event(r, &event, err);
    if (status != PL_OK) return status;
    if (event.type == YAML_MAPPING_START_EVENT || event.type == YAML_SEQUENCE_START_EVENT) depth++;
    if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT) depth--;
    yaml_mark_t mark = event.start_mark;
    yaml_event_delete(&event);
    if (depth > YAML_DEPTH_MAX) {
      (void)pl_fail(err, PL_E_FORMAT, "more than %d levels deep", YAML_DEPTH_MAX);
      return at_mark(r, mark, err);
    }
  }
  return PL_OK;
}

// The elements of a flow or block sequence as "3,5,6".
static pl_status read_sequence(yaml_reader *r, pl_buf *text, pl_error *err) {
  for (;;) {
    yaml_event_t event;
    pl_status status = next_event(r, &event, err);
    if (status != PL_OK) return status;
    yaml_mark_t mark = event.start_mark;
    bool end = event.type == YAML_SEQUENCE_END_EVENT, fine = event.type == YAML_SCALAR_EVENT;
    if (fine) {
      if (text->length > 0) (void)pl_buf_add_text(text, ",");
      (void)pl_buf_add(text, event.data.scalar.value, event.data.scalar.length);
    }
    yaml_event_delete(&event);
    if (end) return PL_OK;
    if (!fine || text->failed) {
      (void)pl_fail(err, PL_E_FORMAT, "expected a list of numbers");
      return at_mark(r, mark, err);
    }
  }
}

static pl_status value_problem(const yaml_reader *r, yaml_mark_t mark, pl_error *err) {
  // What a user may do wrong in a file is an error of the file.
  err->code = PL_E_FORMAT;
  return at_mark(r, mark, err);
}

// The section `preset`, whose start was read: about, and nothing else.
static pl_status read_about(yaml_reader *r, pl_error *err) {
  for (;;) {
    yaml_event_t key, value;
    pl_status status = next_event(r, &key, err);
    if (status != PL_OK) return status;
    const yaml_mark_t mark = key.start_mark;
    const bool end = key.type == YAML_MAPPING_END_EVENT;
    const bool about = key.type == YAML_SCALAR_EVENT && strcmp((const char *)key.data.scalar.value, "about") == 0;
    yaml_event_delete(&key);
    if (end) return PL_OK;
    if (!about) {
      (void)pl_fail(err, PL_E_FORMAT, "the section 'preset' has one line, 'about'");
      return at_mark(r, mark, err);
    }
    status = next_event(r, &value, err);
    if (status != PL_OK) return status;
    r->about_read = value.type == YAML_SCALAR_EVENT && value.data.scalar.length > 0;
    if (r->about_read) {
      (void)pl_safe_text(r->about, r->about_size, (const char *)value.data.scalar.value, value.data.scalar.length);
    }
    yaml_event_delete(&value);
    if (!r->about_read) {
      (void)pl_fail(err, PL_E_FORMAT, "about: expected a line of text");
      return at_mark(r, mark, err);
    }
  }
}

static pl_status read_value(yaml_reader *r, const char *key, yaml_mark_t key_mark, yaml_event_t *event, pl_error *err) {
  const pl_option *o = pl_option_find(key);
  if (event->type == YAML_MAPPING_START_EVENT && o == NULL) {
    return r->about != NULL && strcmp(key, "preset") == 0 ? read_about(r, err) : skip_rest(r, err);
  }
  if (o == NULL) {
    (void)pl_config_set(r->config, key, "", r->origin, err);
    return value_problem(r, key_mark, err);
  }
  if (o->flags & PL_OPTION_NOT_FROM_WORKSPACE) {
    (void)pl_fail(err, PL_E_FORMAT, "'%s' cannot be set here, only on the command line", key);
    return at_mark(r, key_mark, err);
  }
  if (r->seen[o - pl_options]) {
    (void)pl_fail(err, PL_E_FORMAT, "'%s' is there twice", key);
    return at_mark(r, key_mark, err);
  }
  r->seen[o - pl_options] = true;
  pl_buf text;
  pl_buf_init(&text, PL_OPTION_TEXT_MAX - 1);
  pl_status status = PL_OK;
  yaml_mark_t mark = event->start_mark;
  bool list = o->type == PL_OPTION_INTS || o->type == PL_OPTION_LOSS;
  if (event->type == YAML_SEQUENCE_START_EVENT && list) {
    status = read_sequence(r, &text, err);
  } else if (event->type == YAML_SCALAR_EVENT) {
    (void)pl_buf_add(&text, event->data.scalar.value, event->data.scalar.length);
    if (text.failed || strlen(text.data) != event->data.scalar.length) {
      (void)pl_fail(err, PL_E_FORMAT, "%s: too long or with a 0 byte", key);
      status = at_mark(r, mark, err);
    }
  } else {
    (void)pl_fail(err, PL_E_FORMAT, "%s: expected one value", key);
    status = at_mark(r, mark, err);
  }
  if (status == PL_OK && pl_config_set(r->config, key, text.data != NULL ? text.data : "", r->origin, err)) {
    status = value_problem(r, mark, err);
  }
  pl_buf_clear(&text);
  return status;
}

static pl_status read_mapping(yaml_reader *r, pl_error *err) {
  for (;;) {
    yaml_event_t key;
    pl_status status = next_event(r, &key, err);
    if (status != PL_OK) return status;
    if (key.type == YAML_MAPPING_END_EVENT) {
      yaml_event_delete(&key);
      return PL_OK;
    }
    yaml_mark_t mark = key.start_mark;
    if (key.type != YAML_SCALAR_EVENT || strlen((const char *)key.data.scalar.value) != key.data.scalar.length) {
      yaml_event_delete(&key);
      (void)pl_fail(err, PL_E_FORMAT, "expected the name of an option");
      return at_mark(r, mark, err);
    }
    yaml_event_t value;
    status = next_event(r, &value, err);
    if (status == PL_OK) {
      status = read_value(r, (const char *)key.data.scalar.value, mark, &value, err);
      yaml_event_delete(&value);
    }
    yaml_event_delete(&key);
    if (status != PL_OK) return status;
  }
}

static pl_status read_document(yaml_reader *r, pl_error *err) {
  for (;;) {
    yaml_event_t event;
    pl_status status = next_event(r, &event, err);
    if (status != PL_OK) return status;
    yaml_event_type_t type = event.type;
    yaml_mark_t mark = event.start_mark;
    bool empty = type == YAML_SCALAR_EVENT && event.data.scalar.length == 0;
    yaml_event_delete(&event);
    if (type == YAML_STREAM_END_EVENT) return PL_OK;
    if (type == YAML_MAPPING_START_EVENT) {
      status = read_mapping(r, err);
      if (status != PL_OK) return status;
    } else if ((type == YAML_SCALAR_EVENT && !empty) || type == YAML_SEQUENCE_START_EVENT || type == YAML_ALIAS_EVENT) {
      (void)pl_fail(err, PL_E_FORMAT, "expected lines of the form 'option: value'");
      return at_mark(r, mark, err);
    }
  }
}

// `reader` says what kind of file it is.
static pl_status read_file(pl_config *config, yaml_reader *reader, pl_error *err) {
  pl_error scratch = {0};
  if (err == NULL) err = &scratch;
  pl_buf bytes;
  pl_buf_init(&bytes, YAML_FILE_MAX);
  pl_status status = pl_fs_read(&bytes, reader->path, err);
  if (status != PL_OK) {
    pl_buf_clear(&bytes);
    return status;
  }
  pl_config copy = *config;
  reader->config = &copy;
  if (!yaml_parser_initialize(&reader->parser)) {
    pl_buf_clear(&bytes);
    return pl_fail(err, PL_E_NOMEM, "no memory to read %s", reader->path);
  }
  yaml_parser_set_input_string(&reader->parser, (const unsigned char *)bytes.data, bytes.length);
  status = read_document(reader, err);
  if (status == PL_OK && reader->about != NULL && !reader->about_read) {
    status = pl_fail(err, PL_E_FORMAT, "%s: a preset says what it is for: preset: {about: ...}", reader->path);
  }
  if (status == PL_OK) *config = copy;
  yaml_parser_delete(&reader->parser);
  pl_buf_clear(&bytes);
  return status;
}

pl_status pl_config_read_yaml(pl_config *config, const char *path, pl_error *err) {
  yaml_reader reader = {.path = path, .origin = PL_ORIGIN_WORKSPACE};
  const pl_status status = read_file(config, &reader, err);
  return status == PL_E_NOTFOUND ? PL_OK : status;
}

pl_status pl_config_read_preset(pl_config *config, char *about, size_t about_size, const char *path, pl_error *err) {
  yaml_reader reader = {.path = path, .origin = PL_ORIGIN_PRESET, .about = about, .about_size = about_size};
  return read_file(config, &reader, err);
}

static json_t *json_of(const pl_config *config, const pl_option *o) {
  const void *field = (const char *)config + o->offset;
  const pl_int_list *list = field;
  json_t *array = NULL;
  char text[PL_OPTION_TEXT_MAX];
  switch (o->type) {
    case PL_OPTION_INT: return json_integer(*(const int64_t *)field);
    case PL_OPTION_DOUBLE: return json_real(*(const double *)field);
    case PL_OPTION_TEXT:
    case PL_OPTION_CHOICE: return json_string(field);
    case PL_OPTION_BOOL: return json_boolean(*(const bool *)field);
    case PL_OPTION_INTS:
      array = json_array();
      for (int32_t i = 0; i < list->count; i++) (void)json_array_append_new(array, json_integer(list->values[i]));
      return array;
    case PL_OPTION_LOSS: pl_config_get(text, config, o); return json_string(text);
  }
  return NULL;
}

void pl_config_add_json(pl_buf *out, const pl_config *config) {
  json_t *object = json_object();
  for (size_t i = 0; i < pl_option_count; i++) {
    (void)json_object_set_new(object, pl_options[i].name, json_of(config, &pl_options[i]));
  }
  char *text = json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
  json_decref(object);
  if (text == NULL || !pl_buf_add_text(out, text)) out->failed = true;
  free(text);
}

// The text that pl_config_set takes, from a JSON value of the option's type.
static bool text_of_json(pl_buf *out, const pl_option *o, const json_t *value) {
  switch (o->type) {
    case PL_OPTION_INT:
      return json_is_integer(value) && pl_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case PL_OPTION_DOUBLE: return json_is_number(value) && pl_buf_printf(out, "%.17g", json_number_value(value));
    case PL_OPTION_TEXT:
    case PL_OPTION_LOSS:
    case PL_OPTION_CHOICE: return json_is_string(value) && pl_buf_add_text(out, json_string_value(value));
    case PL_OPTION_BOOL: return json_is_boolean(value) && pl_buf_add_text(out, json_is_true(value) ? "on" : "off");
    case PL_OPTION_INTS:
      if (!json_is_array(value)) return false;
      for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_integer(item)) return false;
        if (!pl_buf_printf(out, "%s%" JSON_INTEGER_FORMAT, i > 0 ? "," : "", json_integer_value(item))) return false;
      }
      return pl_buf_add(out, "", 0);
  }
  return false;
}

pl_status pl_config_read_json(pl_config *config, const char *text, size_t length, pl_error *err) {
  json_error_t problem;
  json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
  if (!json_is_object(object)) {
    json_decref(object);
    return pl_fail(err, PL_E_FORMAT, "options: line %d column %d: %s", problem.line, problem.column,
                   object == NULL ? problem.text : "not an object");
  }
  pl_config copy = *config;
  pl_status status = PL_OK;
  const char *key = NULL;
  json_t *value = NULL;
  json_object_foreach(object, key, value) {
    const pl_option *o = pl_option_find(key);
    pl_buf word;
    pl_buf_init(&word, PL_OPTION_TEXT_MAX - 1);
    if (o == NULL) {
      status = pl_fail(err, PL_E_FORMAT, "option '%.40s' is not known to this version", key);
    } else if (!text_of_json(&word, o, value)) {
      status = pl_fail(err, PL_E_FORMAT, "option '%s' has a value of the wrong type", key);
    } else if (pl_config_set(&copy, key, word.data != NULL ? word.data : "", PL_ORIGIN_RUN, err) != PL_OK) {
      if (err != NULL) err->code = PL_E_FORMAT;
      status = PL_E_FORMAT;
    } else {
      if (o >= pl_options + pl_option_count) o = pl_option_find("loss");
      copy.origin[o - pl_options] = PL_ORIGIN_COMMAND;
    }
    pl_buf_clear(&word);
    if (status != PL_OK) break;
  }
  json_decref(object);
  if (status == PL_OK) *config = copy;
  return status;
}
