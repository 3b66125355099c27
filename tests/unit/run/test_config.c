// Options: every default, text and back, pleura.yaml's errors with their places, run.json.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/config.h"
#include "core/run/presets.h"
#include "tests/tools/testing.h"

static char path[] = "/tmp/pleura-config-XXXXXX";

static int make_file(void **state) {
  (void)state;
  int fd = mkstemp(path);
  return fd >= 0 ? close(fd) : -1;
}

static void test_defaults(void **state) {
  (void)state;
  pl_config c;
  pl_config_defaults(&c);
  for (size_t i = 0; i < pl_option_count; i++) {
    pl_error err = {0};
    char text[PL_OPTION_TEXT_MAX];
    pl_config copy = c;
    assert_int_equal(pl_config_set(&copy, pl_options[i].name, pl_options[i].text, PL_ORIGIN_DEFAULT, &err), PL_OK);
    assert_memory_equal(&copy, &c, sizeof c);
    pl_config_get(text, &c, &pl_options[i]);
    if (pl_config_set(&copy, pl_options[i].name, text, PL_ORIGIN_DEFAULT, &err) != PL_OK) fail_msg("%s", err.message);
    assert_memory_equal(&copy, &c, sizeof c);
  }
  assert_string_equal(c.encoder, "se_resnext50_32x4d");
  assert_int_equal(c.batch, 8);
  assert_int_equal(c.valid_batch, 16);
  assert_int_equal(c.epochs, 20);
  assert_true(c.learning_rate == 1e-4 && c.gamma == 0.75);
  assert_int_equal(c.milestones.count, 10);
  assert_int_equal(c.milestones.values[9], 15);
  assert_int_equal(pl_config_check(&c, NULL), PL_OK);
}

static void refuse(const char *name, const char *text, pl_status code, const char *word) {
  pl_config c, before;
  pl_config_defaults(&c);
  before = c;
  pl_error err = {0};
  assert_int_equal(pl_config_set(&c, name, text, PL_ORIGIN_COMMAND, &err), code);
  if (strstr(err.message, word) == NULL) fail_msg("'%s' does not say '%s'", err.message, word);
  assert_memory_equal(&c, &before, sizeof c);
}

static void test_refusals(void **state) {
  (void)state;
  refuse("epochs", "0", PL_E_USAGE, "outside 1");
  refuse("epochs", "1.5", PL_E_USAGE, "not a whole number");
  refuse("epochs", "", PL_E_USAGE, "not a whole number");
  refuse("lr", "nan", PL_E_USAGE, "not a number");
  refuse("lr", "11", PL_E_USAGE, "outside");
  refuse("encoder", "vgg", PL_E_USAGE, "resnet18");
  refuse("pack", "maybe", PL_E_USAGE, "neither");
  refuse("augment", "maybe", PL_E_USAGE, "none, blog, winner");
  refuse("milestones", "3,3", PL_E_USAGE, "rise");
  refuse("loss", "bce:3,dise:1", PL_E_USAGE, "'dise' is no term");
  refuse("loss", "bce:3,bce:1", PL_E_USAGE, "once");
  refuse("loss", "bce", PL_E_USAGE, "bce:WEIGHT");
  refuse("loss", "bce:-1", PL_E_USAGE, "weight from 0");
  refuse("milestones", "3,x", PL_E_USAGE, "whole numbers");
  refuse("epoch", "3", PL_E_NOTFOUND, "did you mean 'epochs'");
  refuse("name", "a\nb", PL_E_USAGE, "control");
}

static void test_check(void **state) {
  (void)state;
  pl_config c;
  pl_error err = {0};
  pl_config_defaults(&c);
  c.size = 100;
  assert_int_equal(pl_config_check(&c, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "96 or 128"));
  pl_config_defaults(&c);
  c.sample_rate_end = 0.4;
  assert_int_equal(pl_config_check(&c, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "sample-rate"));
  pl_config_defaults(&c);
  assert_int_equal(pl_config_set(&c, "name", "../x", PL_ORIGIN_COMMAND, &err), PL_OK);
  assert_int_equal(pl_config_check(&c, &err), PL_E_USAGE);
}

