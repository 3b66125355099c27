#include "core/data/kaggle.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum { KEY_FILE_MAX = 1 << 16, FILES_MAX = 100000 };

// The key

// What can stand in a basic authentication, whose parts a colon divides.
static bool take_secret(char *out, size_t size, const char *text, bool colon) {
  size_t length = text != NULL ? strlen(text) : 0;
  if (length == 0 || length >= size) return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] <= ' ' || text[i] > '~' || (text[i] == ':' && !colon)) return false;
  }
  memcpy(out, text, length + 1);
  return true;
}

static bool take_pair(pl_kaggle_key *out, const char *user, const char *key) {
  return take_secret(out->user, sizeof out->user, user, false) && take_secret(out->key, sizeof out->key, key, true);
}

pl_status pl_kaggle_key_parse(pl_kaggle_key *out, const char *bytes, size_t length, pl_error *err) {
  json_error_t where;
  json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &where);
  pl_kaggle_key key = {0};
  bool good = json_is_object(root) && take_pair(&key, json_string_value(json_object_get(root, "username")),
                                                json_string_value(json_object_get(root, "key")));
  json_decref(root);
  // Not jansson's message: it quotes what it found.
  if (!good) {
    return pl_fail(err, PL_E_FORMAT,
                   "is not Kaggle's {\"username\": \"...\", \"key\": \"...\"}; make a new one at "
                   "https://www.kaggle.com/settings");
  }
  *out = key;
  return PL_OK;
}

static pl_status load_file(pl_kaggle_key *out, const char *path, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, KEY_FILE_MAX);
  struct stat st;
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) {
    status = pl_kaggle_key_parse(out, bytes.data, bytes.length, err);
    if (status != PL_OK) pl_wrap(err, "%s", path);
    explicit_bzero(bytes.data, bytes.length);
  }
  pl_buf_clear(&bytes);
  if (status != PL_OK) return status;
  out->file = pl_xstrdup(path);
  out->is_open = stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0;
  return PL_OK;
}

// kaggle.json in the first of the usual folders that has one; the caller frees.
static char *usual_file(void) {
  const char *folder = getenv("KAGGLE_CONFIG_DIR"), *home = getenv("HOME");
  if (folder != NULL && folder[0] != '\0') return pl_path_join(folder, "kaggle.json");
  if (home == NULL || home[0] == '\0') return NULL;
  char *path = pl_path_join(home, ".kaggle/kaggle.json");
  if (pl_fs_is_file(path)) return path;
  free(path);
  return pl_path_join(home, ".config/kaggle/kaggle.json");
}

pl_status pl_kaggle_key_load(pl_kaggle_key *out, const char *file, pl_error *err) {
  if (file != NULL) return load_file(out, file, err);
  pl_kaggle_key key = {0};
  if (take_pair(&key, getenv("KAGGLE_USERNAME"), getenv("KAGGLE_KEY"))) {
    *out = key;
    return PL_OK;
  }
  char *path = usual_file();
  pl_status status = path == NULL || !pl_fs_is_file(path) ? pl_fail(err, PL_E_NOTFOUND, "there is no kaggle.json")
                                                          : load_file(out, path, err);
  free(path);
  return status;
}

void pl_kaggle_key_clear(pl_kaggle_key *key) {
  free(key->file);
  explicit_bzero(key, sizeof *key);
}

// Names and addresses

bool pl_kaggle_is_name(const char *name, bool competition) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  size_t first = strspn(name, letters);
  if (strlen(name) >= PL_KAGGLE_NAME_SIZE || first == 0) return false;
  if (competition || name[first] != '/') return competition && name[first] == '\0';
  size_t second = strspn(name + first + 1, letters);
  return second > 0 && name[first + 1 + second] == '\0';
}

static char *api_url(const char *base, const char *path, const char *name, const char *rest) {
  int length = (int)strlen(base);
  while (length > 0 && base[length - 1] == '/') length--;
  return pl_xprintf("%.*s/api/v1/%s/%s%s", length, base, path, name, rest);
}

char *pl_kaggle_download_url(const char *base, const char *name, bool competition) {
  return api_url(base, competition ? "competitions/data/download-all" : "datasets/download", name, "");
}

char *pl_kaggle_list_url(const char *base, const char *name, bool competition) {
  return api_url(base, competition ? "competitions/data/list" : "datasets/list", name, "");
}

char *pl_kaggle_page_url(const char *name, bool competition) {
  return competition ? pl_xprintf(PL_KAGGLE_BASE "/c/%s/rules", name) : pl_xprintf(PL_KAGGLE_BASE "/datasets/%s", name);
}

// Answers

static void read_file(pl_kaggle_file *out, const json_t *item) {
  const json_t *name = json_object_get(item, "name"), *bytes = json_object_get(item, "totalBytes");
  *out = (pl_kaggle_file){.bytes = -1};
  if (json_is_string(name))
    pl_safe_text(out->name, sizeof out->name, json_string_value(name), json_string_length(name));
  if (json_is_integer(bytes) && json_integer_value(bytes) >= 0) out->bytes = json_integer_value(bytes);
}

pl_status pl_kaggle_files_parse(pl_kaggle_files *out, const char *bytes, size_t length, pl_error *err) {
  json_error_t where;
  json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &where);
  // A competition's answer may be the list itself.
  const json_t *list = json_is_array(root) ? root : json_object_get(root, "datasetFiles");
  if (list == NULL) list = json_object_get(root, "files");
  if (!json_is_array(list) || json_array_size(list) > FILES_MAX) {
    json_decref(root);
    return pl_fail(err, PL_E_FORMAT, "the server's answer is not a list of files");
  }
  const char *token = json_string_value(json_object_get(root, "nextPageToken"));
  pl_kaggle_files files = {.count = json_array_size(list), .more = token != NULL && token[0] != '\0'};
  files.items = pl_xcalloc(files.count, sizeof *files.items);
  for (size_t i = 0; i < files.count; i++) read_file(&files.items[i], json_array_get(list, i));
  json_decref(root);
  *out = files;
  return PL_OK;
}

void pl_kaggle_files_clear(pl_kaggle_files *files) {
  free(files->items);
  *files = (pl_kaggle_files){0};
}

void pl_kaggle_error_text(char *out, size_t size, const char *bytes, size_t length) {
  json_error_t where;
  out[0] = '\0';
  json_t *root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &where);
  const json_t *message = json_object_get(root, "message");
  if (json_is_string(message)) {
    (void)pl_safe_text(out, size, json_string_value(message), json_string_length(message));
  }
  json_decref(root);
}
