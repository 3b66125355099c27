#include "tui/cli/show_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/run/find.h"
#include "core/run/presets.h"
#include "core/run/rundir.h"
#include "tui/batch_grid.h"
#include "tui/cli/picture.h"
#include "tui/cli/place.h"

// For drawing.
typedef struct shown {
  const pl_batch_grid *grid;
  const pl_show_how *how;
} shown;

static pl_status set_option(pl_config *config, const pl_show_setting *given, pl_error *err) {
  if (given->name != NULL) return pl_config_set(config, given->name, given->text, PL_ORIGIN_COMMAND, err);
  char name[64];
  const char *setting = given->text;
  const char *equals = strchr(setting, '=');
  const size_t length = equals != NULL ? (size_t)(equals - setting) : 0;
  if (length == 0 || length >= sizeof name) {
    return pl_fail(err, PL_E_USAGE, "'%.80s' is not OPTION=VALUE; 'pleura train --help' lists the options", setting);
  }
  memcpy(name, setting, length);
  name[length] = '\0';
  return pl_config_set(config, name, equals + 1, PL_ORIGIN_COMMAND, err);
}

static pl_status start_from(pl_config *config, const pl_show_batch *batch, const char *workspace, pl_error *err) {
  if (batch->run != NULL) {
    char *folder = NULL;
    pl_run_info *info = pl_xcalloc(1, sizeof *info);
    pl_status status = pl_run_find(&folder, workspace, batch->run, err);
    if (status == PL_OK) status = pl_run_load(info, folder, err);
    if (status == PL_OK) *config = info->config;
    free(info);
    free(folder);
    return status;
  }
  pl_config_defaults(config);
  char *yaml = pl_path_join(workspace, PL_WORKSPACE_FILE);
  pl_status status = pl_config_read_yaml(config, yaml, err);
  free(yaml);
  return status;
}

static pl_status make_config(pl_config *config, const pl_show_batch *batch, const char *workspace, pl_error *err) {
  pl_status status = start_from(config, batch, workspace, err);
  if (status == PL_OK && batch->preset != NULL) status = pl_config_apply_preset(config, batch->preset, err);
  for (size_t i = 0; i < batch->setting_count && status == PL_OK; i++) {
    status = set_option(config, &batch->settings[i], err);
  }
  return status;
}

static pl_status draw(pl_bitmap *out, const void *context, uint32_t width, uint32_t height, double pixel_aspect,
                      pl_error *err) {
  const shown *what = context;
  pl_view_grid_options options = pl_view_grid_defaults(width, height);
  options.pixel_aspect = pixel_aspect;
  options.labels = pixel_aspect == 1;  // not in half blocks, whose pixels are too large for letters
  options.mask_mode = what->how->mask_mode;
  options.invert = what->how->invert;
  return pl_view_grid(out, what->grid->tiles, what->grid->count, &options, err);
}

static pl_status write_file(const shown *what, pl_error *err) {
  uint32_t width = what->how->size, height = what->how->size;
  if (width == 0) pl_view_grid_whole(&width, &height, what->grid->tiles, what->grid->count, true);
  pl_bitmap bitmap = {0};
  pl_status status = draw(&bitmap, what, width, height, 1, err);
  if (status == PL_OK) status = pl_bitmap_save(&bitmap, what->how->output, err);
  pl_bitmap_clear(&bitmap);
  return status;
}

// A line about the batch, then the cases as they lie in the grid.
static char *make_caption(const pl_batch_view *view, const pl_batch_grid *grid) {
  char words[320];
  pl_batch_words(words, sizeof words, view);
  pl_buf text;
  pl_buf_init(&text, 4096);
  pl_buf_add_text(&text, words);
  for (size_t i = 0; i < grid->count; i++) {
    const bool last = i + 1 == grid->count || (i + 1) % grid->columns == 0;
    if (i % grid->columns == 0) pl_buf_add_text(&text, "\n");
    pl_buf_printf(&text, last ? "%s" : "%-20s", grid->labels[i]);
  }
  return text.data;
}

static pl_status print(const pl_batch_view *view, const pl_manifest *manifest, const pl_show_how *how, pl_error *err) {
  pl_batch_grid grid;
  pl_batch_grid_init(&grid, view, manifest);
  const shown what = {.grid = &grid, .how = how};
  char *caption = make_caption(view, &grid);
  pl_status status = PL_OK;
  if (how->output != NULL) {
    status = write_file(&what, err);
    if (status == PL_OK) printf("%s\n", caption);
  } else {
    const pl_cli_picture picture = {
        .draw = draw, .context = &what, .caption = caption, .graphics = how->graphics, .size = how->size};
    status = pl_cli_print(&picture, err);
  }
  free(caption);
  return status;
}

pl_status pl_show_batch_print(const pl_show_batch *batch, const pl_show_how *how, pl_error *err) {
  char *workspace = NULL;
  pl_manifest manifest = {0};
  pl_batch_view *view = pl_xcalloc(1, sizeof *view);
  pl_config *config = pl_xcalloc(1, sizeof *config);
  pl_status status = pl_cli_workspace(&workspace, how->workspace, err);
  if (status == PL_OK) status = make_config(config, batch, workspace, err);
  if (status == PL_OK) status = pl_run_load_manifest(&manifest, workspace, config, err);
  if (status == PL_OK) status = pl_batch_view_load(view, &manifest, config, batch->epoch, batch->number, err);
  if (status == PL_OK) status = print(view, &manifest, how, err);
  pl_batch_view_clear(view);
  pl_manifest_clear(&manifest);
  free(view);
  free(config);
  free(workspace);
  return status;
}