// The weights of the loss are one option; each was one of its own in earlier versions.
static void test_loss(void **state) {
  (void)state;
  pl_config c;
  pl_error err = {0};
  char text[PL_OPTION_TEXT_MAX];
  pl_config_defaults(&c);
  assert_true(c.loss[PL_LOSS_BCE] == 3 && c.loss[PL_LOSS_DICE] == 1 && c.loss[PL_LOSS_FOCAL] == 4);
  assert_int_equal(pl_config_set(&c, "loss", "lovasz:0.1,dice:2", PL_ORIGIN_COMMAND, &err), PL_OK);
  pl_config_get(text, &c, pl_option_find("loss"));
  assert_string_equal(text, "dice:2,lovasz:0.1");
  const char *old = "{\"weight-bce\": 1.5, \"weight-dice\": 0.0, \"weight-focal\": 2.0}";
  if (pl_config_read_json(&c, old, strlen(old), &err) != PL_OK) fail_msg("%s", err.message);
  pl_config_get(text, &c, pl_option_find("loss"));
  assert_string_equal(text, "bce:1.5,focal:2,lovasz:0.1");
  assert_int_equal(c.origin[pl_option_find("loss") - pl_options], PL_ORIGIN_COMMAND);
  pl_buf json;
  pl_buf_init(&json, 65536);
  pl_config_add_json(&json, &c);
  assert_non_null(strstr(json.data, "\"loss\": \"bce:1.5,focal:2,lovasz:0.1\""));
  assert_null(strstr(json.data, "weight-bce"));
  pl_buf_clear(&json);
  assert_int_equal(pl_config_set(&c, "loss", "", PL_ORIGIN_COMMAND, &err), PL_OK);
  assert_int_equal(pl_config_check(&c, &err), PL_E_USAGE);
  assert_non_null(strstr(err.message, "nothing to learn"));
}

// What is shipped can be applied, says what it is for, and is what the article and the design say.
static void test_presets(void **state) {
  (void)state;
  pl_presets presets;
  pl_error err = {0};
  pl_config c;
  pl_presets_load(&presets);
  assert_true(presets.count >= 3);
  for (size_t i = 0; i < presets.count; i++) {
    const pl_preset *preset = &presets.items[i];
    assert_string_equal(preset->problem, "");
    assert_true(preset->about[0] != '\0');
    assert_true(i == 0 || strcmp(presets.items[i - 1].name, preset->name) < 0);
    pl_config_defaults(&c);
    if (pl_preset_apply(&c, preset, &err) != PL_OK) fail_msg("%s", err.message);
    assert_int_equal(pl_config_check(&c, NULL), PL_OK);
    for (size_t k = 0; k < pl_option_count; k++) {
      assert_int_equal(c.origin[k], preset->sets[k] ? PL_ORIGIN_PRESET : PL_ORIGIN_DEFAULT);
    }
  }
  pl_presets_clear(&presets);
  pl_config_defaults(&c);
  assert_int_equal(pl_config_apply_preset(&c, "fast", &err), PL_E_NOTFOUND);
  assert_non_null(strstr(err.message, "quick"));
  assert_int_equal(pl_config_apply_preset(&c, "quick", &err), PL_OK);
  assert_true(strcmp(c.encoder, "resnet18") == 0 && c.size == 256 && c.batch == 8 && c.fit_batch);
  pl_config_defaults(&c);
  assert_int_equal(pl_config_apply_preset(&c, "blog", &err), PL_OK);
  assert_true(strcmp(c.encoder, "se_resnext50_32x4d") == 0 && c.size == 512 && c.batch == 8 && c.valid_batch == 16);
  assert_true(c.learning_rate == 1e-4 && c.gamma == 0.75 && c.milestones.count == 10 && c.milestones.values[9] == 15);
  assert_true(c.loss[PL_LOSS_BCE] == 3 && c.loss[PL_LOSS_DICE] == 1 && c.loss[PL_LOSS_FOCAL] == 4);
}

static pl_config preset(const char *name) {
  pl_config c;
  pl_error err = {0};
  pl_config_defaults(&c);
  if (pl_config_apply_preset(&c, name, &err) != PL_OK) fail_msg("%s", err.message);
  return c;
}

// The article's values are the defaults, but for the size, which is the prepared images'.
static void test_blog(void **state) {
  (void)state;
  pl_config c = preset("blog"), defaults;
  pl_config_defaults(&defaults);
  assert_int_equal(c.size, 512);
  c.size = defaults.size;
  memcpy(c.origin, defaults.origin, sizeof c.origin);
  assert_memory_equal(&c, &defaults, sizeof c);
}

