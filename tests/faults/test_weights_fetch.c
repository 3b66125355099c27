// `pleura weights fetch` from a server on this machine: what is taken, what is refused, and what is left behind.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/model.h"
#include "core/net/safetensors.h"
#include "core/net/weights.h"
#include "core/run/start_weights.h"
#include "tests/tools/http_server.h"
#include "tests/tools/testing.h"

enum { FILE_MAX = 64 << 20 };

static const char *const prefix = "encoder.";

typedef struct fixture {
  char root[32];
  char *cached, *aside;
  pl_buf file;  // a resnet18 as torchvision publishes it, with its classifier
  char hash[PL_SHA256_HEX_SIZE];
  pl_buf said;
} fixture;

// The encoder's tensors without their prefix, and two of a classifier.
static void make_file(fixture *f) {
  pl_model model;
  assert_int_equal(pl_unet_model(&model, &(pl_unet){.encoder = "resnet18"}, NULL), PL_OK);
  pl_safetensor *tensors = pl_xcalloc((size_t)model.state_count + 2, sizeof *tensors);
  size_t count = 0;
  for (int32_t i = 0; i < model.state_count; i++) {
    if (!pl_begins_with(model.tensors[i].name, prefix)) continue;
    pl_safetensor *t = &tensors[count++];
    pl_copy_text(t->name, sizeof t->name, model.tensors[i].name + strlen(prefix));
    t->dtype = model.tensors[i].dtype;
    t->shape = model.tensors[i].shape;
  }
  tensors[count++] = (pl_safetensor){.name = "fc.bias", .dtype = PL_F32, .shape = pl_shape_make(1, 10, 1, 1, 1)};
  tensors[count++] = (pl_safetensor){.name = "fc.weight", .dtype = PL_F32, .shape = pl_shape_make(2, 10, 512, 1, 1)};
  char *path = pl_path_join(f->root, "served");
  pl_safetensors_writer *writer = NULL;
  assert_int_equal(pl_safetensors_create(&writer, path, tensors, count, NULL), PL_OK);
  for (size_t i = 0; i < count; i++) {
    size_t bytes = (size_t)pl_shape_elements(&tensors[i].shape) * pl_dtype_size(tensors[i].dtype);
    void *zeros = pl_xcalloc(bytes, 1);
    assert_int_equal(pl_safetensors_add(writer, zeros, bytes, NULL), PL_OK);
    free(zeros);
  }
  assert_int_equal(pl_safetensors_finish(writer, f->hash, NULL), PL_OK);
  assert_int_equal(pl_fs_read(&f->file, path, NULL), PL_OK);
  free(path);
  free(tensors);
  pl_model_clear(&model);
}

static int set_up(void **state) {
  fixture *f = pl_xcalloc(1, sizeof *f);
  pl_copy_text(f->root, sizeof f->root, "/tmp/pleura-test-XXXXXX");
  if (mkdtemp(f->root) == NULL) return -1;
  pl_buf_init(&f->file, FILE_MAX);
  pl_buf_init(&f->said, 1 << 16);
  (void)setenv("XDG_CACHE_HOME", f->root, 1);
  f->cached = pl_weights_cache_path("resnet18");
  f->aside = pl_xprintf("%s.new", f->cached);
  *state = f;
  make_file(f);
  return 0;
}

static int tear_down(void **state) {
  fixture *f = *state;
  pl_status status = pl_fs_remove_tree(f->root, NULL);
  pl_buf_clear(&f->file);
  pl_buf_clear(&f->said);
  free(f->cached);
  free(f->aside);
  free(f);
  return status == PL_OK ? 0 : -1;
}

