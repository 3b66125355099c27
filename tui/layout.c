#include "tui/layout.h"

enum {
  TABLE_COLS_MIN = 40,  // number, part, fold, label, area
  CAPTION_ROWS = 3,
  HEADER_ROWS = 3,
  BARS_ROWS = 3,
  EPOCH_ROWS_MIN = 4,  // the head and three epochs
  EPOCH_ROWS_MAX = 14,
  EPOCH_COLS = 80,  // of its table, and of the log beside it
  LOG_COLS_MIN = 36,
  LOG_COLS_MAX = 84,
  CHART_COLS_TWO = 64,  // from so many columns on, two charts side by side; three; and two rows of them
  CHART_COLS_THREE = 150,
  CHART_ROWS_TWO = 24,
  CASE_SIDE_COLS = 36,
  REVIEW_HEADER_ROWS = 3,
  REVIEW_COLUMN_COLS = 8,
  REVIEW_HISTOGRAM_ROWS = 11,
  BATCH_HEADER_ROWS = 2,
  BATCH_LIST_COLS = 18,  // "#12047 positive"
};

static int min_int(int a, int b) { return a < b ? a : b; }

static int max_int(int a, int b) { return a > b ? a : b; }

bool pl_area_empty(pl_area area) { return area.rows <= 0 || area.cols <= 0; }

bool pl_area_inside(pl_area inner, pl_area outer) {
  if (pl_area_empty(inner)) return true;
  return inner.y >= outer.y && inner.x >= outer.x && inner.y + inner.rows <= outer.y + outer.rows &&
         inner.x + inner.cols <= outer.x + outer.cols;
}

bool pl_area_overlap(pl_area a, pl_area b) {
  if (pl_area_empty(a) || pl_area_empty(b)) return false;
  return a.y < b.y + b.rows && b.y < a.y + a.rows && a.x < b.x + b.cols && b.x < a.x + a.cols;
}

pl_area pl_layout_centre(pl_area outer, int rows, int cols) {
  rows = min_int(rows, outer.rows);
  cols = min_int(cols, outer.cols);
  if (rows <= 0 || cols <= 0) return (pl_area){0};
  return (pl_area){outer.y + (outer.rows - rows) / 2, outer.x + (outer.cols - cols) / 2, rows, cols};
}

pl_frame_layout pl_layout_frame(int rows, int cols) {
  if (rows < PL_SCREEN_MIN_ROWS || cols < PL_SCREEN_MIN_COLS) return (pl_frame_layout){.too_small = true};
  return (pl_frame_layout){
      .tabs = {0, 0, 1, cols},
      .body = {1, 0, rows - 3, cols},
      .status = {rows - 2, 0, 1, cols},
      .prompt = {rows - 1, 0, 1, cols},
  };
}

pl_frame_layout pl_layout_full(int rows, int cols) {
  const pl_frame_layout frame = pl_layout_frame(rows, cols);
  if (frame.too_small) return frame;
  return (pl_frame_layout){.body = {0, 0, rows - 1, cols}, .prompt = frame.prompt};
}

pl_data_layout pl_layout_data(pl_area body, pl_cell_size cell) {
  pl_data_layout out = {.table = body};
  if (pl_area_empty(body)) return (pl_data_layout){0};
  int cell_width = cell.width > 0 ? cell.width : 1, cell_height = cell.height > 0 ? cell.height : 2;
  if (cell.width <= 0 || cell.height <= 0) cell_width = 1, cell_height = 2;
  const int rows = body.rows - CAPTION_ROWS;
  // Radiographs are about square: as many columns as make the rows' height in pixels, if the table keeps its own.
  const int square = (rows * cell_height + cell_width - 1) / cell_width;
  const int room = body.cols - TABLE_COLS_MIN - 2;  // a gap left of the picture, the border right of it
  const int cols = min_int(square, room);
  if (rows < PL_PICTURE_MIN_ROWS || cols < PL_PICTURE_MIN_COLS) return out;
  // Where the width decides, the picture gets no more rows than it can fill; the caption moves up to it.
  const int used = max_int(min_int(rows, (cols * cell_width + cell_height - 1) / cell_height), PL_PICTURE_MIN_ROWS);
  const int picture_x = body.x + body.cols - 1 - cols;
  out.table.cols = picture_x - 1 - body.x;
  out.picture = (pl_area){body.y, picture_x, used, cols};
  out.border = (pl_area){body.y, picture_x + cols, body.rows, 1};
  out.caption = (pl_area){body.y + used, picture_x, body.rows - used, cols};
  return out;
}

