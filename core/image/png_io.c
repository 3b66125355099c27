#include "core/image/png_io.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>  // for the name of a strategy; libpng does the work

#include "core/base/fs.h"
#include "core/base/mem.h"
#include "core/base/num.h"

enum { CHUNK_BYTES_MAX = 8 << 20, REASON_MAX = 160 };

// Where libpng jumps to when it gives up, and why it did.
typedef struct png_trap {
  jmp_buf jump;
  char reason[REASON_MAX];
} png_trap;

// Everything a read owns, outside the frame that setjmp returns to, so that no value is lost in a register.
typedef struct png_reader {
  png_trap trap;
  png_structp png;
  png_infop info;
  const uint8_t *bytes;
  size_t length, position;
  pl_image image;
  uint8_t *rows;     // one row, or all of them when the file is interlaced
  size_t row_bytes;  // of a row as libpng delivers it
  int channels;
  bool interlaced;
} png_reader;

typedef struct png_picture {
  uint32_t width, height;
  int depth, channels;
  const uint8_t *bytes;
} png_picture;

typedef struct png_writer {
  png_trap trap;
  png_structp png;
  png_infop info;
  pl_buf *out;
} png_writer;

// Weights of R, G and B in 14 bits; they sum to 16384.
enum { WEIGHT_R = 4899, WEIGHT_G = 9617, WEIGHT_B = 1868, WEIGHT_BITS = 14 };

enum { IGNORED_CHUNKS = 17, CHUNK_NAME_SIZE = 5 };
static const png_byte ignored_chunks[IGNORED_CHUNKS * CHUNK_NAME_SIZE];

