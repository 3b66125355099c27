// torch.save's files: both forms give the tensors that numpy wrote, bit for bit; what is hostile or damaged is refused.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/net/safetensors.h"
#include "core/net/torch_file.h"
#include "tests/tools/testing.h"

enum { FILE_MAX = 1 << 20, MUTATIONS = 4000 };

static char *golden(const char *name) {
  const char *source = getenv("PLEURA_SOURCE");
  return pl_xprintf("%s/tests/golden/torch_files/%s", source != NULL ? source : ".", name);
}

static void *read_tensor(const pl_safetensors *file, const pl_safetensor *tensor) {
  void *data = pl_xcalloc((size_t)(tensor->end - tensor->begin) + 1, 1);
  assert_int_equal(pl_safetensors_read(file, tensor, data, NULL), PL_OK);
  return data;
}

static void assert_same(const char *got_path, const char *want_path) {
  pl_safetensors *got = NULL, *want = NULL;
  assert_int_equal(pl_safetensors_open(&got, got_path, NULL), PL_OK);
  assert_int_equal(pl_safetensors_open(&want, want_path, NULL), PL_OK);
  assert_int_equal(pl_safetensors_count(got), pl_safetensors_count(want));
  for (size_t i = 0; i < pl_safetensors_count(want); i++) {
    const pl_safetensor *w = pl_safetensors_at(want, i), *g = pl_safetensors_find(got, w->name);
    if (g == NULL) fail_msg("%s is missing", w->name);
    if (g->dtype != w->dtype || !pl_shape_equal(&g->shape, &w->shape))
      fail_msg("%s has another type or shape", w->name);
    void *a = read_tensor(got, g), *b = read_tensor(want, w);
    if (memcmp(a, b, (size_t)(w->end - w->begin)) != 0) fail_msg("%s has other bits", w->name);
    free(a);
    free(b);
  }
  pl_safetensors_close(got);
  pl_safetensors_close(want);
}

static void check_file(const char *name, const char *within, size_t others) {
  char folder[] = "/tmp/pleura-torch-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *path = golden(name), *want = golden("expected.safetensors"), *out = pl_path_join(folder, "out.safetensors");
  pl_torch_file *file = NULL;
  pl_error err = {0};
  size_t left = 0;
  if (pl_torch_open(&file, path, &err) != PL_OK) fail_msg("%s", err.message);
  const pl_pickle *contents = pl_torch_contents(file);
  assert_string_equal(contents->within, within);
  assert_int_equal(contents->others, others);
  assert_int_equal(contents->count, 14);
  if (pl_torch_to_safetensors(file, out, &left, NULL, &err) != PL_OK) fail_msg("%s: %s", name, err.message);
  assert_int_equal(left, 1);  // of five dimensions
  assert_same(out, want);
  pl_torch_close(file);
  assert_int_equal(pl_fs_remove_tree(folder, NULL), PL_OK);
  free(path);
  free(want);
  free(out);
}

static void test_both_forms(void **state) {
  (void)state;
  check_file("plain-zip.pth", "", 0);
  check_file("plain-legacy.pth", "", 0);
}

// What a training writes: the tensors in a member, under DataParallel's names, other things beside them.
static void test_checkpoints(void **state) {
  (void)state;
  check_file("checkpoint-zip.pth", "state_dict", 5);
  check_file("checkpoint-legacy.pth", "state_dict", 5);
}

static void check_refused(const char *name, const char *words) {
  char *path = golden(name);
  pl_torch_file *file = NULL;
  pl_error err = {0};
  assert_int_not_equal(pl_torch_open(&file, path, &err), PL_OK);
  assert_null(file);
  if (strstr(err.message, words) == NULL) fail_msg("%s: '%s' does not say '%s'", name, err.message, words);
  free(path);
}