// At most `wanted` charts in equal cells of the area, with a border right of each.
static void place_charts(pl_train_layout *out, pl_area area, int wanted) {
  int across = area.cols < CHART_COLS_TWO ? 1 : area.cols < CHART_COLS_THREE ? 2 : 3;
  int down = area.rows < CHART_ROWS_TWO ? 1 : 2;
  wanted = min_int(wanted, PL_LAYOUT_CHARTS_MAX);
  across = min_int(across, wanted);
  if (across > 0) down = min_int(down, (wanted + across - 1) / across);
  // Rather four charts in two rows of two than one row of three and one chart alone.
  if (down == 2 && wanted <= 4) across = min_int(across, (wanted + 1) / 2);
  if (across == 0) return;
  const int cols = (area.cols - across - (across - 1)) / across, rows = area.rows / down;
  if (rows < PL_PICTURE_MIN_ROWS || cols < PL_PICTURE_MIN_COLS) return;
  out->chart_count = min_int(wanted, across * down);
  for (int i = 0; i < out->chart_count; i++) {
    const int x = area.x + i % across * (cols + 2), y = area.y + i / across * rows;
    out->charts[i] = (pl_area){y, x, rows, cols};
    out->borders[i] = (pl_area){y, x + cols, rows, 1};
  }
}

pl_train_layout pl_layout_train(pl_area body, int charts, bool large) {
  pl_train_layout out = {0};
  if (pl_area_empty(body)) return out;
  int left = body.rows, y = body.y;
  const int header = min_int(HEADER_ROWS, left);
  out.header = (pl_area){y, body.x, header, body.cols};
  left -= header, y += header;
  const int bars = min_int(BARS_ROWS, left);
  if (bars > 0) out.bars = (pl_area){y, body.x, bars, body.cols};
  left -= bars, y += bars;
  const int table = large ? 0 : min_int(max_int(left / 3, EPOCH_ROWS_MIN), EPOCH_ROWS_MAX);
  place_charts(&out, (pl_area){y, body.x, left - table, body.cols}, large ? min_int(charts, 1) : charts);
  if (out.chart_count > 0) y += left - table, left = table;
  if (left <= 0) return out;
  const int log = min_int(body.cols - EPOCH_COLS, LOG_COLS_MAX);
  out.table = (pl_area){y, body.x, left, body.cols};
  if (log < LOG_COLS_MIN) return out;
  out.table.cols -= log;
  out.log = (pl_area){y, body.x + out.table.cols, left, log};
  return out;
}

pl_runs_layout pl_layout_runs(pl_area body) {
  pl_runs_layout out = {.table = body};
  if (pl_area_empty(body)) return (pl_runs_layout){0};
  const int below = body.rows * 3 / 5, chart_cols = body.cols * 3 / 5 - 2;
  if (below < PL_PICTURE_MIN_ROWS) return out;
  out.table.rows = body.rows - below - 1;
  const int y = body.y + out.table.rows + 1;
  out.options = (pl_area){y, body.x + 1, below, body.cols - chart_cols - 4};
  out.chart = (pl_area){y, body.x + body.cols - 1 - chart_cols, below, chart_cols};
  out.border = (pl_area){y, body.x + body.cols - 1, below, 1};
  return out;
}

pl_case_layout pl_layout_case(pl_area body, int header_rows, int panes, bool side) {
  pl_case_layout out = {0};
  if (pl_area_empty(body)) return out;
  const int header = min_int(header_rows, body.rows), rows = body.rows - header, y = body.y + header;
  out.header = (pl_area){body.y, body.x, header, body.cols};
  int cols = body.cols;
  if (side && cols >= CASE_SIDE_COLS + 2 * PL_PICTURE_MIN_COLS && rows > 0) {
    cols -= CASE_SIDE_COLS;
    out.side = (pl_area){y, body.x + cols + 1, rows, CASE_SIDE_COLS - 1};
  }
  const int each = cols / panes - 1;
  if (rows < PL_PICTURE_MIN_ROWS || each < PL_PICTURE_MIN_COLS) return out;
  for (int i = 0; i < panes; i++) {
    const int x = body.x + i * (each + 1);
    out.pictures[i] = (pl_area){y, x, rows, each};
    out.borders[i] = (pl_area){y, x + each, rows, 1};
  }
  return out;
}

