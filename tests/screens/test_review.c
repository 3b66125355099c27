// Screen Review as texts: of one run, and of several together.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/run/group.h"
#include "core/score/found.h"
#include "tests/screens/fixture.h"
#include "tests/screens/world.h"
#include "tests/tools/testing.h"

static void must(pl_status status, const pl_error *err) {
  if (status != PL_OK) fail_msg("%s", err->message);
}

// Where a run is wrong: sorted, compared with another run, thresholds by keys, by hand and by search, small components
// removed in the background, the queue of what is unsure.
static void test_review(void **state) {
  const world *w = *state;
  char *workspace = pl_path_join(w->root, "review"), *first = NULL, *second = NULL;
  pl_error err = {0};
  if (fixture_workspace(workspace, CASES, &err) != PL_OK || fixture_labels(workspace, &err) != PL_OK ||
      fixture_run(&first, workspace, "first", 3, PL_PHASE_FINISHED, &err) != PL_OK ||
      fixture_run(&second, workspace, "second", 4, PL_PHASE_FINISHED, &err) != PL_OK ||
      fixture_maps(first, workspace, 1, &err) != PL_OK || fixture_maps(second, workspace, 2, &err) != PL_OK) {
    fail_msg("%s", err.message);
  }
  check(w, workspace, PTY_PLAIN, "xterm-256color", 80, 24, "key 8\nwait-job", "review_80x24");
  check(w, workspace, PTY_VT340, "xterm-256color", 120, 40,
        "key 8\nwait-job\nkey ] ] } ) j\nwait-job\ncmd sort extra\nwait-job", "review_120x40");
  check(w, workspace, PTY_VT340, "xterm-256color", 200, 60,
        "key 8\nwait-job\ncmd against first\nwait-job\ncmd sort differ\nkey v o\nwait-job\nkey n Space\nwait-job",
        "review_200x60");
  check(w, workspace, PTY_VT340, "xterm-256color", 120, 40,
        "key 8\nwait-job\ncmd triplet 0.4,10,0.35\ncmd components 20\nwait-job\nkey c t\nwait-job",
        "review_components");
  check(w, workspace, PTY_VT340, "xterm-256color", 120, 40, "key 8\nwait-job\ncmd triplet 0.455,10,0.3\nwait-job",
        "review_wrong");
  check(w, workspace, PTY_PLAIN, "xterm-256color", 100, 24, "key 8\nwait-job\nkey G Enter\nwait-job", "review_open");
  check(w, workspace, PTY_PLAIN, "xterm-256color", 100, 24, "key 8\nwait-job\nkey ] ] ) W\nwait-job", "review_kept");
  pl_found found;
  assert_int_equal(pl_found_load(&found, workspace, &err), PL_OK);
  assert_string_equal(found.runs, "second");
  assert_true(found.triplet.top == 0.52 && found.triplet.bottom == 0.5 && found.triplet.area == 50);
  assert_int_equal(found.images, 8);
  check(w, w->workspace, PTY_PLAIN, "xterm-256color", 90, 24, "key 8\nwait-job", "review_no_maps");
  check(w, w->empty, PTY_PLAIN, "xterm-256color", 90, 24, "key 8\nwait-job", "review_empty");
  free(first);
  free(second);
  free(workspace);
}

// Runs reviewed together: a training of all folds, runs with weights and how much they disagree, those that are marked
// on screen Runs; completed names; one that lacks a map, one that is not there.
static void test_review_together(void **state) {
  const world *w = *state;
  enum { FOLDS = 5 };
  char *workspace = pl_path_join(w->root, "together"), *runs[FOLDS + 1], *group = NULL;
  pl_error err = {0};
  pl_config config;
  pl_config_defaults(&config);
  must(fixture_workspace(workspace, CASES, &err), &err);
  must(fixture_labels(workspace, &err), &err);
  must(pl_config_set(&config, "name", "all", PL_ORIGIN_COMMAND, &err), &err);
  must(pl_group_begin(&group, workspace, &config, &err), &err);
  for (int i = 0; i <= FOLDS; i++) {
    char *name = i < FOLDS ? pl_xprintf("all-fold%d", i) : pl_xstrdup("other");
    must(fixture_fold(&runs[i], workspace, name, i % FOLDS, &err), &err);
    must(fixture_maps(runs[i], workspace, i < FOLDS ? 1 : 3, &err), &err);
    free(name);
  }
  check(w, workspace, PTY_VT340, "xterm-256color", 120, 40, "cmd review all\nwait-job\nkey } ]\nwait-job",
        "review_group");
  check(w, workspace, PTY_VT340, "xterm-256color", 160, 40,
        "cmd review all-fold0:2 other\nwait-job\ncmd sort differ\nkey v\nwait-job\nkey W\nwait-job", "review_mean");
  pl_found found;
  must(pl_found_load(&found, workspace, &err), &err);
  assert_string_equal(found.runs, "all-fold0:2 other:1");
  check(w, workspace, PTY_PLAIN, "xterm-256color", 120, 24,
        "key 5\nwait-job\nkey g Space Space Space\nkey R\nwait-job\ncmd against other\nwait-job", "review_marked");
  check(w, workspace, PTY_PLAIN, "xterm-256color", 100, 24, "cmd review all\nwait-job\ncmd review off\nwait-job",
        "review_off");
  check(w, workspace, PTY_PLAIN, "xterm-256color", 100, 24, "key 8\nwait-job\ncmd review other:0", "review_weight");
  check(w, workspace, PTY_PLAIN, "xterm-256color", 100, 24,
        "key 8\nwait-job\nkey :\nkeys review all other all-fold0 al\nkey Tab", "review_complete");
  char *map = pl_xprintf("%s/prob/1.2.826.0.1.3680043.8498.1111.png", runs[3]);
  assert_int_equal(unlink(map), 0);
  check(w, workspace, PTY_PLAIN, "xterm-256color", 100, 24, "cmd review all other\nwait-job", "review_lacks");
  for (int i = 0; i <= FOLDS; i++) free(runs[i]);
  free(map);
  free(group);
  free(workspace);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_review),
      cmocka_unit_test(test_review_together),
  };
  return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
