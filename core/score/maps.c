#include "core/score/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/fs.h"
#include "core/base/lock.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/data/access.h"
#include "core/image/probability.h"
#include "core/score/binarize.h"

enum { RECIPE_MAX = 1 << 20 };

#define MAPS_FILE "maps.json"

// Stands in maps.json while the maps of another recipe are being removed.
static const char emptying[] = "{\"emptying\":true}";

char *pl_maps_path(const char *folder, const char *id) { return pl_xprintf("%s/%s.png", folder, id); }

bool pl_maps_has(const char *folder, const char *id) {
  char *path = pl_maps_path(folder, id);
  const bool has = pl_fs_is_file(path);
  free(path);
  return has;
}

pl_status pl_maps_recipe(char **recipe, const char *folder, pl_error *err) {
  char *path = pl_path_join(folder, MAPS_FILE);
  pl_buf text;
  pl_buf_init(&text, RECIPE_MAX);
  pl_status status = pl_fs_read(&text, path, err);
  json_error_t problem;
  json_t *object = status == PL_OK ? json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &problem) : NULL;
  if (status == PL_OK && !json_is_object(object)) {
    status =
        pl_fail(err, PL_E_FORMAT, "%s line %d: %s", path, problem.line, object == NULL ? problem.text : "no object");
  }
  json_decref(object);
  if (status == PL_OK) {
    *recipe = pl_xstrdup(text.data);
    (*recipe)[strcspn(*recipe, "\n")] = '\0';
  }
  pl_buf_clear(&text);
  free(path);
  return status;
}

static pl_status write_recipe(const char *folder, const char *recipe, pl_error *err) {
  char *path = pl_path_join(folder, MAPS_FILE), *text = pl_xprintf("%s\n", recipe);
  pl_status status = pl_fs_replace(path, text, strlen(text), err);
  free(path);
  free(text);
  return status;
}

static pl_status remove_maps(const char *folder, pl_error *err) {
  char **names = NULL;
  size_t count = 0;
  pl_status status = pl_fs_list(&names, &count, folder, err);
  for (size_t i = 0; i < count && status == PL_OK; i++) {
    if (!pl_ends_with(names[i], ".png")) continue;
    char *path = pl_path_join(folder, names[i]);
    status = pl_fs_remove_tree(path, err);
    free(path);
  }
  pl_fs_free_names(names, count);
  return status;
}

static pl_status check_empty(const char *folder, pl_error *err) {
  char **names = NULL;
  size_t count = 0;
  pl_status status = pl_fs_list(&names, &count, folder, err);
  if (status == PL_OK && count > 0) {
    status = pl_fail(err, PL_E_EXISTS,
                     "%s holds other files and no maps: name an empty folder, or one that is not there", folder);
  }
  pl_fs_free_names(names, count);
  return status;
}

static pl_status take_lock(int *lock, const char *folder, pl_error *err) {
  const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return pl_fail_errno(err, errno, "cannot open folder %s", folder);
  // File systems that cannot lock a folder are written to without.
  if (pl_lock_file(fd, folder, NULL) == PL_E_BUSY) {
    (void)close(fd);
    return pl_fail(err, PL_E_BUSY, "another process is writing maps in %s", folder);
  }
  *lock = fd;
  return PL_OK;
}

static pl_status prepare(const char *folder, const char *recipe, pl_error *err) {
  char *before = NULL;
  pl_error none = {0};
  pl_status status = pl_maps_recipe(&before, folder, &none);
  if (status == PL_E_NOTFOUND) {
    status = check_empty(folder, err);
  } else if (status != PL_OK) {
    if (err != NULL) *err = none;
  }
  const bool same = before != NULL && strcmp(before, recipe) == 0;
  free(before);
  if (status != PL_OK || same) return status;
  status = write_recipe(folder, emptying, err);
  if (status == PL_OK) status = remove_maps(folder, err);
  return status == PL_OK ? write_recipe(folder, recipe, err) : status;
}

pl_status pl_maps_begin(int *lock, const char *folder, const char *recipe, pl_error *err) {
  int fd = -1;
  pl_status status = pl_access_check(folder, pl_access_output, err);
  if (status == PL_OK) status = pl_fs_make_folders(folder, err);
  if (status == PL_OK) status = take_lock(&fd, folder, err);
  if (status != PL_OK) return status;
  status = prepare(folder, recipe, err);
  if (status == PL_OK) {
    *lock = fd;
  } else {
    (void)close(fd);
  }
  return status;
}

static pl_status write_map(const char *folder, const char *id, const float *map, uint32_t side, pl_error *err) {
  pl_image image = {0};
  char *path = pl_maps_path(folder, id);
  pl_status status = pl_probability_take(&image, map, side, side, err);
  if (status == PL_OK) status = pl_probability_write(path, &image, err);
  pl_image_clear(&image);
  free(path);
  return status;
}

pl_status pl_maps_write(const char *folder, const char *const *ids, const float *maps, size_t count, uint32_t side,
                        pl_error *err) {
  pl_status first = PL_OK;
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < count; i++) {
    pl_error problem = {0};
    const pl_status status = write_map(folder, ids[i], maps + i * (size_t)side * side, side, &problem);
    if (status == PL_OK) continue;
#pragma omp critical
    if (first == PL_OK) {
      first = status;
      if (err != NULL) *err = problem;
    }
  }
  return first;
}

static pl_status read_one(pl_image *out, const char *folder, const char *id, uint32_t width, uint32_t height,
                          pl_error *err) {
  char *path = pl_maps_path(folder, id);
  pl_image map = {0};
  pl_status status = pl_probability_read(&map, path, err);
  if (status == PL_OK && map.width == width && map.height == height) {
    *out = map;
  } else if (status == PL_OK) {
    status = pl_binarize_resize(out, &map, width, height, err);
    pl_image_clear(&map);
  }
  free(path);
  return status;
}

pl_status pl_maps_read(pl_image *map, const pl_map_source *sources, size_t count, const char *id, uint32_t width,
                       uint32_t height, pl_error *err) {
  if (count == 1) return read_one(map, sources[0].folder, id, width, height, err);
  pl_image mean = {0};
  pl_status status = pl_image_init(&mean, width, height, PL_PIXEL_U16, PL_IMAGE_PROBABILITY, err);
  if (status != PL_OK) return status;
  const size_t pixels = (size_t)width * height;
  double *sums = pl_try_alloc(pixels * sizeof *sums), weights = 0;
  if (sums == NULL) status = pl_fail(err, PL_E_NOMEM, "no memory for the mean of maps of %ux%u pixels", width, height);
  if (status == PL_OK) memset(sums, 0, pixels * sizeof *sums);
  for (size_t k = 0; k < count && status == PL_OK; k++) {
    pl_image one = {0};
    status = read_one(&one, sources[k].folder, id, width, height, err);
    for (size_t i = 0; i < pixels && status == PL_OK; i++) sums[i] += sources[k].weight * one.u16[i];
    weights += sources[k].weight;
    pl_image_clear(&one);
  }
  for (size_t i = 0; i < pixels && status == PL_OK; i++) mean.u16[i] = (uint16_t)(sums[i] / weights + 0.5);
  free(sums);
  if (status != PL_OK) {
    pl_image_clear(&mean);
    return status;
  }
  *map = mean;
  return PL_OK;
}
