#include "tui/canvas.h"

#include <ncurses.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "tui/imgslot.h"
#include "tui/theme.h"
#include "viewers/colormap.h"

enum { LINE_MAX_CHARACTERS = 1024 };

static int style_pair(pl_style style) { return (int)style + 1; }

void pl_canvas_theme(pl_canvas *canvas, const char *theme) {
  for (int i = 0; i < PL_STYLE_COUNT; i++) {
    const pl_theme_look look = pl_theme(theme, (pl_style)i, canvas->colours);
    canvas->attributes[i] = look.attributes;
    if (!look.coloured) continue;
    const short pair = (short)style_pair((pl_style)i);
    init_pair(pair, look.fg, look.bg);
    canvas->attributes[i] |= (unsigned long)COLOR_PAIR(pair);
  }
}

// Decodes as many characters as fit in `cols` columns. Returns the columns they take; *whole tells whether all did.
static int decode(wchar_t out[LINE_MAX_CHARACTERS], size_t *count, bool *whole, const char *text, int cols, bool utf8) {
  mbstate_t state = {0};
  size_t used = 0;
  int columns = 0;
  const char *p = text;
  while (*p != '\0') {
    wchar_t c = 0;
    size_t length = mbrtowc(&c, p, strlen(p), &state);
    if (length == 0 || length == (size_t)-1 || length == (size_t)-2) {
      // Not a character in this locale: one mark for the whole sequence.
      memset(&state, 0, sizeof state);
      c = L'?';
      length = 1;
      while (((unsigned char)p[length] & 0xc0) == 0x80) length++;
    }
    const int width = utf8 || c < 128 ? wcwidth(c) : 1;
    if (width < 0) c = L'?';
    const int real = width < 0 ? 1 : width;
    if (columns + real > cols || used + 1 >= LINE_MAX_CHARACTERS) break;
    out[used++] = c;
    columns += real;
    p += length;
  }
  out[used] = L'\0';
  *count = used;
  *whole = *p == '\0';
  return columns;
}

int pl_text_columns(const char *text) {
  wchar_t characters[LINE_MAX_CHARACTERS];
  size_t count = 0;
  bool whole = false;
  return decode(characters, &count, &whole, text, LINE_MAX_CHARACTERS, true);
}

static bool has_ellipsis(const pl_canvas *canvas) { return canvas->utf8 && !canvas->few_glyphs; }

int pl_canvas_text(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *text) {
  const pl_area screen = canvas->area;
  if (y < screen.y || y >= screen.y + screen.rows || x < screen.x || x >= screen.x + screen.cols) return 0;
  if (cols > screen.x + screen.cols - x) cols = screen.x + screen.cols - x;
  if (cols <= 0) return 0;
  wchar_t characters[LINE_MAX_CHARACTERS];
  size_t count = 0;
  bool whole = false;
  int columns = decode(characters, &count, &whole, text, cols, canvas->utf8);
  if (!whole) {
    const wchar_t *mark = has_ellipsis(canvas) ? L"\u2026" : L"..";
    const int mark_columns = has_ellipsis(canvas) ? 1 : 2;
    if (cols > mark_columns) {
      columns = decode(characters, &count, &whole, text, cols - mark_columns, canvas->utf8);
      for (int i = 0; mark[i] != L'\0' && count + 1 < LINE_MAX_CHARACTERS; i++) characters[count++] = mark[i];
      columns += mark_columns;
    }
  }
  wattrset(canvas->window, (int)canvas->attributes[style]);
  mvwaddnwstr(canvas->window, y, x, characters, (int)count);
  wattrset(canvas->window, A_NORMAL);
  return columns;
}

int pl_canvas_printf(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *format, ...) {
  char text[LINE_MAX_CHARACTERS];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return pl_canvas_text(canvas, y, x, cols, style, text);
}

void pl_canvas_tail(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *text) {
  if (pl_text_columns(text) > cols) {
    const char *mark = has_ellipsis(canvas) ? "\u2026" : "..";
    const int used = pl_canvas_text(canvas, y, x, cols, style, mark);
    x += used;
    cols -= used;
    while (*text != '\0' && pl_text_columns(text) > cols) {
      do text++;
      while (((unsigned char)*text & 0xc0) == 0x80);
    }
  }
  pl_canvas_text(canvas, y, x, cols, style, text);
}

void pl_canvas_right(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *text) {
  const int columns = pl_text_columns(text);
  const int shift = columns < cols ? cols - columns : 0;
  pl_canvas_text(canvas, y, x + shift, cols - shift, style, text);
}

void pl_canvas_padded(const pl_canvas *canvas, int y, int x, int cols, pl_style style, const char *text) {
  pl_canvas_fill(canvas, (pl_area){y, x, 1, cols}, style);
  pl_canvas_text(canvas, y, x, cols, style, text);
}

