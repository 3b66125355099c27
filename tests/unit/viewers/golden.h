// Pictures that were looked at once and must stay so: tests/golden/viewers/NAME.png.
#pragma once

#include "core/image/image.h"
#include "viewers/bitmap.h"

// Fails the test when a channel of a pixel differs by more than 1, and leaves the picture as
// $PLEURA_BUILD/golden-NAME.png. With PLEURA_UPDATE_GOLDEN set it writes the golden file instead.
void assert_golden(const pl_bitmap *bitmap, const char *name);

// A grey picture made by a formula (bright middle, two dark ovals, a ramp at the bottom) and a mask of a crescent that
// tapers to less than a pixel. The caller clears both.
void make_scene(pl_image *image, pl_image *mask, uint32_t side);
