// The tuner of thresholds in the workbench: from a key that moves a threshold to the last byte of the case's new mask,
// before which the fold's new score was written. 2,590 cases with maps of 1024 x 1024 pixels in a window of 160x50
// cells of 10x20 pixels.
//   bench_review PLEURA FOLDER     (FOLDER becomes the workspace where it is not one yet)
// `review` beside it does all of it.
#include <inttypes.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/data/manifest.h"
#include "core/data/rle.h"
#include "core/image/png_io.h"
#include "core/image/probability.h"
#include "core/run/rundir.h"
#include "core/score/levels_file.h"
#include "core/score/maps.h"
#include "tests/bench/tap.h"

enum { CASES = 2590, SIDE = 1024, KINDS = 8, COLUMNS = 160, ROWS = 50, RUNS = 2, AREA_STEP = 50, SEED = 3 };

static const char *const run_names[RUNS] = {"one", "two"};

// ---- The workspace: a few kinds of cases, whose files have many names

// One kind of case: of every four one has a pneumothorax.
typedef struct kind {
  pl_image image, mask, maps[RUNS];
  pl_levels levels[RUNS], mean;
  uint64_t area;
} kind;

static void must(pl_status status, const pl_error *err) {
  if (status != PL_OK) tap_fail(err->message);
}

// How far a point is inside of an ellipse: 1 in its centre, 0 at its edge.
static double inside(double x, double y, size_t which, double moved) {
  const double dx = (x - 300 - 40.0 * (double)which - moved) / 110, dy = (y - 360) / (180 + 10.0 * (double)which);
  return 1 - dx * dx - dy * dy;
}

static void make_kind(kind *k, size_t which) {
  pl_error err = {0};
  must(pl_image_init(&k->image, SIDE, SIDE, PL_PIXEL_U8, PL_IMAGE_GREY, &err), &err);
  must(pl_image_init(&k->mask, SIDE, SIDE, PL_PIXEL_U8, PL_IMAGE_MASK, &err), &err);
  for (int r = 0; r < RUNS; r++) {
    must(pl_image_init(&k->maps[r], SIDE, SIDE, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, &err), &err);
  }
  const bool positive = which % 4 == 0;
  for (uint32_t y = 0; y < SIDE; y++) {
    for (uint32_t x = 0; x < SIDE; x++) {
      const size_t i = (size_t)y * SIDE + x;
      const double noise = pl_rng_double(SEED, which, i);
      k->image.u8[i] = (uint8_t)(60 + 90 * fabs(sin(x / 160.0) * cos(y / 210.0)) + 24 * noise);
      k->mask.u8[i] = positive && inside(x, y, which, 0) > 0 ? 255 : 0;
      for (int r = 0; r < RUNS; r++) {
        const double p = 1 / (1 + exp(-6 * inside(x, y, which, 12 + 9 * r))) * (positive ? 1 : 0.6);
        k->maps[r].u16[i] = (uint16_t)(65535 * fmin(1, 0.97 * p + 0.01 * noise));
      }
    }
  }
  k->area = pl_mask_area(&k->mask);
  pl_image mean = {0};
  must(pl_image_init(&mean, SIDE, SIDE, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, &err), &err);
  for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
    mean.u16[i] = (uint16_t)((k->maps[0].u16[i] + k->maps[1].u16[i]) / 2.0 + 0.5);
  }
  for (int r = 0; r < RUNS; r++) must(pl_levels_count(&k->levels[r], &k->maps[r], &k->mask, &err), &err);
  must(pl_levels_count(&k->mean, &mean, &k->mask, &err), &err);
  pl_image_clear(&mean);
}

static void make_kinds(kind kinds[KINDS]) {
  for (size_t i = 0; i < KINDS; i++) make_kind(&kinds[i], i);
}

static void clear_kinds(kind kinds[KINDS]) {
  for (size_t i = 0; i < KINDS; i++) {
    pl_image_clear(&kinds[i].image);
    pl_image_clear(&kinds[i].mask);
    for (int r = 0; r < RUNS; r++) pl_image_clear(&kinds[i].maps[r]);
  }
}

