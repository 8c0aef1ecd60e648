#ifndef ALIGNFLOW_WORKER_DICOM_DICOM_FRAME_H_
#define ALIGNFLOW_WORKER_DICOM_DICOM_FRAME_H_

#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "worker/dicom/dicom_header.h"

// Frames of DICOM files as pixels. Errors are InvalidArgument and read "REASON; REMEDY"; nothing is
// printed. Thread-safe.
namespace alignflow {

// Samples as they are stored.
struct StoredFrame {
  // One channel, or three in the order of the file. 8 bits, 16 bits, or 32: CV_32S where they are
  // signed, else CV_64F. Bits that are not in use are gone.
  cv::Mat samples;
  std::string photometric;  // of these: decoders may have made RGB of YBR
};
absl::StatusOr<StoredFrame> DecodeFrame(const ParsedDicom& dicom, int64_t frame);

// What a file and one of its frames take in memory while they are decoded.
size_t DicomBytesInMemory(const std::filesystem::path& file);

// Whether a frame has an own rule of what is black and what is white: grey of at most 8 bits
// without any is shown as it is stored.
bool HasOwnWindow(const DicomHeader& header, int64_t frame);

// Greys by their modality's rule, such as Hounsfield units: CV_32F.
cv::Mat ModalityValues(const StoredFrame& stored, const GreyRule& rule);
// 255 where there is padding; empty where there is none.
cv::Mat PaddingOf(const StoredFrame& stored, const DicomHeader& header);

// A frame as it is looked at, with square pixels: 8 bits, one channel, or BGR. Greys are shown by
// `window`, or else by the file's own rule; padding is black.
absl::StatusOr<cv::Mat> ShownFrame(const ParsedDicom& dicom, int64_t frame,
                                   const std::optional<GreyWindow>& window);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_DICOM_FRAME_H_