static void test_code_is_refused(void **state) {
  (void)state;
  check_refused("evil-zip.pth", "posix.system of Python");
  check_refused("evil-legacy.pth", "posix.system of Python");
  check_refused("model-zip.pth", "torch.nn.modules.linear.Linear of Python");
  check_refused("numbers.pth", "torch.save did not write it");
  check_refused("expected.safetensors", "torch.save did not write it");
  check_refused("not there", "No such file");
}

// Who takes such a file for safetensors is told what to do.
static void test_as_safetensors(void **state) {
  (void)state;
  const char *const names[] = {"plain-zip.pth", "plain-legacy.pth"};
  for (size_t i = 0; i < 2; i++) {
    char *path = golden(names[i]);
    pl_safetensors *file = NULL;
    pl_error err = {0};
    assert_int_equal(pl_safetensors_open(&file, path, &err), PL_E_FORMAT);
    assert_non_null(strstr(err.message, "'pleura weights import FILE'"));
    free(path);
  }
}

static pl_status open_and_read(const void *bytes, size_t length, pl_error *err) {
  pl_torch_file *file = NULL;
  pl_status status = pl_torch_open_bytes(&file, bytes, length, err);
  if (status != PL_OK) return status;
  const pl_pickle *contents = pl_torch_contents(file);
  for (size_t i = 0; i < contents->count && status == PL_OK; i++) {
    const pl_pickle_tensor *t = &contents->tensors[i];
    void *data = pl_try_alloc((size_t)t->elements * pl_torch_type_size(t->type) + 1);
    assert_non_null(data);  // no more elements than the storage has, which lies in the file
    status = pl_torch_read(file, t, data, err);
    free(data);
  }
  pl_torch_close(file);
  return status;
}

static void read_golden(pl_buf *out, const char *name) {
  char *path = golden(name);
  pl_buf_init(out, FILE_MAX);
  assert_int_equal(pl_fs_read(out, path, NULL), PL_OK);
  free(path);
}

// A file that was cut off is refused wherever it was cut, and says something.
static void test_cut_off(void **state) {
  (void)state;
  const char *const names[] = {"plain-zip.pth", "checkpoint-legacy.pth"};
  for (size_t f = 0; f < 2; f++) {
    pl_buf whole;
    read_golden(&whole, names[f]);
    for (size_t length = 0; length < whole.length; length++) {
      // In its own block, so that a sanitizer sees a read behind the end.
      char *part = pl_xmalloc(length + 1);
      memcpy(part, whole.data, length);
      pl_error err = {0};
      if (open_and_read(part, length, &err) == PL_OK) fail_msg("%s with %zu bytes was taken", names[f], length);
      assert_true(err.message[0] != '\0');
      free(part);
    }
    pl_buf_clear(&whole);
  }
}

// Random bytes in place of others: taken or refused, never a crash, and no read outside.
static void test_mutations(void **state) {
  (void)state;
  const char *const names[] = {"plain-zip.pth", "plain-legacy.pth", "checkpoint-zip.pth", "evil-legacy.pth"};
  size_t refused = 0;
  for (size_t f = 0; f < 4; f++) {
    pl_buf whole;
    read_golden(&whole, names[f]);
    char *changed = pl_xmalloc(whole.length);
    for (uint64_t i = 0; i < MUTATIONS / 4; i++) {
      memcpy(changed, whole.data, whole.length);
      for (uint64_t k = 0; k < 1 + i % 3; k++) {
        const size_t at = (size_t)(pl_rng_float(f, i, 2 * k) * (float)whole.length);
        changed[at < whole.length ? at : 0] = (char)(pl_rng_float(f, i, 2 * k + 1) * 256);
      }
      if (open_and_read(changed, whole.length, NULL) != PL_OK) refused++;
    }
    free(changed);
    pl_buf_clear(&whole);
  }
  assert_in_range(refused, MUTATIONS / 4, MUTATIONS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_both_forms),     cmocka_unit_test(test_checkpoints), cmocka_unit_test(test_code_is_refused),
      cmocka_unit_test(test_as_safetensors), cmocka_unit_test(test_cut_off),     cmocka_unit_test(test_mutations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