static void add_table(pl_buf *cases, pl_buf *folds, pl_buf *rle, const kind kinds[KINDS]) {
  pl_buf_add_text(cases,
                  "number,ImageId,part,source,sha256,rows,cols,status,has_mask,mask_area,age,sex,view,patient\n");
  pl_buf_add_text(folds, "ImageId,EncodedPixels,has_mask,kfold\n");
  pl_buf_add_text(rle, "ImageId, EncodedPixels\n");
  for (size_t i = 0; i < CASES; i++) {
    const kind *k = &kinds[i % KINDS];
    pl_buf_printf(cases, "%zu,case-%05zu,train,,%064zu,%d,%d,ok,%d,%" PRIu64 ",40,F,PA,\n", i + 1, i, i, SIDE, SIDE,
                  k->area > 0, k->area);
    pl_buf_printf(folds, "case-%05zu,%s,%d,%d\n", i, k->area > 0 ? "10 20" : "-1", k->area > 0, 0);
    pl_buf_printf(rle, "case-%05zu, ", i);
    (void)pl_rle_encode(rle, &k->mask, NULL);
    pl_buf_add_text(rle, "\n");
  }
}

static void write_text(const char *folder, const char *name, pl_buf *text) {
  pl_error err = {0};
  char *path = pl_path_join(folder, name);
  if (text->failed) tap_fail("a table is too long");
  must(pl_fs_replace(path, text->data, text->length, &err), &err);
  pl_buf_clear(text);
  free(path);
}

// FOLDER/case-00000.png and so on: the first of each kind is written, the others are further names of it.
static void write_pictures(const char *folder, const kind kinds[KINDS], int map) {
  pl_error err = {0};
  for (size_t i = 0; i < CASES; i++) {
    const kind *k = &kinds[i % KINDS];
    char *path = pl_xprintf("%s/case-%05zu.png", folder, i),
         *first = pl_xprintf("%s/case-%05zu.png", folder, i % KINDS);
    if (i >= KINDS) {
      if (link(first, path) != 0) tap_fail("a file cannot have another name here");
    } else if (map >= 0) {
      must(pl_probability_write(path, &k->maps[map], &err), &err);
    } else {
      must(pl_png_write(path, &k->image, PL_PNG_FAST, &err), &err);
    }
    free(first);
    free(path);
  }
}

static void write_levels(const char *maps, const char *name, const char *recipe, const char *labels,
                         const kind kinds[KINDS], int run) {
  pl_error err = {0};
  char key[PL_SHA256_HEX_SIZE], *path = pl_path_join(maps, name);
  pl_levels_entry *entries = pl_xcalloc(CASES, sizeof *entries);
  for (size_t i = 0; i < CASES; i++) {
    const kind *k = &kinds[i % KINDS];
    entries[i] = (pl_levels_entry){(uint32_t)i + 1, run < RUNS ? k->levels[run] : k->mean};
  }
  pl_levels_key(key, recipe, labels);
  must(pl_levels_save(path, key, entries, CASES, &err), &err);
  free(entries);
  free(path);
}

// The runs with their maps, and the counts that an evaluation would have left.
static void write_runs(const char *workspace, const kind kinds[KINDS]) {
  static const char recipe[] = "{\"format\":1}", both[] = "1 {\"format\":1}\n1 {\"format\":1}\n";
  pl_error err = {0};
  char *table = pl_path_join(workspace, "train-rle.csv"), labels[PL_SHA256_HEX_SIZE], cases[PL_SHA256_HEX_SIZE],
       folds[PL_SHA256_HEX_SIZE];
  must(pl_sha256_file(labels, table, &err), &err);
  must(pl_run_hash_dataset(cases, folds, workspace, PL_LABELS_ORIGINAL, &err), &err);
  for (int r = 0; r < RUNS; r++) {
    pl_config config;
    pl_config_defaults(&config);
    char *run = NULL;
    int lock = -1;
    must(pl_config_set(&config, "name", run_names[r], PL_ORIGIN_COMMAND, &err), &err);
    must(pl_run_make(&run, workspace, &config, &err), &err);
    char *maps = pl_path_join(run, "prob");
    must(pl_maps_begin(&lock, maps, recipe, &err), &err);
    (void)close(lock);
    write_pictures(maps, kinds, r);
    write_levels(maps, "levels.bin", recipe, labels, kinds, r);
    if (r == 0) write_levels(maps, "levels-mean.bin", both, folds, kinds, RUNS);
    free(maps);
    free(run);
  }
  free(table);
}

