#include "core/net/weights.h"

#include "tests/tools/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/backend_ref/backend_ref.h"
#include "core/net/safetensors.h"
#include "tests/unit/net/net_tests.h"

typedef struct bench {
  pl_model model;
  pl_backend *backend;
  pl_store *store;
  char folder[64];
} bench;

static const pl_backend_api *const api = &pl_backend_ref;

static void set_up(bench *b, const char *prefix) {
  static const char *const parts[] = {"conv.weight", "norm.bias", "norm.batches"};
  *b = (bench){.folder = "/tmp/pleura-net-XXXXXX"};
  assert_non_null(mkdtemp(b->folder));
  const pl_shape shapes[] = {pl_shape_make(4, 2, 3, 1, 1), pl_shape_make(1, 5, 1, 1, 1), pl_shape_make(0, 1, 1, 1, 1)};
  for (int i = 0; i < 3; i++) {
    char name[PL_NAME_MAX];
    snprintf(name, sizeof name, "%s%s", prefix, parts[i]);
    pl_model_add(&b->model, name, i == 2 ? PL_ROLE_BUFFER : PL_ROLE_PARAMETER, i == 2 ? PL_I64 : PL_F32, shapes[i],
                 i == 0 ? PL_INIT_UNIFORM : PL_INIT_NORMAL, 0.5);
  }
  pl_model_add_training_tensors(&b->model, PL_OPTIMIZER_ADAM);
  assert_int_equal(api->open(&b->backend, NULL, NULL, NULL), PL_OK);
  assert_int_equal(api->store_create(&b->store, b->backend, &b->model, NULL, NULL), PL_OK);
}

static void tear_down(bench *b) {
  api->store_destroy(b->store);
  api->close(b->backend);
  pl_model_clear(&b->model);
  assert_int_equal(pl_fs_remove_tree(b->folder, NULL), PL_OK);
}

void test_weights_round_trip(void **state) {
  (void)state;
  bench b;
  set_up(&b, "encoder.");
  assert_int_equal(pl_weights_initialise(api, b.store, &b.model, 7, NULL), PL_OK);
  double before[6], after[6], zero[6] = {0};
  assert_int_equal(api->download(b.store, 0, PL_F64, before, NULL), PL_OK);
  for (int i = 0; i < 6; i++) assert_true(before[i] >= -0.5 && before[i] < 0.5 && before[i] != 0);
  char *path = pl_path_join(b.folder, "w.safetensors");
  char hash[PL_SHA256_HEX_SIZE], again[PL_SHA256_HEX_SIZE];
  assert_int_equal(pl_weights_save(path, api, b.store, &b.model, PL_WEIGHTS_STATE_DICT, hash, NULL), PL_OK);
  assert_int_equal(pl_sha256_file(again, path, NULL), PL_OK);
  assert_string_equal(hash, again);
  const int64_t batches = 12;
  assert_int_equal(api->upload(b.store, 2, PL_I64, &batches, NULL), PL_OK);
  // A double that no float holds survives the exact set only.
  before[0] = 0.1;
  assert_int_equal(api->upload(b.store, 0, PL_F64, before, NULL), PL_OK);
  assert_int_equal(pl_weights_save(path, api, b.store, &b.model, PL_WEIGHTS_EXACT, NULL, NULL), PL_OK);
  assert_int_equal(api->upload(b.store, 0, PL_F64, zero, NULL), PL_OK);
  pl_weights_report report;
  assert_int_equal(pl_weights_load(path, api, b.store, &b.model, PL_WEIGHTS_EXACT, true, &report, NULL), PL_OK);
  assert_int_equal(report.taken, 3);
  assert_int_equal(api->download(b.store, 0, PL_F64, after, NULL), PL_OK);
  assert_memory_equal(before, after, sizeof before);
  assert_int_equal(pl_weights_save(path, api, b.store, &b.model, PL_WEIGHTS_OPTIMIZER, NULL, NULL), PL_OK);
  assert_int_equal(pl_weights_load(path, api, b.store, &b.model, PL_WEIGHTS_OPTIMIZER, true, &report, NULL), PL_OK);
  assert_int_equal(report.taken, 7);  // two moments of two parameters, the step, the loss scale and its counter
  // Older checkpoints have no loss scale.
  b.model.count -= 2;
  assert_int_equal(pl_weights_save(path, api, b.store, &b.model, PL_WEIGHTS_OPTIMIZER, NULL, NULL), PL_OK);
  b.model.count += 2;
  assert_int_equal(pl_weights_load(path, api, b.store, &b.model, PL_WEIGHTS_OPTIMIZER, true, &report, NULL), PL_OK);
  assert_int_equal(report.taken, 5);
  pl_error err = {0};
  assert_int_equal(pl_weights_load(path, api, b.store, &b.model, PL_WEIGHTS_EXACT, true, NULL, &err), PL_E_FORMAT);
  char **names = NULL;
  size_t count = 0;
  assert_int_equal(pl_fs_list(&names, &count, b.folder, NULL), PL_OK);
  assert_int_equal(count, 1);  // nothing was left aside
  pl_fs_free_names(names, count);
  free(path);
  tear_down(&b);
}

