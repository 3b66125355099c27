#include "tui/cli/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "viewers/out_blocks.h"
#include "viewers/out_sixel.h"

enum { LINES_SPARED = 2, BYTES_MAX = 64 << 20 };  // for the prompt after the caption

static uint32_t at_most(uint32_t value, uint32_t limit) { return limit > 0 && value > limit ? limit : value; }

// Rows that are left for the picture, so that it and its caption are on the screen together.
static uint32_t picture_rows(const pl_cli_picture *p, const pl_caps *caps) {
  uint32_t lines = 1 + LINES_SPARED;
  for (const char *c = p->caption; *c != '\0'; c++) lines += *c == '\n';
  return caps->rows > lines + 1 ? caps->rows - lines : 1;
}

static pl_status add_sixel(pl_buf *out, const pl_cli_picture *p, const pl_caps *caps, pl_error *err) {
  uint32_t width = at_most(at_most(caps->columns * caps->cell_width, caps->max_width), p->size);
  uint32_t height = at_most(at_most(picture_rows(p, caps) * caps->cell_height, caps->max_height), p->size);
  pl_bitmap bitmap = {0};
  pl_status status = p->draw(&bitmap, p->context, width, height, 1, err);
  pl_sixel_options options = pl_sixel_options_for(caps, PL_SIXEL_GREYS_MAX);
  if (status == PL_OK) status = pl_sixel_encode(out, &bitmap, &options, err);
  if (status == PL_OK) pl_buf_add_text(out, "\n");
  pl_bitmap_clear(&bitmap);
  return status;
}

static pl_status add_blocks(pl_buf *out, const pl_cli_picture *p, const pl_caps *caps, pl_error *err) {
  double aspect = caps->cell_width > 0 && caps->cell_height > 0 ? caps->cell_height / 2.0 / caps->cell_width : 1;
  pl_bitmap bitmap = {0};
  pl_status status = p->draw(&bitmap, p->context, at_most(caps->columns, p->size),
                             at_most(2 * picture_rows(p, caps), p->size), aspect, err);
  pl_cells cells = {0};
  const bool ascii = caps->graphics == PL_GRAPHICS_ASCII;
  if (status == PL_OK) {
    status = pl_blocks(&cells, &bitmap, ascii ? PL_COLOURS_MONO : caps->colours, !ascii && caps->utf8, err);
  }
  if (status == PL_OK && !pl_cells_ansi(out, &cells)) status = pl_fail(err, PL_E_LIMIT, "the picture is too large");
  pl_cells_clear(&cells);
  pl_bitmap_clear(&bitmap);
  return status;
}

pl_status pl_cli_probe(pl_caps *caps, const char *graphics, pl_error *err) {
  bool forced = strcmp(graphics, "auto") != 0;
  if (forced) setenv("PLEURA_GRAPHICS", graphics, 1);
  pl_status status = pl_caps_probe(caps, STDIN_FILENO, STDOUT_FILENO, NULL, err);
  if (status != PL_OK) return status;
  if (!forced && getenv("PLEURA_GRAPHICS") == NULL && !isatty(STDOUT_FILENO)) caps->graphics = PL_GRAPHICS_NONE;
  return PL_OK;
}

pl_status pl_cli_print_on(const pl_cli_picture *p, const pl_caps *caps, pl_error *err) {
  pl_status status = PL_OK;
  pl_buf bytes;
  pl_buf_init(&bytes, BYTES_MAX);
  if (caps->graphics == PL_GRAPHICS_SIXEL) status = add_sixel(&bytes, p, caps, err);
  if (caps->graphics == PL_GRAPHICS_BLOCKS || caps->graphics == PL_GRAPHICS_ASCII)
    status = add_blocks(&bytes, p, caps, err);
  if (status == PL_OK) pl_buf_printf(&bytes, "%s\n", p->caption);
  if (status == PL_OK && (fwrite(bytes.data, 1, bytes.length, stdout) != bytes.length || fflush(stdout) != 0)) {
    status = pl_fail(err, PL_E_IO, "cannot write to the standard output");
  }
  pl_buf_clear(&bytes);
  return status;
}

pl_status pl_cli_print(const pl_cli_picture *p, pl_error *err) {
  pl_caps caps = {0};
  pl_status status = pl_cli_probe(&caps, p->graphics, err);
  return status == PL_OK ? pl_cli_print_on(p, &caps, err) : status;
}
