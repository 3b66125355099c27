// Where everything sits on the screen: pure functions from sizes to rectangles, in character cells. Every rectangle
// lies inside the screen, no two of one layout overlap, and one that has no room has no rows and no columns.
#pragma once

#include <stdbool.h>

typedef struct pl_area {
  int y, x, rows, cols;
} pl_area;

enum {
  PL_SCREEN_MIN_ROWS = 12,  // below this the workbench only says that the window is too small
  PL_SCREEN_MIN_COLS = 50,
  PL_PICTURE_MIN_ROWS = 8,  // below this a picture says nothing and text gets the room
  PL_PICTURE_MIN_COLS = 16,
};

// Pixels of a character cell; 0 stands for unknown, then a cell is taken to be twice as high as wide.
typedef struct pl_cell_size {
  int width, height;
} pl_cell_size;

typedef struct pl_frame_layout {
  bool too_small;  // then the rest is empty
  pl_area tabs;    // one row at the top
  pl_area body;
  pl_area status;  // one row
  pl_area prompt;  // the last row: messages, `:` and `/`
} pl_frame_layout;

// Data screen: the table, and right of it a picture with its caption. `border` is the column right of the picture, and
// the last of the body: a drawn border there keeps ncurses from erasing to the end of a line that holds a picture.
typedef struct pl_data_layout {
  pl_area table, picture, border, caption;
} pl_data_layout;

enum { PL_LAYOUT_CHARTS_MAX = 6 };

// Train screen with a run: as many of its charts as there is sensible room for, side by side and in two rows.
typedef struct pl_train_layout {
  pl_area header;  // name, options, error
  pl_area bars;    // epoch and total progress, and the numbers of this moment
  int chart_count;
  pl_area charts[PL_LAYOUT_CHARTS_MAX];
  pl_area borders[PL_LAYOUT_CHARTS_MAX];  // the column right of each chart
  pl_area table;                          // the last epochs
  pl_area log;                            // the core's last words, right of the table
} pl_train_layout;

// Batch screen: a line about the batch and one about where it is from, the grid, and the cases as a list right of it.
typedef struct pl_batch_layout {
  pl_area header, picture, border, list;
} pl_batch_layout;

// Case screen: some lines about the case, one or two pictures, each with a border right of it, and the file's header
// right of them where there is room for it and it is wanted.
typedef struct pl_case_layout {
  pl_area header, pictures[2], borders[2], side;
} pl_case_layout;

// Runs screen: the table, and below it the options that differ, and a chart right of them.
typedef struct pl_runs_layout {
  pl_area table, options, chart, border;
} pl_runs_layout;

// Data screen as a grid of thumbnails, row by row: each place has a picture, a border right of it and a caption below.
// No rows and no columns when not one has room.
typedef struct pl_thumbs_layout {
  pl_area body;
  int rows, columns;               // places
  int picture_rows, picture_cols;  // cells
} pl_thumbs_layout;

enum { PL_THUMB_SIZES = 7, PL_THUMB_SIZE_DEFAULT = 2 };  // sizes are 0 to PL_THUMB_SIZES - 1

typedef struct pl_thumb_place {
  pl_area picture, border, caption;
} pl_thumb_place;

// Review screen: three lines about the runs and their thresholds, below them so many about what is wrong, the table of
// so many columns with a histogram below it, and right of them one or two pictures with a line about what they show.
typedef struct pl_review_layout {
  pl_area header, table, histogram, pictures[2], borders[2], caption;
} pl_review_layout;

pl_frame_layout pl_layout_frame(int rows, int cols);
pl_frame_layout pl_layout_full(int rows, int cols);  // without tabs and status
pl_data_layout pl_layout_data(pl_area body, pl_cell_size cell);
// `large`: one chart in the room of charts and table.
pl_train_layout pl_layout_train(pl_area body, int charts, bool large);
pl_batch_layout pl_layout_batch(pl_area body, pl_cell_size cell);
pl_runs_layout pl_layout_runs(pl_area body);
pl_review_layout pl_layout_review(pl_area body, int warning_rows, int columns, int panes);
pl_case_layout pl_layout_case(pl_area body, int header_rows, int panes, bool side);

// `size` is how large thumbnails are wanted; they are as large as the body allows, and at most `most` of them.
pl_thumbs_layout pl_layout_thumbs(pl_area body, pl_cell_size cell, int size, int most);
pl_thumb_place pl_layout_thumb(const pl_thumbs_layout *layout, int index);

// A box of at most rows x cols in the middle of `outer`.
pl_area pl_layout_centre(pl_area outer, int rows, int cols);

bool pl_area_empty(pl_area area);
bool pl_area_inside(pl_area inner, pl_area outer);  // an empty area is inside every area
bool pl_area_overlap(pl_area a, pl_area b);
