#include "core/image/jpeg_decode.h"

#include <limits.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "core/base/mem.h"

enum { MEMORY_MAX = 64 << 20 };

// Everything that is needed after libjpeg has jumped out, outside the frame that setjmp returns to.
typedef struct reader {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr manager;
  jmp_buf jump;
} reader;

static void on_error(j_common_ptr jpeg) {
  reader *r = jpeg->client_data;
  longjmp(r->jump, 1);
}

// Level -1 is a warning: data that does not fit and that libjpeg would mend.
static void on_message(j_common_ptr jpeg, int level) {
  if (level < 0) on_error(jpeg);
}

static bool read_all(reader *r, uint8_t *out, uint32_t width, uint32_t height, const uint8_t *bytes, size_t length) {
  struct jpeg_decompress_struct *jpeg = &r->jpeg;
  jpeg->err = jpeg_std_error(&r->manager);
  r->manager.error_exit = on_error;
  r->manager.emit_message = on_message;
  jpeg->client_data = r;
  if (setjmp(r->jump) != 0) return false;
  jpeg_create_decompress(jpeg);
  jpeg->mem->max_memory_to_use = MEMORY_MAX;
  jpeg_mem_src(jpeg, bytes, (unsigned long)length);
  if (jpeg_read_header(jpeg, TRUE) != JPEG_HEADER_OK) return false;
  // Progressive streams need the whole picture in memory, arithmetic coding is rare: both are left to DCMTK.
  if (jpeg->num_components != 1 || jpeg->data_precision != 8 || jpeg->progressive_mode || jpeg->arith_code ||
      jpeg->image_width != width || jpeg->image_height != height) {
    return false;
  }
  jpeg->out_color_space = JCS_GRAYSCALE;
  jpeg->dct_method = JDCT_ISLOW;
  jpeg_start_decompress(jpeg);
  while (jpeg->output_scanline < height) {
    JSAMPROW row = out + (size_t)jpeg->output_scanline * width;
    if (jpeg_read_scanlines(jpeg, &row, 1) != 1) return false;
  }
  jpeg_finish_decompress(jpeg);
  return true;
}

bool pl_jpeg_decode_grey(uint8_t *out, uint32_t width, uint32_t height, const uint8_t *bytes, size_t length) {
  if (length > ULONG_MAX) return false;
  reader *r = pl_xcalloc(1, sizeof *r);
  bool done = read_all(r, out, width, height, bytes, length);
  jpeg_destroy_decompress(&r->jpeg);
  free(r);
  return done;
}