// What experiments/albunet_valid of the winner's repository has, and its README.
static void test_winner(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int64_t size, batch, epochs, early_stopping, keep_best;
    double learning_rate, sample_rate;
    const char *scheduler, *weights;
  } known[] = {
      {"winner-512", 512, 8, 50, 11, 5, 1e-4, 0.8, "plateau", ""},
      {"winner-uptrain", 1024, 2, 3, 0, 1, 1e-4, 0.8, "plateau", "run:"},
      {"winner-part0", 1024, 2, 50, 11, 5, 1e-4, 0.8, "plateau", "run:"},
      {"winner-part1", 1024, 2, 50, 13, 3, 1e-5, 0.6, "cosine", "run:"},
      {"winner-part2", 1024, 2, 50, 13, 3, 1e-5, 0.4, "cosine", "run:"},
      {"winner-stage2", 1024, 2, 40, 13, 3, 1e-5, 0.4, "cosine", "run:"},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    const pl_config c = preset(known[i].name);
    assert_int_equal(c.size, known[i].size);
    assert_int_equal(c.batch, known[i].batch);
    assert_int_equal(c.fit_batch, c.size == 512);
    assert_int_equal(c.epochs, known[i].epochs);
    assert_int_equal(c.early_stopping, known[i].early_stopping);
    assert_int_equal(c.keep_best, known[i].keep_best);
    assert_true(c.learning_rate == known[i].learning_rate && c.sample_rate == known[i].sample_rate);
    assert_string_equal(c.scheduler, known[i].scheduler);
    assert_string_equal(c.weights, known[i].weights);
    assert_int_equal(c.freeze_encoder, strcmp(known[i].name, "winner-uptrain") == 0);
    assert_true(c.clip_norm == 0.1 && c.weight_decay == 5e-6 && c.min_learning_rate == 1e-7 && c.accumulation == 1);
    assert_true(c.loss[PL_LOSS_BCE] == 3 && c.loss[PL_LOSS_DICE] == 1 && c.loss[PL_LOSS_FOCAL] == 4);
    assert_string_equal(c.augment, "winner");
    assert_string_equal(c.encoder, "resnet34");
    if (strcmp(c.scheduler, "plateau") == 0) {
      assert_true(c.gamma == 0.1 && c.plateau_patience == 2 && c.plateau_threshold == 1e-7);
    } else {
      assert_int_equal(c.cosine_period, 8);
    }
  }
}

// The user's own presets, one of them in place of one that came with the program; and what is wrong with others.
static void test_own_presets(void **state) {
  (void)state;
  char folder[] = "/tmp/pleura-presets-XXXXXX";
  assert_non_null(mkdtemp(folder));
  char *own = pl_path_join(folder, "pleura/presets");
  assert_int_equal(pl_fs_make_folders(own, NULL), PL_OK);
  static const char *const files[][2] = {
      {"mine.yaml", "preset: {about: \"my own\\e[31m\"}\nbatch: 3\n"},
      {"quick.yaml", "preset: {about: quicker}\nencoder: resnet34\n"},
      {"silent.yaml", "batch: 3\n"},
      {"wrong.yaml", "preset: {about: x}\nbatch: many\n"},
      {"other.yaml", "preset: {about: x, price: 3}\n"},
      {"secret.yaml", "preset: {about: x}\nplugin: /tmp/x.so\n"},
      {".hidden.yaml", "preset: {about: x}\n"},
      {"notes.txt", "no preset"},
  };
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char *file = pl_path_join(own, files[i][0]);
    assert_int_equal(pl_fs_replace(file, files[i][1], strlen(files[i][1]), NULL), PL_OK);
    free(file);
  }
  char *before = getenv("XDG_CONFIG_HOME") != NULL ? pl_xstrdup(getenv("XDG_CONFIG_HOME")) : NULL;
  setenv("XDG_CONFIG_HOME", folder, 1);
  pl_presets presets;
  pl_presets_load(&presets);
  const pl_preset *mine = pl_presets_find(&presets, "mine");
  assert_non_null(mine);
  assert_string_equal(mine->about, "my own\\x1b[31m");
  assert_string_equal(pl_presets_find(&presets, "quick")->about, "quicker");
  assert_non_null(pl_presets_find(&presets, "blog"));
  assert_null(pl_presets_find(&presets, ".hidden"));
  assert_null(pl_presets_find(&presets, "notes"));
  assert_non_null(strstr(pl_presets_find(&presets, "silent")->problem, "says what it is for"));
  assert_non_null(strstr(pl_presets_find(&presets, "wrong")->problem, "wrong.yaml line 2 column 8"));
  assert_non_null(strstr(pl_presets_find(&presets, "other")->problem, "line 1 column 20"));
  assert_non_null(strstr(pl_presets_find(&presets, "secret")->problem, "only on the command line"));
  pl_config c, as_before;
  pl_error err = {0};
  pl_config_defaults(&c);
  as_before = c;
  assert_int_equal(pl_config_apply_preset(&c, "wrong", &err), PL_E_FORMAT);
  assert_memory_equal(&c, &as_before, sizeof c);
  assert_int_equal(pl_config_apply_preset(&c, "mine", &err), PL_OK);
  assert_int_equal(c.batch, 3);
  pl_presets_clear(&presets);
  if (before != NULL) {
    setenv("XDG_CONFIG_HOME", before, 1);
  } else {
    unsetenv("XDG_CONFIG_HOME");
  }
  free(before);
  free(own);
  pl_fs_remove_tree(folder, NULL);
}