static void make_workspace(const char *folder, const kind kinds[KINDS]) {
  pl_error err = {0};
  pl_buf cases, folds, rle;
  pl_buf_init(&cases, 1 << 24);
  pl_buf_init(&folds, 1 << 24);
  pl_buf_init(&rle, (size_t)1 << 28);
  must(pl_workspace_init(folder, &err), &err);
  add_table(&cases, &folds, &rle, kinds);
  write_text(folder, "cases.csv", &cases);
  write_text(folder, "folds.csv", &folds);
  write_text(folder, "train-rle.csv", &rle);
  char *images = pl_path_join(folder, "images");
  must(pl_fs_make_folders(images, &err), &err);
  write_pictures(images, kinds, -1);
  free(images);
  write_runs(folder, kinds);
}

// ---- The keys

// Screen Review with case #1 on screen, counted and at rest.
static void open_review(tap *t, const char *pleura, const char *workspace, const char *runs) {
  tap_start(t, pleura, workspace, COLUMNS, ROWS);
  if (!pty_run(&t->p, " cases ", TAP_PATIENCE)) tap_fail("the workbench does not start");
  char *line = pl_xprintf(":review %s\r", runs);
  const double begin = tap_now();
  pty_type(&t->p, line);
  free(line);
  if (!tap_wait(t, 1)) tap_fail("no picture came");
  printf("open it on %-28s %7.1f ms\n", runs, 1e3 * (tap_now() - begin));
  pty_type(&t->p, ":sort number\r");
  tap_settle(t);
  pty_type(&t->p, "g");
  tap_settle(t);
}

static void say(tap *t, char *line) {
  pty_type(&t->p, line);
  free(line);
  tap_settle(t);
}

static void set_triplet(tap *t, uint64_t area, const char *bottom) {
  say(t, pl_xprintf(":triplet 0.75,%" PRIu64 ",%s\r", area, bottom));
}

// Every threshold by keys that change the mask: near an area of the top threshold's pixels it is all there or not.
static void measure(tap *t, const pl_levels *levels, const char *with) {
  char what[80];
  snprintf(what, sizeof what, "bottom, %s", with);
  set_triplet(t, 0, "0.5");
  tap_measure(t, what, (const char *const[]){"{"}, 1);
  snprintf(what, sizeof what, "top, %s", with);
  set_triplet(t, levels->area[75], "0.3");
  tap_measure(t, what, (const char *const[]){"]", "["}, 2);
  snprintf(what, sizeof what, "area, %s", with);
  set_triplet(t, levels->area[75] - AREA_STEP / 2, "0.3");
  tap_measure(t, what, (const char *const[]){")", "("}, 2);
}

static void measure_all(const char *pleura, const char *workspace, const char *runs, const pl_levels *levels) {
  tap t;
  open_review(&t, pleura, workspace, runs);
  measure(&t, levels, "all parts");
  say(&t, pl_xstrdup(":components 300\r"));
  measure(&t, levels, "parts below 300 px removed");
  pty_close(&t.p);
}

// A process that never rests, at the ordinary priority, and ends with this one.
static pid_t spin(void) {
  const pid_t parent = getpid(), child = fork();
  if (child != 0) return child;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(1);
  if (sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){.sched_priority = 0}) != 0) _exit(1);
  for (volatile unsigned i = 0;; i++) continue;
}

int main(int argc, char **argv) {
  if (argc != 3) tap_fail("usage: bench_review PLEURA FOLDER");
  (void)setvbuf(stdout, NULL, _IOLBF, 0);
  kind *kinds = pl_xcalloc(KINDS, sizeof *kinds);
  char *file = pl_path_join(argv[2], "pleura.yaml");
  make_kinds(kinds);
  if (!pl_fs_is_file(file)) make_workspace(argv[2], kinds);
  measure_all(argv[1], argv[2], "one", &kinds[0].levels[0]);
  measure_all(argv[1], argv[2], "one two", &kinds[0].mean);
  pid_t busy[2] = {spin(), spin()};
  printf("with two processes beside it that never rest\n");
  measure_all(argv[1], argv[2], "one", &kinds[0].levels[0]);
  for (size_t i = 0; i < sizeof busy / sizeof busy[0]; i++) {
    (void)kill(busy[i], SIGKILL);
    (void)waitpid(busy[i], NULL, 0);
  }
  clear_kinds(kinds);
  free(kinds);
  free(file);
  return 0;
}
