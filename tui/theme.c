#include "tui/theme.h"

#include <ncurses.h>
#include <string.h>

typedef struct theme_style {
  int fg, bg;                 // with 8 or more colours; -1 is the terminal's own
  int fg256, bg256;           // with 256 colours
  unsigned long with_colour;  // attributes added to them
  unsigned long mono;         // attributes instead of colours
} theme_style;

const char *const pl_theme_names[] = {"dark", "colour-blind", "16", "mono", NULL};

// Restrained, as in htop: colour only where it says something. The dark blue-grey bars exist only with 256 colours.
static const theme_style dark[PL_STYLE_COUNT] = {
    [PL_STYLE_NORMAL] = {-1, -1, -1, -1, 0, 0},
    [PL_STYLE_DIM] = {-1, -1, 245, -1, 0, 0},
    [PL_STYLE_STRONG] = {-1, -1, -1, -1, A_BOLD, A_BOLD},
    [PL_STYLE_LABEL] = {COLOR_CYAN, -1, 73, -1, 0, 0},
    [PL_STYLE_HEAD] = {COLOR_BLACK, COLOR_GREEN, 16, 108, 0, A_REVERSE},
    [PL_STYLE_BAR] = {COLOR_WHITE, COLOR_BLUE, 252, 237, 0, A_REVERSE},
    [PL_STYLE_BAR_ON] = {COLOR_BLACK, COLOR_CYAN, 16, 73, 0, A_BOLD | A_UNDERLINE},
    [PL_STYLE_SELECTED] = {COLOR_BLACK, COLOR_CYAN, 16, 73, 0, A_REVERSE},
    [PL_STYLE_GOOD] = {COLOR_GREEN, -1, 114, -1, 0, A_BOLD},
    [PL_STYLE_WARN] = {COLOR_YELLOW, -1, 221, -1, 0, A_BOLD},
    [PL_STYLE_BAD] = {COLOR_RED, -1, 203, -1, A_BOLD, A_BOLD},
    [PL_STYLE_FILL] = {COLOR_GREEN, -1, 72, -1, 0, A_BOLD},
    [PL_STYLE_KEY] = {COLOR_YELLOW, COLOR_BLUE, 222, 237, A_BOLD, A_BOLD | A_REVERSE},
    [PL_STYLE_HIT] = {COLOR_GREEN, -1, 77, -1, 0, A_BOLD},
    [PL_STYLE_FALSE_ALARM] = {COLOR_MAGENTA, -1, 170, -1, 0, A_BOLD},
    [PL_STYLE_MISSED] = {COLOR_BLUE, -1, 63, -1, A_BOLD, A_BOLD},
};

// What differs where green and red do not: the blue and the orange of Okabe and Ito's palette, 256 colours' nearest.
static const theme_style colour_blind[PL_STYLE_COUNT] = {
    [PL_STYLE_HEAD] = {COLOR_BLACK, COLOR_CYAN, 16, 110, 0, A_REVERSE},
    [PL_STYLE_GOOD] = {COLOR_BLUE, -1, 75, -1, 0, A_BOLD},
    [PL_STYLE_WARN] = {COLOR_YELLOW, -1, 221, -1, 0, A_BOLD},
    [PL_STYLE_BAD] = {COLOR_YELLOW, -1, 208, -1, A_BOLD | A_UNDERLINE, A_BOLD | A_UNDERLINE},
    [PL_STYLE_FILL] = {COLOR_BLUE, -1, 75, -1, 0, A_BOLD},
};

static bool is_safe_style(pl_style style) {
  return style == PL_STYLE_HEAD || style == PL_STYLE_GOOD || style == PL_STYLE_WARN || style == PL_STYLE_BAD ||
         style == PL_STYLE_FILL;
}

pl_theme_look pl_theme(const char *name, pl_style style, int colours) {
  const bool safe = strcmp(name, "colour-blind") == 0 && is_safe_style(style);
  const theme_style *row = safe ? &colour_blind[style] : &dark[style];
  if (colours < 8 || strcmp(name, "mono") == 0) return (pl_theme_look){.attributes = row->mono};
  const bool rich = colours >= 256 && strcmp(name, "16") != 0;
  return (pl_theme_look){.coloured = true,
                         .fg = (short)(rich ? row->fg256 : row->fg),
                         .bg = (short)(rich ? row->bg256 : row->bg),
                         .attributes = row->with_colour};
}
