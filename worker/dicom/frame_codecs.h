#ifndef ALIGNFLOW_WORKER_DICOM_FRAME_CODECS_H_
#define ALIGNFLOW_WORKER_DICOM_FRAME_CODECS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "worker/dicom/dicom_header.h"

namespace alignflow {

// A decoded frame: samples of header.bits_allocated bits in little endian, channels together.
struct CodecOutput {
  std::string samples;
  std::string photometric;
};

// One frame of JPEG or JPEG-LS, by DCMTK's codecs. They are given the frame and a few numbers
// of the header, never the file.
absl::StatusOr<CodecOutput> DecodeByDcmtk(std::string_view frame, const DicomHeader& header);

absl::StatusOr<CodecOutput> DecodeRle(std::string_view frame, const DicomHeader& header);

// One frame of JPEG 2000, by OpenJPEG.
absl::StatusOr<CodecOutput> DecodeJpeg2000(std::string_view frame, const DicomHeader& header);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_FRAME_CODECS_H_
