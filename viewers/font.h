// The glyph table behind pl_draw_text.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_FONT_GLYPHS = 96, PL_FONT_ROWS = 9, PL_FONT_COLUMNS = 5 };

// Glyph c - 32 for printable ASCII; the last one stands for everything else.
extern const uint8_t pl_font[PL_FONT_GLYPHS][PL_FONT_ROWS];

#ifdef __cplusplus
}
#endif
