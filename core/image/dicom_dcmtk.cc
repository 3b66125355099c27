// The only C++ of core: DCMTK behind the functions of dicom.h. Nothing that DCMTK throws leaves this file.
#include "core/image/dicom.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dcxfer.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "core/base/mem.h"
#include "core/base/num.h"
#include "core/base/str.h"
#include "core/image/jpeg_decode.h"
#include "core/image/jpeg_scan.h"

namespace {

enum { RLE_HEADER_BYTES = 64, OFFSET_BYTES = 4, AGE_MAX = 150 };

// How the pixels of a transfer syntax are compressed, as far as we decode it. Baseline is the JPEG of nearly all
// radiographs, for which there is a faster way.
enum class Coding { native, jpeg, baseline, rle };

struct Syntax {
  E_TransferSyntax xfer;
  Coding coding = Coding::native;
};

extern const Syntax known_syntaxes[];
extern const size_t known_syntax_count;

// A value as text without padding, "" when it is absent. `index` counts the parts between backslashes.
OFString text_of(DcmItem *item, const DcmTagKey &key, unsigned long index) {
  OFString value;
  if (item->findAndGetOFString(key, value, index).bad()) return "";
  size_t first = value.find_first_not_of(" \0", 0, 2), last = value.find_last_not_of(" \0", OFString_npos, 2);
  return first == OFString_npos ? OFString() : value.substr(first, last - first + 1);
}

void copy_text(char *out, size_t size, DcmItem *item, const DcmTagKey &key, unsigned long index) {
  pl_copy_text(out, size, text_of(item, key, index).c_str());
}

// Numbers are taken from the text, because DCMTK refuses decimal strings that are longer than the standard allows.
bool number_of(double *out, DcmItem *item, const DcmTagKey &key, unsigned long index) {
  OFString text = text_of(item, key, index);
  const char *p = text.c_str();
  if (*p == '+') p++;
  return pl_parse_double(out, p, strlen(p)) && std::isfinite(*out);
}

// PS3.5's age string is "nnnD", "nnnW", "nnnM" or "nnnY"; a number alone is taken as years. -1 when it is neither.
int years_of(const OFString &text) {
  size_t n = text.length();
  if (n == 0) return -1;
  char unit = text[n - 1];
  bool has_unit = unit < '0' || unit > '9';
  uint64_t number;
  if (!pl_parse_u64(&number, text.c_str(), has_unit ? n - 1 : n)) return -1;
  uint64_t years;
  switch (has_unit ? unit : 'Y') {
    case 'Y': years = number; break;
    case 'M': years = number / 12; break;
    case 'W': years = number * 7 / 365; break;
    case 'D': years = number / 365; break;
    default: return -1;
  }
  return years > AGE_MAX ? -1 : static_cast<int>(years);
}

void read_windows(pl_dicom *out, DcmItem *data) {
  for (unsigned long i = 0; i < PL_DICOM_WINDOWS_MAX; i++) {
    pl_dicom_window *window = &out->windows[out->window_count];
    if (!number_of(&window->centre, data, DCM_WindowCenter, i) ||
        !number_of(&window->width, data, DCM_WindowWidth, i) || window->width <= 0) {
      continue;
    }
    copy_text(window->name, sizeof window->name, data, DCM_WindowCenterWidthExplanation, i);
    out->window_count++;
  }
  OFString function = text_of(data, DCM_VOILUTFunction, 0);
  out->voi_function = function == "SIGMOID"        ? PL_VOI_SIGMOID
                      : function == "LINEAR_EXACT" ? PL_VOI_LINEAR_EXACT
                                                   : PL_VOI_LINEAR;
}

// One value of a LUT Descriptor, whose VR is US or SS as the writer saw fit. Counts and bits are unsigned whatever it
// is.
bool descriptor_of(uint16_t *out, DcmItem *item, unsigned long index) {
  Uint16 value;
  Sint16 signed_value;
  if (item->findAndGetUint16(DCM_LUTDescriptor, value, index).good()) {
    *out = value;
  } else if (item->findAndGetSint16(DCM_LUTDescriptor, signed_value, index).good()) {
    *out = static_cast<uint16_t>(signed_value);
  } else {
    return false;
  }
  return true;
}

// The entries of LUT Data, which is US, SS or OW; 8-bit entries may stand in 16 bits each or two together.
bool entries_of(uint16_t *out, uint32_t count, uint32_t bits, DcmItem *item) {
  DcmElement *element = nullptr;
  Uint16 *words = nullptr;
  Sint16 *signed_words = nullptr;
  if (item->findAndGetElement(DCM_LUTData, element).bad() || element == nullptr) return false;
  size_t length = element->getLength();
  if (element->getUint16Array(words).bad() &&
      (element->getSint16Array(signed_words).bad() || signed_words == nullptr)) {
    return false;
  }
  const void *from = words != nullptr ? static_cast<const void *>(words) : signed_words;
  if (from == nullptr) return false;
  if (length / 2 >= count) {
    memcpy(out, from, count * sizeof *out);
    return true;
  }
  if (bits != 8 || length < count + (count & 1)) return false;
  for (uint32_t i = 0; i < count; i++) {
    uint16_t word;
    memcpy(&word, static_cast<const uint8_t *>(from) + 2 * (i / 2), sizeof word);
    out[i] = static_cast<uint8_t>(word >> (8 * (i & 1)));
  }
  return true;
}

// A table that makes no sense is left out: it only changes how the picture looks. PS3.3 C.11.1.1 and C.11.2.1.1.
bool read_lut(pl_dicom_lut *out, DcmItem *item, bool is_signed) {
  uint16_t count, first, bits;
  if (!descriptor_of(&count, item, 0) || !descriptor_of(&first, item, 1) || !descriptor_of(&bits, item, 2))
    return false;
  if (bits < 8 || bits > 16) return false;
  pl_dicom_lut lut = {};
  lut.count = count == 0 ? static_cast<uint32_t>(PL_DICOM_LUT_ENTRIES_MAX) : count;
  lut.first = is_signed ? static_cast<int16_t>(first) : static_cast<int32_t>(first);
  lut.bits = bits;
  lut.values = static_cast<uint16_t *>(pl_xcalloc(lut.count, sizeof *lut.values));
  if (!entries_of(lut.values, lut.count, bits, item)) {
    free(lut.values);
    return false;
  }
  copy_text(lut.name, sizeof lut.name, item, DCM_LUTExplanation, 0);
  *out = lut;
  return true;
}

void read_luts(pl_dicom *out, DcmItem *data) {
  DcmItem *item = nullptr;
  out->has_modality_lut = data->tagExists(DCM_ModalityLUTSequence);
  out->has_voi_lut = data->tagExists(DCM_VOILUTSequence);
  if (out->has_modality_lut && data->findAndGetSequenceItem(DCM_ModalityLUTSequence, item, 0).good()) {
    (void)read_lut(&out->modality_lut, item, out->is_signed);
  }
  // A VOI LUT looks at what the steps before it give: that of a modality LUT is unsigned, that of a rescale may be
  // below zero.
  bool is_signed = out->modality_lut.count == 0 && (out->is_signed || out->rescale_intercept < 0);
  for (long i = 0; out->has_voi_lut && i < PL_DICOM_LUTS_MAX; i++) {
    if (data->findAndGetSequenceItem(DCM_VOILUTSequence, item, i).bad() || item == nullptr) break;
    out->voi_lut_count += read_lut(&out->voi_luts[out->voi_lut_count], item, is_signed);
  }
}

pl_dicom_answer answer_of(DcmItem *data, const DcmTagKey &key) {
  OFString text = text_of(data, key, 0);
  return text == "YES" ? PL_DICOM_YES : text == "NO" ? PL_DICOM_NO : PL_DICOM_UNSAID;
}

// Radiographs carry the detector's spacing; Pixel Spacing, where given, wins.
void read_spacing(pl_dicom *out, DcmItem *data) {
  const DcmTagKey spacings[] = {DCM_PixelSpacing, DCM_ImagerPixelSpacing};
  for (const DcmTagKey &key : spacings) {
    double row, column;
    if (!number_of(&row, data, key, 0) || !number_of(&column, data, key, 1) || row <= 0 || column <= 0) continue;
    const bool is_calibrated = !text_of(data, DCM_PixelSpacingCalibrationType, 0).empty();
    out->row_spacing = row;
    out->column_spacing = column;
    out->spacing_source = key == DCM_ImagerPixelSpacing ? PL_SPACING_DETECTOR
                          : is_calibrated               ? PL_SPACING_CALIBRATED
                                                        : PL_SPACING_PIXEL;
    return;
  }
}

// What is personal, and what the file says about that.
void read_person(pl_dicom *out, DcmItem *data) {
  copy_text(out->patient, sizeof out->patient, data, DCM_PatientID, 0);
  copy_text(out->patient_name, sizeof out->patient_name, data, DCM_PatientName, 0);
  copy_text(out->birth_date, sizeof out->birth_date, data, DCM_PatientBirthDate, 0);
  copy_text(out->study_date, sizeof out->study_date, data, DCM_StudyDate, 0);
  out->identity_removed = answer_of(data, DCM_PatientIdentityRemoved);
  out->burned_in = answer_of(data, DCM_BurnedInAnnotation);
}

void read_attributes(pl_dicom *out, DcmItem *data) {
  bool slope = number_of(&out->rescale_slope, data, DCM_RescaleSlope, 0);
  bool intercept = number_of(&out->rescale_intercept, data, DCM_RescaleIntercept, 0);
  out->has_rescale = slope || intercept;
  if (!slope || out->rescale_slope == 0) out->rescale_slope = 1;
  if (!intercept) out->rescale_intercept = 0;
  read_luts(out, data);
  read_windows(out, data);
  Uint16 unsigned_padding;
  Sint16 signed_padding;
  if (data->findAndGetUint16(DCM_PixelPaddingValue, unsigned_padding).good()) {
    out->has_padding = true;
    out->padding = out->is_signed ? static_cast<int16_t>(unsigned_padding) : unsigned_padding;
  } else if (data->findAndGetSint16(DCM_PixelPaddingValue, signed_padding).good()) {
    out->has_padding = true;
    out->padding = out->is_signed ? signed_padding : static_cast<uint16_t>(signed_padding);
  }
  out->age = years_of(text_of(data, DCM_PatientAge, 0));
  OFString sex = text_of(data, DCM_PatientSex, 0);
  out->sex = sex == "M" || sex == "F" || sex == "O" ? sex[0] : '\0';
  copy_text(out->view, sizeof out->view, data, DCM_ViewPosition, 0);
  copy_text(out->modality, sizeof out->modality, data, DCM_Modality, 0);
  read_spacing(out, data);
  read_person(out, data);
}

// The attributes that say how many bytes a frame has; read again after decompression, which may change them.
pl_status read_layout(pl_dicom *out, DcmItem *data, pl_error *err) {
  Uint16 rows = 0, columns = 0, samples = 1, allocated = 0, stored = 0, high = 0, representation = 0;
  if (data->findAndGetUint16(DCM_Rows, rows).bad() || data->findAndGetUint16(DCM_Columns, columns).bad()) {
    return pl_fail(err, PL_E_FORMAT, "Rows or Columns is missing");
  }
  if (rows == 0 || columns == 0 || rows > PL_IMAGE_SIDE_MAX || columns > PL_IMAGE_SIDE_MAX) {
    return pl_fail(err, PL_E_LIMIT, "the header says %u rows of %u pixels; sides must be 1 to %d",
                   static_cast<unsigned>(rows), static_cast<unsigned>(columns), static_cast<int>(PL_IMAGE_SIDE_MAX));
  }
  if (data->findAndGetUint16(DCM_SamplesPerPixel, samples).good() && samples != 1) {
    return pl_fail(err, PL_E_UNSUPPORTED, "colour images (%u samples per pixel) are not radiographs",
                   static_cast<unsigned>(samples));
  }
  if (data->findAndGetUint16(DCM_BitsAllocated, allocated).bad()) {
    return pl_fail(err, PL_E_FORMAT, "Bits Allocated is missing");
  }
  if (allocated != 8 && allocated != 16) {
    return pl_fail(err, PL_E_UNSUPPORTED, "%u bits per pixel are not supported; 8 and 16 are",
                   static_cast<unsigned>(allocated));
  }
  if (data->findAndGetUint16(DCM_BitsStored, stored).bad()) stored = allocated;
  if (stored == 0 || stored > allocated) {
    return pl_fail(err, PL_E_FORMAT, "Bits Stored is %u of %u allocated", static_cast<unsigned>(stored),
                   static_cast<unsigned>(allocated));
  }
  if (data->findAndGetUint16(DCM_HighBit, high).bad()) high = static_cast<Uint16>(stored - 1);
  if (data->findAndGetUint16(DCM_PixelRepresentation, representation).bad()) representation = 0;
  if (representation > 1) return pl_fail(err, PL_E_FORMAT, "Pixel Representation is neither 0 nor 1");
  OFString photometric = text_of(data, DCM_PhotometricInterpretation, 0);
  if (photometric != "MONOCHROME1" && photometric != "MONOCHROME2") {
    return pl_fail(err, PL_E_UNSUPPORTED, "Photometric Interpretation \"%s\" is not supported; MONOCHROME1 and 2 are",
                   photometric.c_str());
  }
  out->is_monochrome1 = photometric == "MONOCHROME1";
  out->is_signed = representation == 1;
  out->bits_allocated = allocated;
  out->bits_stored = stored;
  out->high_bit = high;
  out->image.width = columns;
  out->image.height = rows;
  return PL_OK;
}

pl_status check_one_frame(DcmItem *data, pl_error *err) {
  OFString text = text_of(data, DCM_NumberOfFrames, 0);
  if (text.empty()) return PL_OK;
  int64_t frames;
  const char *p = text[0] == '+' ? text.c_str() + 1 : text.c_str();
  if (!pl_parse_i64(&frames, p, strlen(p)) || frames < 1) {
    return pl_fail(err, PL_E_FORMAT, "Number of Frames is \"%s\"", text.c_str());
  }
  if (frames == 1) return PL_OK;
  return pl_fail(err, PL_E_UNSUPPORTED, "the file has %lld frames; only single images are supported",
                 static_cast<long long>(frames));
}

size_t frame_bytes(const pl_dicom *dicom) {
  return static_cast<size_t>(dicom->image.width) * dicom->image.height * (dicom->bits_allocated / 8u);
}

// More than the header announces is left to check_padding.
pl_status check_length(const pl_dicom *dicom, size_t length, pl_error *err) {
  size_t expected = frame_bytes(dicom);
  if (length >= expected) return PL_OK;
  return pl_fail(err, PL_E_FORMAT, "the pixel data has %zu bytes, but %u rows of %u pixels of %u bits need %zu", length,
                 dicom->image.height, dicom->image.width, static_cast<unsigned>(dicom->bits_allocated), expected);
}

// The stream must describe the same picture as the header, because DCMTK trusts the header and fills what is missing.
pl_status check_jpeg(const pl_dicom *dicom, const uint8_t *first, size_t first_length, const uint8_t *last,
                     size_t last_length, pl_error *err) {
  pl_jpeg_frame frame = {};
  pl_status status = pl_jpeg_scan_frame(&frame, first, first_length, err);
  if (status != PL_OK) return status;
  if (frame.components != 1) {
    return pl_fail(err, PL_E_UNSUPPORTED, "the JPEG stream is in colour (%d components)", frame.components);
  }
  if (frame.width != dicom->image.width || frame.height != dicom->image.height) {
    return pl_fail(err, PL_E_FORMAT, "the header says %u rows of %u pixels, the JPEG stream %u of %u",
                   dicom->image.height, dicom->image.width, frame.height, frame.width);
  }
  if (frame.precision > dicom->bits_allocated) {
    return pl_fail(err, PL_E_FORMAT, "the header says %u bits, the JPEG stream %d",
                   static_cast<unsigned>(dicom->bits_allocated), frame.precision);
  }
  if (!pl_jpeg_scan_is_complete(last, last_length)) {
    return pl_fail(err, PL_E_FORMAT, "the JPEG stream has no end: the file was cut off");
  }
  return PL_OK;
}

// PS3.5 Annex G: one segment per byte of a pixel, offsets from the start of a header of sixteen numbers.
pl_status check_rle(const pl_dicom *dicom, const uint8_t *bytes, size_t length, pl_error *err) {
  if (length < RLE_HEADER_BYTES) return pl_fail(err, PL_E_FORMAT, "the RLE header is cut off");
  uint32_t header[3];
  for (size_t i = 0; i < 3; i++) {
    const uint8_t *p = bytes + 4 * i;
    header[i] = static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16 |
                static_cast<uint32_t>(p[3]) << 24;
  }
  uint32_t expected = dicom->bits_allocated / 8u;
  if (header[0] != expected) {
    return pl_fail(err, PL_E_FORMAT, "the RLE data has %u segments, but %u bits need %u", header[0],
                   static_cast<unsigned>(dicom->bits_allocated), expected);
  }
  for (uint32_t i = 1; i <= expected; i++) {
    if (header[i] < RLE_HEADER_BYTES || header[i] >= length || (i > 1 && header[i] <= header[i - 1])) {
      return pl_fail(err, PL_E_FORMAT, "RLE segment %u begins at byte %u of %zu", i, header[i], length);
    }
  }
  return PL_OK;
}

pl_status fragment(Uint8 **bytes, size_t *length, DcmPixelSequence *sequence, unsigned long index, pl_error *err) {
  DcmPixelItem *item = nullptr;
  if (sequence->getItem(item, index).bad() || item == nullptr) {
    return pl_fail(err, PL_E_FORMAT, "the compressed pixels are incomplete");
  }
  *length = item->getLengthField();
  *bytes = nullptr;
  if (*length > 0 && (item->getUint8Array(*bytes).bad() || *bytes == nullptr)) {
    return pl_fail(err, PL_E_FORMAT, "the compressed pixels are cut off");
  }
  return PL_OK;
}

pl_status check_encapsulated(const pl_dicom *dicom, DcmPixelData *pixels, Coding coding, pl_error *err) {
  E_TransferSyntax xfer;
  const DcmRepresentationParameter *parameters = nullptr;
  DcmPixelSequence *sequence = nullptr;
  pixels->getOriginalRepresentationKey(xfer, parameters);
  if (pixels->getEncapsulatedRepresentation(xfer, parameters, sequence).bad() || sequence == nullptr) {
    return pl_fail(err, PL_E_FORMAT, "the transfer syntax says compressed, but the pixel data is not");
  }
  unsigned long items = sequence->card();  // the first is the offset table
  if (items < 2) return pl_fail(err, PL_E_FORMAT, "there are no compressed pixels");
  Uint8 *table = nullptr, *first = nullptr, *last = nullptr;
  size_t table_length = 0, first_length = 0, last_length = 0;
  pl_status status = fragment(&table, &table_length, sequence, 0, err);
  if (status == PL_OK && table_length > OFFSET_BYTES) {
    status = pl_fail(err, PL_E_UNSUPPORTED, "the pixel data holds %zu frames; only single images are supported",
                     table_length / OFFSET_BYTES);
  }
  if (status == PL_OK) status = fragment(&first, &first_length, sequence, 1, err);
  if (status == PL_OK) status = fragment(&last, &last_length, sequence, items - 1, err);
  if (status != PL_OK) return status;
  if (coding != Coding::rle) return check_jpeg(dicom, first, first_length, last, last_length, err);
  if (items != 2) return pl_fail(err, PL_E_FORMAT, "one RLE frame in %lu pieces", items - 1);
  return check_rle(dicom, first, first_length, err);
}

pl_status find_coding(Coding *out, E_TransferSyntax xfer, pl_error *err) {
  for (size_t i = 0; i < known_syntax_count; i++) {
    if (known_syntaxes[i].xfer == xfer) {
      *out = known_syntaxes[i].coding;
      return PL_OK;
    }
  }
  DcmXfer syntax(xfer);
  return pl_fail(err, PL_E_UNSUPPORTED,
                 "the pixels are stored as %s, which is not supported (uncompressed, JPEG, JPEG-LS and RLE are)",
                 syntax.getXferName());
}

// Some writers append zeros, and an even length is required anyway. Anything else means that the header lies.
pl_status check_padding(const pl_dicom *dicom, const uint8_t *bytes, size_t length, pl_error *err) {
  size_t expected = frame_bytes(dicom), first = expected + (expected & 1);
  for (size_t i = first; i < length; i++) {
    if (bytes[i] != 0) {
      return pl_fail(err, PL_E_FORMAT, "the pixel data has %zu bytes, but %u rows of %u pixels of %u bits need %zu",
                     length, dicom->image.height, dicom->image.width, static_cast<unsigned>(dicom->bits_allocated),
                     expected);
    }
  }
  return PL_OK;
}

// Copies the values out of the element, whatever its word size, in this machine's byte order.
pl_status copy_pixels(pl_dicom *out, DcmElement *element, pl_error *err) {
  Uint8 *bytes = nullptr;
  Uint16 *words = nullptr;
  bool in_words = element->getVR() == EVR_OW;
  if ((in_words ? element->getUint16Array(words).bad() : element->getUint8Array(bytes).bad()) ||
      (words == nullptr && bytes == nullptr)) {
    return pl_fail(err, PL_E_FORMAT, "the pixel data cannot be read");
  }
  pl_status status = check_padding(out, in_words ? reinterpret_cast<uint8_t *>(words) : bytes,
                                   element->getLength(EXS_LittleEndianExplicit), err);
  if (status != PL_OK) return status;
  bool narrow = out->bits_allocated == 8;
  pl_image *image = &out->image;
  pl_pixel_type type = out->is_signed ? PL_PIXEL_S16 : narrow ? PL_PIXEL_U8 : PL_PIXEL_U16;
  status = pl_image_init(image, image->width, image->height, type,
                         out->is_monochrome1 ? PL_IMAGE_GREY_INVERSE : PL_IMAGE_GREY, err);
  if (status != PL_OK) return status;
  size_t count = static_cast<size_t>(image->width) * image->height;
  for (size_t i = 0; i < count; i++) {
    if (narrow) {
      uint8_t value = static_cast<uint8_t>(in_words ? words[i / 2] >> (8 * (i & 1)) : bytes[i]);
      if (out->is_signed) {
        image->s16[i] = static_cast<int8_t>(value);
      } else {
        image->u8[i] = value;
      }
    } else {
      image->u16[i] = static_cast<uint16_t>(in_words ? words[i] : bytes[2 * i] | bytes[2 * i + 1] << 8);
    }
  }
  return PL_OK;
}

pl_status decompress(pl_dicom *out, DcmDataset *data, pl_error *err) {
  uint32_t width = out->image.width, height = out->image.height;
  OFCondition condition = data->chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
  if (condition.bad()) {
    return pl_fail(err, PL_E_FORMAT, "the compressed pixels are damaged: %s", condition.text());
  }
  pl_status status = read_layout(out, data, err);
  if (status != PL_OK) return status;
  if (out->image.width != width || out->image.height != height) {
    return pl_fail(err, PL_E_FORMAT, "the decompressed size differs from the header's");
  }
  return PL_OK;
}

// All fragments of the one frame, one after the other.
bool join_fragments(std::vector<uint8_t> *stream, DcmPixelData *pixels) {
  E_TransferSyntax xfer;
  const DcmRepresentationParameter *parameters = nullptr;
  DcmPixelSequence *sequence = nullptr;
  pixels->getOriginalRepresentationKey(xfer, parameters);
  if (pixels->getEncapsulatedRepresentation(xfer, parameters, sequence).bad() || sequence == nullptr) return false;
  for (unsigned long i = 1; i < sequence->card(); i++) {
    Uint8 *bytes = nullptr;
    size_t length = 0;
    if (fragment(&bytes, &length, sequence, i, nullptr) != PL_OK) return false;
    stream->insert(stream->end(), bytes, bytes + length);
  }
  return true;
}

// The fast way. False when it is not for this file, which DCMTK then decodes or refuses.
bool decode_baseline(pl_dicom *out, DcmPixelData *pixels) {
  std::vector<uint8_t> stream;
  pl_image image = {};
  if (out->bits_allocated != 8 || out->is_signed || !join_fragments(&stream, pixels)) return false;
  if (pl_image_init(&image, out->image.width, out->image.height, PL_PIXEL_U8,
                    out->is_monochrome1 ? PL_IMAGE_GREY_INVERSE : PL_IMAGE_GREY, nullptr) != PL_OK) {
    return false;
  }
  if (!pl_jpeg_decode_grey(image.u8, image.width, image.height, stream.data(), stream.size())) {
    pl_image_clear(&image);
    return false;
  }
  out->image = image;
  return true;
}

pl_status decode_pixels(pl_dicom *out, DcmDataset *data, pl_error *err) {
  Coding coding = Coding::native;
  DcmElement *element = nullptr;
  pl_status status = check_one_frame(data, err);
  if (status == PL_OK) status = find_coding(&coding, data->getOriginalXfer(), err);
  if (status != PL_OK) return status;
  // Directly in the data set: an icon image's pixels, nested in a sequence, are not the picture.
  if (data->findAndGetElement(DCM_PixelData, element).bad() || element == nullptr ||
      element->ident() != EVR_PixelData) {
    return pl_fail(err, PL_E_UNSUPPORTED, "the file has no pixel data");
  }
  if (coding == Coding::native) {
    status = check_length(out, element->getLengthField(), err);
  } else {
    status = check_encapsulated(out, static_cast<DcmPixelData *>(element), coding, err);
    if (status == PL_OK && coding == Coding::baseline && decode_baseline(out, static_cast<DcmPixelData *>(element))) {
      return PL_OK;
    }
    if (status == PL_OK) status = decompress(out, data, err);
    // Decompression replaces the element's value.
    if (status == PL_OK && data->findAndGetElement(DCM_PixelData, element).bad()) {
      status = pl_fail(err, PL_E_FORMAT, "the compressed pixels are damaged");
    }
    if (status == PL_OK) status = check_length(out, element->getLength(EXS_LittleEndianExplicit), err);
  }
  return status == PL_OK ? copy_pixels(out, element, err) : status;
}

pl_status decode(pl_dicom *out, const void *bytes, size_t length, pl_error *err) {
  DcmInputBufferStream stream;
  stream.setBuffer(bytes, static_cast<offile_off_t>(length));
  stream.setEos();
  DcmFileFormat file;
  file.transferInit();
  OFCondition condition = file.read(stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
  file.transferEnd();
  if (condition.bad()) {
    return pl_fail(err, PL_E_FORMAT, "not a valid DICOM file: %s", condition.text());
  }
  DcmDataset *data = file.getDataset();
  if (data == nullptr || data->isEmpty()) return pl_fail(err, PL_E_FORMAT, "not a DICOM file");
  pl_status status = PL_OK;
  if (!data->tagExists(DCM_PixelData)) status = pl_fail(err, PL_E_UNSUPPORTED, "the file has no pixel data");
  if (status == PL_OK) status = read_layout(out, data, err);
  if (status == PL_OK) read_attributes(out, data);
  if (status != PL_OK) return status;
  pl_copy_text(out->transfer_syntax, sizeof out->transfer_syntax, DcmXfer(data->getOriginalXfer()).getXferID());
  return decode_pixels(out, data, err);
}

// All transfer syntaxes whose pixels we can read.
const Syntax known_syntaxes[] = {
    {EXS_LittleEndianImplicit, Coding::native},
    {EXS_LittleEndianExplicit, Coding::native},
    {EXS_BigEndianExplicit, Coding::native},
    {EXS_DeflatedLittleEndianExplicit, Coding::native},
    {EXS_JPEGProcess1, Coding::baseline},
    {EXS_JPEGProcess2_4, Coding::jpeg},
    {EXS_JPEGProcess6_8, Coding::jpeg},
    {EXS_JPEGProcess10_12, Coding::jpeg},
    {EXS_JPEGProcess14, Coding::jpeg},
    {EXS_JPEGProcess14SV1, Coding::jpeg},
    {EXS_JPEGLSLossless, Coding::jpeg},
    {EXS_JPEGLSLossy, Coding::jpeg},
    {EXS_RLELossless, Coding::rle},
};
const size_t known_syntax_count = sizeof known_syntaxes / sizeof known_syntaxes[0];

}  // namespace

extern "C" pl_status pl_dicom_setup(pl_error *err) {
  static std::once_flag once;
  try {
    std::call_once(once, [] {
      OFLog::configure(OFLogger::OFF_LOG_LEVEL);
      DJDecoderRegistration::registerCodecs();
      DJLSDecoderRegistration::registerCodecs();
      DcmRLEDecoderRegistration::registerCodecs();
    });
    if (!dcmDataDict.isDictionaryLoaded()) {
      return pl_fail(
          err, PL_E_NOTFOUND,
          "DCMTK's data dictionary (dicom.dic) is missing; reinstall the package libdcmtk or set DCMDICTPATH");
    }
  } catch (const std::exception &e) {
    return pl_fail(err, PL_E_INTERNAL, "DCMTK does not start: %s", e.what());
  } catch (...) {
    return pl_fail(err, PL_E_INTERNAL, "DCMTK does not start");
  }
  return PL_OK;
}

extern "C" pl_status pl_dicom_decode(pl_dicom *out, const void *bytes, size_t length, pl_error *err) {
  pl_dicom dicom = {};
  dicom.age = -1;
  pl_status status = pl_dicom_setup(err);
  if (status != PL_OK) return status;
  try {
    status = decode(&dicom, bytes, length, err);
  } catch (const std::bad_alloc &) {
    status = pl_fail(err, PL_E_NOMEM, "no memory to decode a file of %zu bytes", length);
  } catch (const std::exception &e) {
    status = pl_fail(err, PL_E_FORMAT, "DCMTK gave up: %s", e.what());
  } catch (...) {
    status = pl_fail(err, PL_E_FORMAT, "DCMTK gave up");
  }
  if (status != PL_OK) {
    pl_dicom_clear(&dicom);
    return status;
  }
  *out = dicom;
  return PL_OK;
}

extern "C" void pl_dicom_clear(pl_dicom *dicom) {
  pl_image_clear(&dicom->image);
  free(dicom->modality_lut.values);
  for (uint32_t i = 0; i < dicom->voi_lut_count; i++) free(dicom->voi_luts[i].values);
  *dicom = pl_dicom{};
}