static pl_status read_yaml(pl_config *c, const char *text, pl_error *err) {
  pl_config_defaults(c);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  return pl_config_read_yaml(c, path, err);
}

static void test_yaml(void **state) {
  (void)state;
  pl_config c;
  pl_error err = {0};
  const char *good =
      "# ours\nencoder: resnet34\nsize: 512\nlr: 3e-4\nmilestones: [1, 2, 30]\naugment: none\n"
      "import:\n  size: 1\n  more: {a: [b]}\n";
  if (read_yaml(&c, good, &err) != PL_OK) fail_msg("%s", err.message);
  assert_string_equal(c.encoder, "resnet34");
  assert_int_equal(c.size, 512);
  assert_true(c.learning_rate == 3e-4 && strcmp(c.augment, "none") == 0);
  assert_int_equal(c.milestones.count, 3);
  assert_int_equal(c.milestones.values[2], 30);
  assert_int_equal(c.origin[pl_option_find("size") - pl_options], PL_ORIGIN_WORKSPACE);
  assert_int_equal(read_yaml(&c, "", &err), PL_OK);
  assert_int_equal(read_yaml(&c, "# only words\n", &err), PL_OK);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(pl_config_read_yaml(&c, path, &err), PL_OK);
}

static void test_yaml_errors(void **state) {
  (void)state;
  static const struct {
    const char *text, *place, *word;
  } cases[] = {
      {"size: 512\n\nepoch: 3\n", "line 3 column 1:", "did you mean 'epochs'"},
      {"batch: 8\nepochs:   none\n", "line 2 column 11:", "not a whole number"},
      {"batch: 8\nbatch: 9\n", "line 2 column 1:", "twice"},
      {"plugin: /tmp/x.so\n", "line 1 column 1:", "command line"},
      {"epochs: [1, 2]\n", "line 1 column 9:", "one value"},
      {"milestones: [1, [2]]\n", "line 1 column 17:", "list"},
      {"batch: 8\n size: [\n", "line 1", ""},
      {"- a\n", "line 1 column 1:", "option: value"},
      {"lr: 1e9\n", "line 1 column 5:", "outside"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    pl_config c, before;
    pl_config_defaults(&before);
    pl_error err = {0};
    assert_int_equal(read_yaml(&c, cases[i].text, &err), PL_E_FORMAT);
    if (strstr(err.message, cases[i].place) == NULL || strstr(err.message, cases[i].word) == NULL) {
      fail_msg("'%s' lacks '%s' or '%s'", err.message, cases[i].place, cases[i].word);
    }
    assert_memory_equal(&c, &before, sizeof c);
  }
}

static void test_json(void **state) {
  (void)state;
  pl_config c, back;
  pl_error err = {0};
  pl_config_defaults(&c);
  assert_int_equal(pl_config_set(&c, "lr", "0.1234567890123456789", PL_ORIGIN_COMMAND, &err), PL_OK);
  assert_int_equal(pl_config_set(&c, "weights", "/a \"b\"\\c", PL_ORIGIN_COMMAND, &err), PL_OK);
  pl_buf text;
  pl_buf_init(&text, 65536);
  pl_config_add_json(&text, &c);
  pl_config_defaults(&back);
  if (pl_config_read_json(&back, text.data, text.length, &err) != PL_OK) fail_msg("%s", err.message);
  pl_buf_clear(&text);
  assert_true(back.learning_rate == c.learning_rate);
  memcpy(back.origin, c.origin, sizeof c.origin);
  assert_memory_equal(&back, &c, sizeof c);
  assert_int_equal(pl_config_read_json(&back, "{\"epochs\":\"3\"}", 14, &err), PL_E_FORMAT);
  assert_int_equal(pl_config_read_json(&back, "{\"unknown\":3}", 13, &err), PL_E_FORMAT);
  assert_int_equal(pl_config_read_json(&back, "[1]", 3, &err), PL_E_FORMAT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_defaults), cmocka_unit_test(test_refusals), cmocka_unit_test(test_check),
      cmocka_unit_test(test_loss),     cmocka_unit_test(test_presets),  cmocka_unit_test(test_own_presets),
      cmocka_unit_test(test_blog),     cmocka_unit_test(test_winner),   cmocka_unit_test(test_yaml_errors),
      cmocka_unit_test(test_json),     cmocka_unit_test(test_yaml),
  };
  return cmocka_run_group_tests(tests, make_file, NULL);
}