// An encoder's own checkpoint, without the prefix, is taken; one that does not fit in whole is another encoder's.
void test_weights_not_strict(void **state) {
  (void)state;
  bench from, to;
  set_up(&from, "");
  set_up(&to, "encoder.");
  assert_int_equal(pl_weights_initialise(api, from.store, &from.model, 7, NULL), PL_OK);
  char *path = pl_path_join(from.folder, "w.safetensors");
  assert_int_equal(pl_weights_save(path, api, from.store, &from.model, PL_WEIGHTS_STATE_DICT, NULL, NULL), PL_OK);
  pl_error err = {0};
  assert_int_equal(pl_weights_load(path, api, to.store, &to.model, PL_WEIGHTS_STATE_DICT, true, NULL, &err),
                   PL_E_FORMAT);
  assert_non_null(strstr(err.message, "encoder.conv.weight"));
  pl_weights_report report;
  to.model.tensors[1].shape.d[0] = 4;
  assert_int_equal(pl_weights_load(path, api, to.store, &to.model, PL_WEIGHTS_STATE_DICT, false, &report, &err),
                   PL_E_FORMAT);
  assert_non_null(strstr(err.message, "another encoder"));
  to.model.tensors[1].shape.d[0] = 5;
  assert_int_equal(pl_weights_load(path, api, to.store, &to.model, PL_WEIGHTS_STATE_DICT, false, &report, NULL), PL_OK);
  assert_int_equal(report.taken, 3);
  assert_int_equal(report.missing, 0);
  assert_int_equal(report.left, 0);
  double a[6], b[6];
  assert_int_equal(api->download(from.store, 0, PL_F64, a, NULL), PL_OK);
  assert_int_equal(api->download(to.store, 0, PL_F64, b, NULL), PL_OK);
  assert_memory_equal(a, b, sizeof a);
  free(path);
  tear_down(&from);
  tear_down(&to);
}

void test_weights_words(void **state) {
  (void)state;
  char words[512];
  pl_weights_report r = {.taken = 382, .taken_encoder = 382, .missing = 62, .left = 2};
  pl_copy_text(r.left_names[0], PL_NAME_MAX, "last_linear.bias");
  pl_copy_text(r.left_names[1], PL_NAME_MAX, "last_linear.weight");
  pl_weights_describe(words, sizeof words, &r);
  assert_string_equal(words,
                      "took 382 encoder tensors; left 2 (last_linear.bias, last_linear.weight); decoder and head start "
                      "random");
  r = (pl_weights_report){.taken = 444, .taken_encoder = 382};
  pl_weights_describe(words, sizeof words, &r);
  assert_string_equal(words, "took all 444 tensors");
  r = (pl_weights_report){.taken = 444, .taken_encoder = 382, .missing = 60, .left = 4};
  for (int i = 0; i < PL_WEIGHTS_LEFT_NAMES; i++) pl_copy_text(r.left_names[i], PL_NAME_MAX, "x");
  pl_copy_text(r.first_missing, sizeof r.first_missing, "decoder.a");
  pl_weights_describe(words, sizeof words, &r);
  assert_string_equal(
      words, "took 382 encoder tensors and 62 others; left 4 (x, x, x, ...); 60 start random (decoder.a, ...)");
}