int pl_canvas_wrapped(const pl_canvas *canvas, pl_area area, pl_style style, const char *text) {
  int row = 0;
  while (*text != '\0' && row < area.rows) {
    char line[LINE_MAX_CHARACTERS];
    size_t take = 0, last_space = 0;
    while (text[take] != '\0' && text[take] != '\n' && take + 1 < sizeof line) {
      if (text[take] == ' ') last_space = take;
      size_t next = take + 1;
      while (((unsigned char)text[next] & 0xc0) == 0x80) next++;
      snprintf(line, sizeof line, "%.*s", (int)next, text);
      if (pl_text_columns(line) > area.cols) break;
      take = next;
    }
    const bool broken = text[take] != '\0' && text[take] != '\n';
    if (broken && last_space > 0) take = last_space;
    if (take == 0 && broken) take = 1;
    snprintf(line, sizeof line, "%.*s", (int)take, text);
    pl_canvas_text(canvas, area.y + row, area.x, area.cols, style, line);
    row++;
    text += take;
    if (*text == '\n') {
      text++;
    } else {
      text += strspn(text, " ");
    }
  }
  return row;
}

void pl_canvas_fill(const pl_canvas *canvas, pl_area area, pl_style style) {
  const pl_area screen = canvas->area;
  if (!pl_area_inside(area, screen) || pl_area_empty(area)) return;
  wattrset(canvas->window, (int)canvas->attributes[style]);
  for (int row = 0; row < area.rows; row++) mvwhline(canvas->window, area.y + row, area.x, ' ', area.cols);
  wattrset(canvas->window, A_NORMAL);
}

void pl_canvas_vline(const pl_canvas *canvas, pl_area area, pl_style style) {
  if (pl_area_empty(area) || !pl_area_inside(area, canvas->area)) return;
  wattrset(canvas->window, (int)canvas->attributes[style]);
  if (canvas->utf8) {
    mvwvline_set(canvas->window, area.y, area.x, WACS_VLINE, area.rows);
  } else {
    mvwvline(canvas->window, area.y, area.x, '|', area.rows);
  }
  wattrset(canvas->window, A_NORMAL);
}

void pl_canvas_box(const pl_canvas *canvas, pl_area area, const char *title) {
  if (area.rows < 2 || area.cols < 4 || !pl_area_inside(area, canvas->area)) return;
  pl_imgslots_cover(canvas->slots, area);
  pl_canvas_fill(canvas, area, PL_STYLE_NORMAL);
  const int right = area.x + area.cols - 1, bottom = area.y + area.rows - 1;
  wattrset(canvas->window, (int)canvas->attributes[PL_STYLE_LABEL]);
  const bool utf8 = canvas->utf8;
  for (int x = area.x; x <= right; x++) {
    mvwaddwstr(canvas->window, area.y, x, utf8 ? L"\u2500" : L"-");
    mvwaddwstr(canvas->window, bottom, x, utf8 ? L"\u2500" : L"-");
  }
  for (int y = area.y; y <= bottom; y++) {
    mvwaddwstr(canvas->window, y, area.x, utf8 ? L"\u2502" : L"|");
    mvwaddwstr(canvas->window, y, right, utf8 ? L"\u2502" : L"|");
  }
  mvwaddwstr(canvas->window, area.y, area.x, utf8 ? L"\u250c" : L"+");
  mvwaddwstr(canvas->window, area.y, right, utf8 ? L"\u2510" : L"+");
  mvwaddwstr(canvas->window, bottom, area.x, utf8 ? L"\u2514" : L"+");
  mvwaddwstr(canvas->window, bottom, right, utf8 ? L"\u2518" : L"+");
  wattrset(canvas->window, A_NORMAL);
  if (title != NULL) pl_canvas_printf(canvas, area.y, area.x + 2, area.cols - 4, PL_STYLE_STRONG, " %s ", title);
}

void pl_canvas_cells(const pl_canvas *canvas, pl_area area, const pl_cells *cells) {
  if (!pl_area_inside(area, canvas->area)) return;
  for (int row = 0; row < area.rows && row < (int)cells->rows; row++) {
    for (int column = 0; column < area.cols && column < (int)cells->columns; column++) {
      const pl_cell *cell = &cells->cells[(size_t)row * cells->columns + (size_t)column];
      const wchar_t glyph[2] = {(wchar_t)cell->glyph, L'\0'};
      // Pairs beyond the theme's are made as they are needed; curses keeps one for each combination.
      int pair = cells->colours == PL_COLOURS_256 ? alloc_pair(cell->fg_index, cell->bg_index) : 0;
      attr_t attributes = A_NORMAL;
      if (cells->colours != PL_COLOURS_256 && !pl_rgb_is_grey(cell->fg)) {
        pair = canvas->colours >= 8 ? style_pair(PL_STYLE_WARN) : 0;
        attributes = A_BOLD;
      }
      cchar_t complex_character;
      setcchar(&complex_character, glyph, attributes, 0, pair > 0 ? &pair : NULL);
      mvwadd_wch(canvas->window, area.y + row, area.x + column, &complex_character);
    }
  }
}