static void on_error(png_structp png, png_const_charp message) {
  png_trap *trap = png_get_error_ptr(png);
  size_t n = strnlen(message, sizeof trap->reason - 1);
  memcpy(trap->reason, message, n);
  trap->reason[n] = '\0';
  longjmp(trap->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static void take_bytes(png_structp png, png_bytep out, size_t length) {
  png_reader *reader = png_get_io_ptr(png);
  if (length > reader->length - reader->position) png_error(png, "the file ends too early");
  memcpy(out, reader->bytes + reader->position, length);
  reader->position += length;
}

static void give_bytes(png_structp png, png_bytep bytes, size_t length) {
  png_writer *writer = png_get_io_ptr(png);
  if (!pl_buf_add(writer->out, bytes, length)) png_error(png, "the picture is larger than the room for it");
}

static void flush_nothing(png_structp png) { (void)png; }

// Asks libpng for grey, grey-alpha, RGB or RGBA samples of 8 bits, or of 16 bits in this machine's byte order.
static void set_transforms(png_reader *reader) {
  png_structp png = reader->png;
  int color = png_get_color_type(png, reader->info), depth = png_get_bit_depth(png, reader->info);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  if (png_get_valid(png, reader->info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  if (depth == 16) png_set_swap(png);
#endif
  reader->interlaced = png_set_interlace_handling(png) > 1;
  png_read_update_info(png, reader->info);
  reader->row_bytes = png_get_rowbytes(png, reader->info);
  reader->channels = png_get_channels(png, reader->info);
}

static uint32_t luma(uint32_t r, uint32_t g, uint32_t b) {
  return (r * WEIGHT_R + g * WEIGHT_G + b * WEIGHT_B + (1u << (WEIGHT_BITS - 1))) >> WEIGHT_BITS;
}

static void grey_row_8(uint8_t *out, const uint8_t *in, size_t width, int channels) {
  for (size_t x = 0; x < width; x++, in += channels) {
    out[x] = channels < 3 ? in[0] : (uint8_t)luma(in[0], in[1], in[2]);
  }
}

static void grey_row_16(uint16_t *out, const uint8_t *in, size_t width, int channels) {
  for (size_t x = 0; x < width; x++, in += 2 * channels) {
    uint16_t c[3];
    memcpy(c, in, channels < 3 ? 2 : 6);
    out[x] = channels < 3 ? c[0] : (uint16_t)luma(c[0], c[1], c[2]);
  }
}

static void grey_row(pl_image *image, size_t y, const uint8_t *in, int channels) {
  if (image->type == PL_PIXEL_U8) {
    grey_row_8(image->u8 + y * image->width, in, image->width, channels);
  } else {
    grey_row_16(image->u16 + y * image->width, in, image->width, channels);
  }
}

// Everything up to the pixels. Sets the trap's reason and returns a failure, or PL_OK with the planes allocated.
static pl_status read_header(png_reader *reader, pl_error *err) {
  png_structp png = reader->png;
  png_set_read_fn(png, reader, take_bytes);
  png_set_user_limits(png, PL_IMAGE_SIDE_MAX, PL_IMAGE_SIDE_MAX);
  png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, ignored_chunks, IGNORED_CHUNKS);
  png_read_info(png, reader->info);
  bool wide = png_get_bit_depth(png, reader->info) == 16;
  set_transforms(reader);
  pl_status status =
      pl_image_init(&reader->image, png_get_image_width(png, reader->info), png_get_image_height(png, reader->info),
                    wide ? PL_PIXEL_U16 : PL_PIXEL_U8, PL_IMAGE_GREY, err);
  if (status != PL_OK) return status;
  size_t total;
  if (!pl_mul_size(&total, reader->row_bytes, reader->interlaced ? reader->image.height : 1) ||
      (reader->rows = pl_try_alloc(total)) == NULL) {
    return pl_fail(err, PL_E_NOMEM, "no memory for a picture of %ux%u pixels", reader->image.width,
                   reader->image.height);
  }
  // Interlaced rows are filled in several passes, each reading what the one before left.
  memset(reader->rows, 0, total);
  return PL_OK;
}

static void read_rows(png_reader *reader) {
  pl_image *image = &reader->image;
  for (int pass = 0; reader->interlaced && pass < PNG_INTERLACE_ADAM7_PASSES; pass++) {
    for (size_t y = 0; y < image->height; y++) png_read_row(reader->png, reader->rows + y * reader->row_bytes, NULL);
  }
  for (size_t y = 0; y < image->height; y++) {
    uint8_t *row = reader->interlaced ? reader->rows + y * reader->row_bytes : reader->rows;
    if (!reader->interlaced) png_read_row(reader->png, row, NULL);
    grey_row(image, y, row, reader->channels);
  }
  png_read_end(reader->png, NULL);
}

// libpng leaves by longjmp into this frame; all state lives in *reader.
static pl_status read_all(png_reader *reader, pl_error *err) {
  if (setjmp(reader->trap.jump) != 0) {
    // Our own limit and libpng's are the same number, but libpng words it for programmers.
    if (strstr(reader->trap.reason, "user limit") != NULL || strstr(reader->trap.reason, "Invalid IHDR") != NULL) {
      return pl_fail(err, PL_E_FORMAT, "the PNG header is wrong, or a side is above %d pixels", PL_IMAGE_SIDE_MAX);
    }
    return pl_fail(err, PL_E_FORMAT, "not a valid PNG: %s", reader->trap.reason);
  }
  reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader->trap, on_error, on_warning);
  if (reader->png != NULL) reader->info = png_create_info_struct(reader->png);
  if (reader->info == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to read a PNG");
  pl_status status = read_header(reader, err);
  if (status == PL_OK) read_rows(reader);
  return status;
}

static uint32_t big_endian(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool pl_png_read_header(pl_png_header *out, const void *bytes, size_t length) {
  // The signature, then the IHDR chunk: length, name, width, height, depth, colour type.
  static const uint8_t start[16] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
  const uint8_t *p = bytes;
  if (length < PL_PNG_HEADER_BYTES || memcmp(p, start, sizeof start) != 0) return false;
  *out = (pl_png_header){.width = big_endian(p + 16),
                         .height = big_endian(p + 20),
                         .depth = p[24],
                         .has_colour = (p[25] & PNG_COLOR_MASK_COLOR) != 0};
  return true;
}

pl_status pl_png_decode(pl_image *out, const void *bytes, size_t length, pl_error *err) {
  png_reader *reader = pl_xcalloc(1, sizeof *reader);
  reader->bytes = bytes;
  reader->length = length;
  pl_status status = read_all(reader, err);
  if (reader->png != NULL) png_destroy_read_struct(&reader->png, &reader->info, NULL);
  if (status == PL_OK) {
    *out = reader->image;
  } else {
    pl_image_clear(&reader->image);
  }
  free(reader->rows);
  free(reader);
  return status;
}

pl_status pl_png_read(pl_image *out, const char *path, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, PL_PNG_FILE_MAX);
  pl_status status = pl_fs_read(&bytes, path, err);
  if (status == PL_OK) {
    status = pl_png_decode(out, bytes.data, bytes.length, err);
    if (status != PL_OK) pl_wrap(err, "%s", path);
  }
  pl_buf_clear(&bytes);
  return status;
}

static void write_picture(png_writer *writer, const png_picture *picture, int level) {
  png_structp png = writer->png;
  png_set_write_fn(png, writer, give_bytes, flush_nothing);
  png_set_user_limits(png, PL_IMAGE_SIDE_MAX, PL_IMAGE_SIDE_MAX);
  png_set_compression_level(png, level);
  // Trying every filter on every row costs more time than it saves bytes on radiographs.
  if (level <= PL_PNG_FAST) png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
  if (level <= PL_PNG_FAST) png_set_compression_strategy(png, Z_RLE);
  png_set_IHDR(png, writer->info, picture->width, picture->height, picture->depth,
               picture->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
  png_write_info(png, writer->info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  if (picture->depth == 16) png_set_swap(png);
#endif
  size_t row_bytes = (size_t)picture->width * (size_t)picture->channels * (size_t)(picture->depth / 8);
  for (size_t y = 0; y < picture->height; y++) png_write_row(png, picture->bytes + y * row_bytes);
  png_write_end(png, writer->info);
}

static pl_status write_all(png_writer *writer, const png_picture *picture, int level, pl_error *err) {
  if (setjmp(writer->trap.jump) != 0) {
    return pl_fail(err, writer->out->failed ? PL_E_LIMIT : PL_E_USAGE, "cannot write a PNG of %ux%u pixels: %s",
                   picture->width, picture->height, writer->trap.reason);
  }
  writer->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer->trap, on_error, on_warning);
  if (writer->png != NULL) writer->info = png_create_info_struct(writer->png);
  if (writer->info == NULL) return pl_fail(err, PL_E_NOMEM, "no memory to write a PNG");
  write_picture(writer, picture, level);
  return PL_OK;
}

static pl_status encode(pl_buf *out, const png_picture *picture, int level, pl_error *err) {
  png_writer *writer = pl_xcalloc(1, sizeof *writer);
  writer->out = out;
  pl_status status = write_all(writer, picture, level, err);
  if (writer->png != NULL) png_destroy_write_struct(&writer->png, &writer->info);
  free(writer);
  return status;
}

static pl_status encode_file(const char *path, const png_picture *picture, int level, pl_error *err) {
  pl_buf bytes;
  pl_buf_init(&bytes, SIZE_MAX / 2);
  pl_status status = encode(&bytes, picture, level, err);
  if (status != PL_OK) {
    pl_wrap(err, "%s", path);
  } else {
    status = pl_fs_replace(path, bytes.data, bytes.length, err);
  }
  pl_buf_clear(&bytes);
  return status;
}

static pl_status picture_of(png_picture *out, const pl_image *image, pl_error *err) {
  if (image->type == PL_PIXEL_S16) {
    return pl_fail(err, PL_E_UNSUPPORTED, "signed stored values do not fit a PNG; shift them into 0 to 65535 first");
  }
  *out = (png_picture){.width = image->width,
                       .height = image->height,
                       .depth = image->type == PL_PIXEL_U8 ? 8 : 16,
                       .channels = 1,
                       .bytes = image->data};
  return PL_OK;
}

pl_status pl_png_encode(pl_buf *out, const pl_image *image, int level, pl_error *err) {
  png_picture picture;
  pl_status status = picture_of(&picture, image, err);
  return status != PL_OK ? status : encode(out, &picture, level, err);
}

pl_status pl_png_write(const char *path, const pl_image *image, int level, pl_error *err) {
  png_picture picture;
  if (picture_of(&picture, image, err) != PL_OK) return pl_wrap(err, "%s", path);
  return encode_file(path, &picture, level, err);
}

pl_status pl_png_encode_rgb(pl_buf *out, uint32_t width, uint32_t height, const uint8_t *rgb, int level,
                            pl_error *err) {
  png_picture picture = {.width = width, .height = height, .depth = 8, .channels = 3, .bytes = rgb};
  return encode(out, &picture, level, err);
}

pl_status pl_png_write_rgb(const char *path, uint32_t width, uint32_t height, const uint8_t *rgb, int level,
                           pl_error *err) {
  png_picture picture = {.width = width, .height = height, .depth = 8, .channels = 3, .bytes = rgb};
  return encode_file(path, &picture, level, err);
}

// Everything that is not needed to get the numbers out: names of five bytes, as libpng takes them.
static const png_byte ignored_chunks[IGNORED_CHUNKS * CHUNK_NAME_SIZE] =
    "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0tEXt\0tIME\0zTXt";