pl_batch_layout pl_layout_batch(pl_area body, pl_cell_size cell) {
  pl_batch_layout out = {0};
  if (pl_area_empty(body)) return out;
  int cell_width = cell.width, cell_height = cell.height;
  if (cell.width <= 0 || cell.height <= 0) cell_width = 1, cell_height = 2;
  const int header = min_int(BATCH_HEADER_ROWS, body.rows), rows = body.rows - header, y = body.y + header;
  out.header = (pl_area){body.y, body.x, header, body.cols};
  // The grid is about square; what is left of the width is the list's.
  const int square = (rows * cell_height + cell_width - 1) / cell_width;
  const int cols = min_int(square, body.cols - BATCH_LIST_COLS - 2);
  if (rows < PL_PICTURE_MIN_ROWS || cols < PL_PICTURE_MIN_COLS) {
    if (rows > 0) out.list = (pl_area){y, body.x + 1, rows, body.cols - 1};
    return out;
  }
  out.picture = (pl_area){y, body.x, rows, cols};
  out.border = (pl_area){y, body.x + cols, rows, 1};
  out.list = (pl_area){y, body.x + cols + 2, rows, body.cols - cols - 2};
  return out;
}

pl_thumbs_layout pl_layout_thumbs(pl_area body, pl_cell_size cell, int size, int most) {
  static const int heights[PL_THUMB_SIZES] = {5, 7, 9, 12, 16, 22, 30};
  pl_thumbs_layout out = {.body = body};
  if (pl_area_empty(body) || most < 1) return out;
  int cell_width = cell.width, cell_height = cell.height;
  if (cell.width <= 0 || cell.height <= 0) cell_width = 1, cell_height = 2;
  for (int i = min_int(size, PL_THUMB_SIZES - 1); i >= 0 && out.rows == 0; i--) {
    const int rows = heights[i], cols = (rows * cell_height + cell_width - 1) / cell_width;
    const int down = body.rows / (rows + 1), across = body.cols / (cols + 1);
    if (down < 1 || across < 1) continue;
    out.picture_rows = rows;
    out.picture_cols = cols;
    out.columns = min_int(across, most);
    out.rows = min_int(down, most / out.columns);
  }
  return out;
}

pl_thumb_place pl_layout_thumb(const pl_thumbs_layout *layout, int index) {
  const int rows = layout->picture_rows, cols = layout->picture_cols;
  const int y = layout->body.y + index / layout->columns * (rows + 1);
  const int x = layout->body.x + index % layout->columns * (cols + 1);
  return (pl_thumb_place){
      .picture = {y, x, rows, cols}, .border = {y, x + cols, rows, 1}, .caption = {y + rows, x, 1, cols}};
}

pl_review_layout pl_layout_review(pl_area body, int warning_rows, int columns, int panes) {
  pl_review_layout out = {0};
  if (pl_area_empty(body)) return out;
  const int header = min_int(REVIEW_HEADER_ROWS + warning_rows, body.rows), rows = body.rows - header;
  const int y = body.y + header;
  out.header = (pl_area){body.y, body.x, header, body.cols};
  if (rows <= 0) return out;
  const int wanted = columns * REVIEW_COLUMN_COLS + 1;  // with the bar that scrolls
  const int each = (body.cols - wanted - 1) / panes - 1;
  const bool pictures = rows - 1 >= PL_PICTURE_MIN_ROWS && each >= PL_PICTURE_MIN_COLS;
  const int cols = pictures ? wanted : body.cols;
  const bool histogram = rows >= 2 * REVIEW_HISTOGRAM_ROWS;
  const int table_rows = histogram ? rows - REVIEW_HISTOGRAM_ROWS - 1 : rows;
  out.table = (pl_area){y, body.x, table_rows, cols};
  if (histogram) out.histogram = (pl_area){y + table_rows + 1, body.x, REVIEW_HISTOGRAM_ROWS, min_int(cols, wanted)};
  if (!pictures) return out;
  for (int i = 0; i < panes; i++) {
    const int x = body.x + cols + 1 + i * (each + 1);
    out.pictures[i] = (pl_area){y, x, rows - 1, each};
    out.borders[i] = (pl_area){y, x + each, rows - 1, 1};
  }
  out.caption = (pl_area){y + rows - 1, body.x + cols + 1, 1, body.cols - cols - 1};
  return out;
}
