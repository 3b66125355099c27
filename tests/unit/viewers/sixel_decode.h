// A small sixel decoder, written against DEC's description (VT330/VT340 Programmer Reference Manual, volume 2, chapter
// 14), to check the encoder with something that shares no code with it.
#pragma once

#include <stddef.h>

#include "viewers/bitmap.h"

// Fails the test for anything that is not one well-formed sixel sequence with raster attributes and RGB colours. Pixels
// that nothing painted are magenta. The caller clears *out.
void decode_sixel(pl_bitmap *out, const char *bytes, size_t length);