// ---------------------------------------------------------------------------------------------------------------------

// A header (its length is written before it, plus `lie`) and some bytes of data.
typedef struct hostile {
  const char *header;
  size_t data;
  long long lie;
  pl_status expected;
} hostile;

#define GOOD "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"

static const hostile files[] = {
    {"{" GOOD "}", 8, 0, PL_OK},
    {"{" GOOD ",\"__metadata__\":{\"format\":\"pt\"}}", 8, 0, PL_OK},
    {"{}", 0, 0, PL_OK},
    {"{" GOOD "}", 7, 0, PL_E_FORMAT},
    {"{" GOOD "}", 9, 0, PL_E_FORMAT},
    {"{" GOOD "}", 8, 1, PL_E_FORMAT},
    {"{" GOOD "}", 8, 1000, PL_E_FORMAT},
    {"{" GOOD "}", 8, 1LL << 40, PL_E_LIMIT},
    {"{" GOOD "}", 8, -1000, PL_E_LIMIT},
    {"{" GOOD "," GOOD "}", 8, 0, PL_E_FORMAT},
    {"[]", 0, 0, PL_E_FORMAT},
    {"nonsense", 0, 0, PL_E_FORMAT},
    {"{\"a\":3}", 0, 0, PL_E_FORMAT},
    {"{" GOOD ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, 0, PL_E_FORMAT},
    {"{" GOOD ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}}", 16, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2305843009213693953],\"data_offsets\":[0,8]}}", 8, 0, PL_E_FORMAT},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,9223372036854775807]}}", 8, 0, PL_E_FORMAT},
};

static void write_file(const char *path, const hostile *h) {
  pl_buf bytes;
  pl_buf_init(&bytes, 1 << 16);
  uint64_t length = (uint64_t)((long long)strlen(h->header) + h->lie);
  for (int i = 0; i < 8; i++) {
    char byte = (char)(length >> (8 * i));
    pl_buf_add(&bytes, &byte, 1);
  }
  pl_buf_add_text(&bytes, h->header);
  for (size_t i = 0; i < h->data; i++) pl_buf_add(&bytes, "", 1);
  assert_int_equal(pl_fs_replace(path, bytes.data, bytes.length, NULL), PL_OK);
  pl_buf_clear(&bytes);
}

void test_weights_hostile(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-net-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *path = pl_path_join(folder, "h.safetensors");
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    write_file(path, &files[i]);
    pl_safetensors *file = NULL;
    pl_error err = {0};
    pl_status status = pl_safetensors_open(&file, path, &err);
    if (status != files[i].expected) fail_msg("file %zu: %d (%s)", i, status, err.message);
    if (status != PL_OK) assert_non_null(strstr(err.message, "h.safetensors"));
    pl_safetensors_close(file);
  }
  assert_int_equal(pl_fs_replace(path, "abc", 3, NULL), PL_OK);
  pl_safetensors *file = NULL;
  assert_int_equal(pl_safetensors_open(&file, path, NULL), PL_E_FORMAT);
  assert_int_equal(pl_safetensors_open(&file, folder, NULL), PL_E_IO);
  assert_int_equal(pl_fs_remove_tree(folder, NULL), PL_OK);
  assert_int_equal(pl_safetensors_open(&file, path, NULL), PL_E_NOTFOUND);
  free(path);
}
