// The language of --where and of the workbench's filter.
#include <string.h>

#include "core/data/filter.h"
#include "tests/tools/testing.h"

static char empty[] = "", patient[] = "p7", id[] = "1.2.840.AbC";

static pl_case make_case(void) {
  return (pl_case){.number = 12,
                   .id = id,
                   .part = PL_PART_TRAIN,
                   .rows = 1024,
                   .cols = 512,
                   .status = PL_CASE_OK,
                   .label = PL_LABEL_POSITIVE,
                   .mask_area = 2500,
                   .age = 40,
                   .sex = 'F',
                   .view = "PA",
                   .patient = patient,
                   .fold = 2};
}

static pl_case unknown_case(void) {
  return (pl_case){.number = 3,
                   .id = empty,
                   .part = PL_PART_TEST,
                   .label = PL_LABEL_UNKNOWN,
                   .age = -1,
                   .patient = empty,
                   .fold = -1};
}

static bool holds(const char *text, const pl_case *c) {
  pl_filter filter;
  pl_error err = {0};
  if (pl_filter_parse(&filter, text, &err) != PL_OK) fail_msg("'%s': %s", text, err.message);
  return pl_filter_holds(&filter, c);
}

static void comparisons(void **state) {
  (void)state;
  const pl_case c = make_case();
  static const struct {
    const char *text;
    bool holds;
  } all[] = {
      {"", true},           {"   ", true},        {"fold=2", true},         {"fold!=2", false},
      {"fold<2", false},    {"fold<=2", true},    {"fold>=3", false},       {"fold>1", true},
      {"mask>2499", true},  {"mask>2500", false}, {"area>=2500", true},     {"share<0.48", true},
      {"share>0.47", true}, {"sex=F", true},      {"sex=f", true},          {"sex!=M", true},
      {"view~a", true},     {"view=P", false},    {"id~840", true},         {"id~abc", true},
      {"ID=1.2", false},    {"number=#12", true}, {"number=12", true},      {"positive", true},
      {"Negative", false},  {"train", true},      {"test", false},          {"bad", false},
      {"status=ok", true},  {"patient=p7", true}, {"patient=\"p7\"", true}, {"rows=1024 cols=512", true},
      {"age>=18", true},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (holds(all[i].text, &c) != all[i].holds) fail_msg("'%s' should %shold", all[i].text, all[i].holds ? "" : "not ");
  }
}

static void combinations(void **state) {
  (void)state;
  const pl_case c = make_case();
  assert_true(holds("fold=2 mask>2000 sex=F", &c));
  assert_false(holds("fold=2 mask>2000 sex=M", &c));
  // And binds closer than or.
  assert_true(holds("fold=2 | fold=1 sex=M", &c));
  assert_true(holds("fold=1 sex=M|fold=2", &c));
  assert_false(holds("(fold=2 | fold=1) sex=M", &c));
  assert_true(holds("!sex=M fold=2", &c));
  assert_false(holds("!(sex=F fold=2)", &c));
  assert_true(holds("!(sex=M|fold=1)", &c));
  assert_true(holds("!!positive", &c));
  assert_false(holds("!positive", &c));
  assert_true(holds("  positive  ( train )  ", &c));
}

static void unknown_is_neither(void **state) {
  (void)state;
  const pl_case c = unknown_case();
  assert_false(holds("mask<10", &c));
  assert_false(holds("mask=0", &c));
  assert_false(holds("age=-1", &c));
  assert_false(holds("age!=5", &c));
  assert_false(holds("fold<5", &c));
  assert_false(holds("sex!=M", &c));
  assert_false(holds("negative", &c));
  assert_true(holds("test number<4", &c));
}

static void mistakes_are_told(void **state) {
  (void)state;
  static const struct {
    const char *text, *says;
  } all[] = {
      {"fold=x", "at 'x': a number"},
      {"fold=", "at its end: a value is missing"},
      {"lung=3", "at 'lung=3': there is no such field; fields are fold label mask"},
      {"fold", "neither a comparison"},
      {"fold=2 |", "comparison such as"},
      {"(fold=2", "not closed"},
      {"fold=2)", "not opened"},
      {"!", "comparison such as"},
      {"fold~2", "for texts"},
      {"id=\"a", "quote is not closed"},
      {"=2", "comparison such as"},
      {"fold==2", "a number"},
      {"fold=nan", "a number"},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    pl_filter filter = {.count = 7};
    pl_error err = {0};
    assert_int_equal(pl_filter_parse(&filter, all[i].text, &err), PL_E_USAGE);
    if (strstr(err.message, all[i].says) == NULL) fail_msg("'%s': %s", all[i].text, err.message);
    assert_int_equal(filter.count, 7);  // untouched
  }
}

static void sizes_are_bounded(void **state) {
  (void)state;
  char text[2000] = "";
  pl_filter filter;
  pl_error err = {0};
  memset(text, '!', 100);
  memcpy(text + 100, "bad", 4);
  assert_int_equal(pl_filter_parse(&filter, text, &err), PL_E_LIMIT);
  memset(text, 'a', sizeof text - 1);
  assert_int_equal(pl_filter_parse(&filter, text, &err), PL_E_LIMIT);
  text[0] = '\0';
  for (int i = 0; i < 50; i++) memcpy(text + 4 * i, "bad ", 5);
  assert_int_equal(pl_filter_parse(&filter, text, &err), PL_E_LIMIT);
  assert_non_null(strstr(err.message, "more than 64 parts"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comparisons),       cmocka_unit_test(combinations),      cmocka_unit_test(unknown_is_neither),
      cmocka_unit_test(mistakes_are_told), cmocka_unit_test(sizes_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
