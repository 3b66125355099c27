#include "core/image/dicom_write.h"

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcwcache.h>
#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djeijg8.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

namespace {

bool good_uid(const char *uid) {
  size_t length = strlen(uid);
  return length > 0 && length <= 64 && strspn(uid, "0123456789.") == length;
}

// The first error of a row of insertions; later ones are not attempted.
class Inserter {
 public:
  explicit Inserter(DcmDataset *dataset) : dataset_(dataset) {}
  void text(const DcmTagKey &tag, const char *value) {
    if (result.good()) result = dataset_->putAndInsertString(tag, value);
  }
  void number(const DcmTagKey &tag, Uint16 value) {
    if (result.good()) result = dataset_->putAndInsertUint16(tag, value);
  }
  OFCondition result = EC_Normal;

 private:
  DcmDataset *dataset_;
};

OFCondition fill_header(DcmDataset *dataset, const pl_image *image, const pl_dicom_identity *id) {
  Inserter in(dataset);
  char spacing[64];
  snprintf(spacing, sizeof spacing, "%.6f\\%.6f", id->pixel_spacing, id->pixel_spacing);
  in.text(DCM_SpecificCharacterSet, "ISO_IR 100");
  in.text(DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
  in.text(DCM_SOPInstanceUID, id->instance_uid);
  in.text(DCM_StudyDate, id->date);
  in.text(DCM_StudyTime, "000000");
  in.text(DCM_AccessionNumber, "");
  in.text(DCM_Modality, "CR");
  in.text(DCM_ConversionType, "SYN");
  in.text(DCM_ReferringPhysicianName, "");
  in.text(DCM_PatientName, id->patient_id);
  in.text(DCM_PatientID, id->patient_id);
  in.text(DCM_PatientBirthDate, "");
  in.text(DCM_PatientSex, id->sex);
  in.text(DCM_PatientAge, id->age);
  in.text(DCM_PatientIdentityRemoved, "YES");  // there is nobody
  in.text(DCM_DeidentificationMethod, "synthetic");
  in.text(DCM_BodyPartExamined, "CHEST");
  in.text(DCM_ViewPosition, id->view);
  in.text(DCM_StudyInstanceUID, id->study_uid);
  in.text(DCM_SeriesInstanceUID, id->series_uid);
  in.text(DCM_StudyID, "");
  in.text(DCM_SeriesNumber, "1");
  in.text(DCM_InstanceNumber, "1");
  in.text(DCM_PatientOrientation, "");
  in.number(DCM_SamplesPerPixel, 1);
  in.text(DCM_PhotometricInterpretation, "MONOCHROME2");
  in.number(DCM_Rows, static_cast<Uint16>(image->height));
  in.number(DCM_Columns, static_cast<Uint16>(image->width));
  in.text(DCM_PixelSpacing, spacing);
  in.text(DCM_BurnedInAnnotation, "NO");
  in.number(DCM_BitsAllocated, 8);
  in.number(DCM_BitsStored, 8);
  in.number(DCM_HighBit, 7);
  in.number(DCM_PixelRepresentation, 0);
  in.text(DCM_LossyImageCompression, "01");
  in.text(DCM_LossyImageCompressionMethod, "ISO_10918_1");
  return in.result;
}

// The codec is called directly, not through DCMTK's global codec list: no registration that other threads would have to
// wait for, no windowing of the pixels on the way, and the offset table stays empty.
OFCondition add_pixels(DcmDataset *dataset, const pl_image *image, int quality) {
  DJCodecParameter parameter(ECC_monochrome, EDC_never, EUC_never, EPC_default);
  DJCompressIJG8Bit encoder(parameter, EJM_baseline, static_cast<Uint8>(quality));
  Uint8 *bytes = nullptr;
  Uint32 length = 0;
  OFCondition result = encoder.encode(static_cast<Uint16>(image->width), static_cast<Uint16>(image->height),
                                      EPI_Monochrome2, 1, image->u8, bytes, length);
  std::unique_ptr<Uint8[]> owner(bytes);
  if (result.bad()) return result;

  std::unique_ptr<DcmPixelSequence> sequence(new DcmPixelSequence(DCM_PixelSequenceTag));
  std::unique_ptr<DcmPixelItem> table(new DcmPixelItem(DCM_PixelItemTag));
  result = sequence->insert(table.get());
  if (result.bad()) return result;
  table.release();
  std::unique_ptr<DcmPixelItem> fragment(new DcmPixelItem(DCM_PixelItemTag));
  result = fragment->putUint8Array(bytes, length);
  if (result.bad()) return result;
  result = sequence->insert(fragment.get());
  if (result.bad()) return result;
  fragment.release();

  std::unique_ptr<DcmPixelData> pixels(new DcmPixelData(DCM_PixelData));
  pixels->putOriginalRepresentation(EXS_JPEGProcess1, nullptr, sequence.release());
  result = dataset->insert(pixels.get(), OFTrue);
  if (result.good()) pixels.release();
  return result;
}

pl_status write_file(pl_buf *out, DcmFileFormat *file, size_t room, pl_error *err) {
  std::vector<char> bytes(room);
  DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  DcmWriteCache cache;
  file->transferInit();
  OFCondition result =
      file->write(stream, EXS_JPEGProcess1, EET_ExplicitLength, &cache, EGL_recalcGL, EPD_withoutPadding);
  file->transferEnd();
  stream.flush();
  if (result.bad()) return pl_fail(err, PL_E_INTERNAL, "cannot write the DICOM file: %s", result.text());
  void *written = nullptr;
  offile_off_t length = 0;
  stream.flushBuffer(written, length);
  if (!pl_buf_add(out, written, static_cast<size_t>(length))) {
    return pl_fail(err, PL_E_LIMIT, "the DICOM file has %lld bytes, more than there is room for",
                   static_cast<long long>(length));
  }
  return PL_OK;
}

pl_status check(const pl_image *image, const pl_dicom_identity *id, int quality, pl_error *err) {
  if (image->type != PL_PIXEL_U8 || image->meaning != PL_IMAGE_GREY) {
    return pl_fail(err, PL_E_USAGE, "only 8-bit grey images are written as JPEG DICOM files");
  }
  if (quality < 1 || quality > 100) return pl_fail(err, PL_E_USAGE, "JPEG quality %d is not 1 to 100", quality);
  const char *const uids[] = {id->instance_uid, id->study_uid, id->series_uid};
  for (const char *uid : uids) {
    if (!good_uid(uid)) return pl_fail(err, PL_E_USAGE, "\"%s\" is not a UID of at most 64 digits and dots", uid);
  }
  return PL_OK;
}

}  // namespace

pl_status pl_dicom_write_jpeg(pl_buf *out, const pl_image *image, const pl_dicom_identity *identity, int quality,
                              pl_error *err) try {
  pl_status status = check(image, identity, quality, err);
  if (status != PL_OK) return status;
  DcmFileFormat file;
  OFCondition result = fill_header(file.getDataset(), image, identity);
  if (result.good()) result = add_pixels(file.getDataset(), image, quality);
  if (result.bad()) return pl_fail(err, PL_E_INTERNAL, "cannot make the DICOM file: %s", result.text());
  // Even noise at quality 100 stays below twice its size.
  return write_file(out, &file, pl_image_bytes(image) * 2 + 65536, err);
} catch (const std::bad_alloc &) {
  return pl_fail(err, PL_E_NOMEM, "no memory for a DICOM file of %ux%u pixels", image->width, image->height);
} catch (const std::exception &e) {
  return pl_fail(err, PL_E_INTERNAL, "cannot make the DICOM file: %s", e.what());
} catch (...) {
  return pl_fail(err, PL_E_INTERNAL, "cannot make the DICOM file: unknown error in DCMTK");
}
