#include "viewers/sixel_update.h"

#include <string.h>

#include "viewers/draw.h"

enum { BYTES_MAX = 4 << 20 };

// Columns [first, end) of a row of cells that changed; none when first == end.
typedef struct cell_span {
  unsigned first, end;
} cell_span;

size_t pl_sixel_changed(const pl_bitmap *now, const pl_bitmap *shown) {
  const size_t pixels = (size_t)now->width * now->height;
  size_t changed = 0;
  for (size_t i = 0; i < pixels; i++) changed += memcmp(&now->pixels[i], &shown->pixels[i], sizeof(pl_rgb)) != 0;
  return changed;
}

static cell_span changed_cells(const pl_sixel_order *order, unsigned row) {
  const pl_bitmap *now = order->now;
  const uint32_t top = row * order->cell_height;
  uint32_t left = now->width, right = 0;
  for (uint32_t y = top; y < top + order->cell_height && y < now->height; y++) {
    const pl_rgb *a = &now->pixels[(size_t)y * now->width], *b = &order->shown->pixels[(size_t)y * now->width];
    if (memcmp(a, b, now->width * sizeof *a) == 0) continue;
    uint32_t x = 0, end = now->width;
    while (memcmp(&a[x], &b[x], sizeof *a) == 0) x++;
    while (memcmp(&a[end - 1], &b[end - 1], sizeof *a) == 0) end--;
    if (x < left) left = x;
    if (end > right) right = end;
  }
  if (left >= right) return (cell_span){0};
  return (cell_span){left / order->cell_width, (right - 1) / order->cell_width + 1};
}

// Rows [top, end) of cells, and the columns that they have in common.
static pl_status add_block(pl_sixel_update *update, const pl_sixel_order *order, unsigned top, unsigned end,
                           cell_span columns, pl_error *err) {
  const int width = (int)order->now->width, height = (int)order->now->height;
  unsigned step = order->piece_rows > 0 ? order->piece_rows : end - top;
  // Never more pieces than there is room for.
  while (update->count + (end - top + step - 1) / step > PL_SIXEL_PIECES_MAX && step < end - top) step++;
  for (unsigned row = top; row < end; row += step) {
    const unsigned rows = end - row < step ? end - row : step;
    pl_rect area = {.x = (int)(columns.first * order->cell_width),
                    .y = (int)(row * order->cell_height),
                    .width = (int)((columns.end - columns.first) * order->cell_width),
                    .height = (int)(rows * order->cell_height)};
    if (area.x + area.width > width) area.width = width - area.x;
    if (area.y + area.height > height) area.height = height - area.y;
    const size_t first = update->bytes.length;
    const pl_status status = pl_sixel_encode_part(&update->bytes, order->now, area,
                                                  order->composes ? order->shown : NULL, &order->options, err);
    if (status != PL_OK) return status;
    if (update->bytes.length == first) continue;
    if (update->count == PL_SIXEL_PIECES_MAX) return pl_fail(err, PL_E_LIMIT, "too many pieces of a picture");
    update->pieces[update->count++] =
        (pl_sixel_piece){.area = area, .first = first, .length = update->bytes.length - first};
  }
  return PL_OK;
}

// Rows that follow each other are one block; a transparent one may reach over what is equal, which costs next to
// nothing.
static pl_status add_changes(pl_sixel_update *update, const pl_sixel_order *order, unsigned rows, pl_error *err) {
  unsigned top = 0, end = 0;
  cell_span columns = {0};
  pl_status status = PL_OK;
  for (unsigned row = 0; row <= rows && status == PL_OK; row++) {
    const cell_span span = row < rows ? changed_cells(order, row) : (cell_span){0};
    const bool changed = span.first < span.end;
    const bool many = update->count + 1 >= PL_SIXEL_PIECES_MAX / 2;  // then blocks grow over what is equal
    if (changed && columns.end == 0) {
      top = row;
      columns = span;
    } else if (changed) {
      if (span.first < columns.first) columns.first = span.first;
      if (span.end > columns.end) columns.end = span.end;
    }
    if (changed) end = row + 1;
    const bool goes_on = changed || order->composes || many;
    if (columns.end > 0 && (row == rows || !goes_on)) {
      status = add_block(update, order, top, end, columns, err);
      columns = (cell_span){0};
    }
  }
  return status;
}

pl_status pl_sixel_update_make(pl_sixel_update *out, const pl_sixel_order *order, pl_error *err) {
  pl_sixel_update made = {.count = 0};
  pl_buf_init(&made.bytes, BYTES_MAX);
  const unsigned columns = (order->now->width + order->cell_width - 1) / order->cell_width;
  const unsigned rows = (order->now->height + order->cell_height - 1) / order->cell_height;
  const pl_status status = order->shown == NULL ? add_block(&made, order, 0, rows, (cell_span){.end = columns}, err)
                                                : add_changes(&made, order, rows, err);
  if (status != PL_OK) {
    pl_sixel_update_clear(&made);
    return status;
  }
  *out = made;
  return PL_OK;
}

void pl_sixel_update_clear(pl_sixel_update *update) {
  pl_buf_clear(&update->bytes);
  update->count = 0;
}
