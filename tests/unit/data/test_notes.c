// notes.csv: read, changed by several at once, joined to the cases.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/data/filter.h"
#include "core/data/notes.h"
#include "tests/tools/testing.h"

static int make_folder(void **state) {
  char folder[] = "/tmp/pleura-notes-XXXXXX";
  if (mkdtemp(folder) == NULL) return -1;
  *state = pl_xstrdup(folder);
  return 0;
}

static int remove_folder(void **state) {
  int failed = pl_fs_remove_tree(*state, NULL) != PL_OK;
  free(*state);
  return failed;
}

static void write_file(const char *folder, const char *name, const char *text) {
  char *path = pl_path_join(folder, name);
  assert_int_equal(pl_fs_replace(path, text, strlen(text), NULL), PL_OK);
  free(path);
}

static void set(const char *folder, const char *id, const char *flag, const char *note) {
  pl_error err = {0};
  if (pl_notes_set(folder, id, flag, note, "ann", 1764072000, &err) != PL_OK) fail_msg("%s", err.message);
}

static void remarks_are_kept(void **state) {
  const char *folder = *state;
  pl_notes notes = {0};
  pl_error err = {0};
  assert_int_equal(pl_notes_load(&notes, folder, &err), PL_OK);
  assert_int_equal(notes.count, 0);
  set(folder, "b", "check", NULL);
  set(folder, "a", NULL, "two, with \"quotes\"\nand lines");
  set(folder, "b", NULL, "apex");
  assert_int_equal(pl_notes_load(&notes, folder, &err), PL_OK);
  assert_int_equal(notes.count, 2);
  const pl_note *b = pl_notes_find(&notes, "b");
  assert_string_equal(b->flag, "check");
  assert_string_equal(b->note, "apex");
  assert_string_equal(b->user, "ann");
  assert_string_equal(b->time, "2025-11-25T12:00:00Z");
  assert_non_null(strstr(pl_notes_find(&notes, "a")->note, "two, with \"quotes\""));
  assert_null(pl_notes_find(&notes, "c"));
  pl_notes_clear(&notes);
  // Without flag and note a case has no row.
  set(folder, "b", "", "");
  assert_int_equal(pl_notes_load(&notes, folder, &err), PL_OK);
  assert_int_equal(notes.count, 1);
  pl_notes_clear(&notes);
}

static void nothing_of_others_is_lost(void **state) {
  enum { WRITERS = 3, EACH = 15 };
  const char *folder = *state;
  pid_t children[WRITERS];
  for (int w = 0; w < WRITERS; w++) {
    children[w] = fork();
    assert_true(children[w] >= 0);
    if (children[w] != 0) continue;
    for (int i = 0; i < EACH; i++) {
      char id[32];
      snprintf(id, sizeof id, "case-%d-%d", w, i);
      if (pl_notes_set(folder, id, "x", NULL, "ann", 0, NULL) != PL_OK) _exit(1);
    }
    _exit(0);
  }
  for (int w = 0; w < WRITERS; w++) {
    int status = 0;
    assert_int_equal(waitpid(children[w], &status, 0), children[w]);
    assert_int_equal(status, 0);
  }
  pl_notes notes = {0};
  assert_int_equal(pl_notes_load(&notes, folder, NULL), PL_OK);
  assert_int_equal(notes.count, WRITERS * EACH);
  pl_notes_clear(&notes);
}

static void bad_files_are_told_and_left(void **state) {
  static const struct {
    const char *text, *says;
  } all[] = {
      {"case,flag\na,x\n", "line 1: the header must name ImageId"},
      {"ImageId,flag\na,x\na,y\n", "a is there twice"},
      {"ImageId,flag\n../a,x\n", "line 2: ImageId"},
      {"ImageId,flag\na,0123456789012345678901234567890123456789\n", "line 2: a flag has at most 31 bytes"},
  };
  const char *folder = *state;
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    write_file(folder, "notes.csv", all[i].text);
    pl_notes notes = {0};
    pl_error err = {0};
    assert_int_equal(pl_notes_load(&notes, folder, &err), PL_E_FORMAT);
    if (strstr(err.message, all[i].says) == NULL) fail_msg("%s", err.message);
    assert_int_equal(pl_notes_set(folder, "b", "x", NULL, "ann", 0, &err), PL_E_FORMAT);
    pl_buf text;
    pl_buf_init(&text, 4096);
    char *path = pl_path_join(folder, "notes.csv");
    assert_int_equal(pl_fs_read(&text, path, NULL), PL_OK);
    assert_string_equal(text.data, all[i].text);
    free(path);
    pl_buf_clear(&text);
  }
  write_file(folder, "notes.csv", "\xef\xbb\xbfimageid,note\r\na,\x1b[31mred\r\n");
  pl_notes notes = {0};
  assert_int_equal(pl_notes_load(&notes, folder, NULL), PL_OK);
  assert_string_equal(notes.notes[0].note, "\\x1b[31mred");
  pl_notes_clear(&notes);
  assert_int_equal(pl_notes_set(folder, "b", "two words", NULL, "ann", 0, NULL), PL_E_USAGE);
  assert_int_equal(pl_notes_set(folder, "../b", "x", NULL, "ann", 0, NULL), PL_E_USAGE);
}

static void cases_know_their_remarks(void **state) {
  const char *folder = *state;
  write_file(folder, "cases.csv",
             "number,ImageId,part,source,sha256,rows,cols,status,has_mask,mask_area,age,sex,view,patient\n"
             "1,a,train,,,4,4,ok,0,0,,,,\n2,b,train,,,4,4,ok,0,0,,,,\n");
  set(folder, "b", "check", "apex");
  pl_manifest m = {0};
  pl_error err = {0};
  if (pl_manifest_load(&m, folder, &err) != PL_OK) fail_msg("%s", err.message);
  assert_null(m.cases[0].flag);
  assert_string_equal(m.cases[1].flag, "check");
  pl_filter filter;
  assert_int_equal(pl_filter_parse(&filter, "flag=check note~APE", &err), PL_OK);
  assert_false(pl_filter_holds(&filter, &m.cases[0]));
  assert_true(pl_filter_holds(&filter, &m.cases[1]));
  pl_manifest_clear(&m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(remarks_are_kept, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(nothing_of_others_is_lost, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(bad_files_are_told_and_left, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(cases_know_their_remarks, make_folder, remove_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