// Runs `pleura weights ARGUMENTS` and keeps what it says; the exit code.
static int pleura(fixture *f, const char *arguments) {
  char *command = pl_xprintf("'%s/bin/pleura' weights %s 2>&1 </dev/null", getenv("PLEURA_BUILD"), arguments);
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  pl_buf_reset(&f->said);
  char line[4096];
  while (fgets(line, sizeof line, pipe) != NULL) (void)pl_buf_add_text(&f->said, line);
  int status = pclose(pipe);
  free(command);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The same with a server that gives `body` to every question.
static int pleura_served(fixture *f, const char *body, size_t length, const char *arguments) {
  char head[128];
  (void)snprintf(head, sizeof head, "HTTP/1.1 200 OK\nContent-Length: %zu\n", length);
  const http_step answer = {.head = head, .body = body, .length = length};
  http_server server;
  http_server_start(&server, &answer, 1);
  char *given = pl_xprintf("%s --url http://127.0.0.1:%d/w", arguments, server.port);
  int code = pleura(f, given);
  free(given);
  free(http_server_stop(&server));
  return code;
}

static void expect_words(const fixture *f, const char *words) {
  if (strstr(f->said.data, words) == NULL) fail_msg("'%s' is not in: %s", words, f->said.data);
}

static void expect_nothing_left(const fixture *f) {
  assert_false(pl_fs_is_file(f->cached));
  assert_false(pl_fs_is_file(f->aside));
}

static void test_taken(void **state) {
  fixture *f = *state;
  assert_int_equal(pleura_served(f, f->file.data, f->file.length, "fetch resnet18"), 0);
  expect_words(f, "took 120 encoder tensors; left 2 (fc.bias, fc.weight); decoder and head start random");
  expect_words(f, f->hash);
  expect_words(f, "not against a hash");
  assert_true(pl_fs_is_file(f->cached));
  assert_false(pl_fs_is_file(f->aside));
  // It is found by a run that says nothing of weights, and only by one of that encoder.
  pl_config config;
  char words[512];
  pl_config_defaults(&config);
  assert_int_equal(pl_config_set(&config, "encoder", "resnet18", PL_ORIGIN_COMMAND, NULL), PL_OK);
  pl_start_weights_describe(words, sizeof words, &config);
  assert_non_null(strstr(words, "ImageNet weights from "));
  pl_config chosen = config;
  assert_int_equal(pl_start_weights_choose(&chosen, NULL, NULL), PL_OK);
  assert_string_equal(chosen.weights, f->cached);
  chosen = config;
  assert_int_equal(pl_config_set(&chosen, "weights", "random", PL_ORIGIN_COMMAND, NULL), PL_OK);
  assert_int_equal(pl_start_weights_choose(&chosen, NULL, NULL), PL_OK);
  assert_string_equal(chosen.weights, "random");
  chosen = config;
  assert_int_equal(pl_config_set(&chosen, "encoder", "resnet34", PL_ORIGIN_COMMAND, NULL), PL_OK);
  assert_int_equal(pl_start_weights_choose(&chosen, NULL, NULL), PL_OK);
  assert_string_equal(chosen.weights, "");
  pl_start_weights_describe(words, sizeof words, &chosen);
  assert_string_equal(words,
                      "encoder: random, expect a much lower dice; for ImageNet weights: pleura weights fetch "
                      "resnet34");
  // What is there is not fetched again: nobody listens at that port.
  assert_int_equal(pleura(f, "fetch resnet18 --url http://127.0.0.1:9/w"), 0);
  expect_words(f, "is there already");
  char *other = pl_xprintf("fetch resnet18 --sha256 %064d", 1);
  assert_int_equal(pleura(f, other), 2);
  expect_words(f, "--force");
  free(other);
  assert_int_equal(pleura(f, "list"), 0);
  expect_words(f, "here     ");
  expect_words(f, "https://huggingface.co/smp-hub/se_resnext50_32x4d.imagenet/resolve/");
}

static void test_hash(void **state) {
  fixture *f = *state;
  char *wrong = pl_xprintf("fetch resnet18 --sha256 %064d", 1),
       *right = pl_xprintf("fetch resnet18 --sha256 %s", f->hash);
  assert_int_equal(pleura_served(f, f->file.data, f->file.length, wrong), 3);
  expect_words(f, f->hash);
  expect_nothing_left(f);
  assert_int_equal(pleura_served(f, f->file.data, f->file.length, right), 0);
  expect_words(f, "names and shapes, SHA-256");
  assert_true(pl_fs_is_file(f->cached));
  free(wrong);
  free(right);
}

static void test_refused(void **state) {
  fixture *f = *state;
  // Not weights at all; cut short although the length is as announced; another encoder's.
  assert_int_equal(pleura_served(f, "<html>sign in</html>", 20, "fetch resnet18"), 3);
  expect_nothing_left(f);
  assert_int_equal(pleura_served(f, f->file.data, f->file.length / 2, "fetch resnet18"), 3);
  expect_nothing_left(f);
  assert_int_equal(pleura_served(f, f->file.data, f->file.length, "fetch resnet34"), 3);
  expect_words(f, "another encoder");
  expect_nothing_left(f);
  // Not by http; no such encoder; no hash; half an answer.
  assert_int_equal(pleura(f, "fetch resnet18 --url file:///etc/passwd"), 2);
  expect_nothing_left(f);
  assert_int_equal(pleura(f, "fetch resnet19"), 2);
  assert_int_equal(pleura(f, "fetch"), 2);
  assert_int_equal(pleura(f, "fetch resnet18 --sha256 abc"), 2);
  assert_int_equal(pleura(f, ""), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_taken, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_hash, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
