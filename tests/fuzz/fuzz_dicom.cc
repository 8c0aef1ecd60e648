// Any bytes as a DICOM file: either a refusal with a remedy, or frames of the size in its header.
#include <cstdint>
#include <cstdlib>

#include "worker/dicom/dicom_frame.h"
#include "worker/dicom/segment_frame.h"

namespace {

// Larger pictures take time and no other code.
constexpr int64_t kMostPixels = 1 << 16, kMostFrames = 2;

void CheckRefusal(const absl::Status& status) {
  if (std::string(status.message()).find("; ") == std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto dicom = alignflow::ParseDicom(bytes);
  if (!dicom.ok()) {
    CheckRefusal(dicom.status());
    return 0;
  }
  const alignflow::DicomHeader& header = dicom->header;
  if (header.pixels() > kMostPixels) return 0;
  for (int64_t frame = 0; frame < std::min(header.frames, kMostFrames); ++frame) {
    const auto stored = alignflow::DecodeFrame(*dicom, frame);
    if (!stored.ok()) {
      CheckRefusal(stored.status());
    } else if (stored->samples.rows != header.rows || stored->samples.cols != header.columns) {
      std::abort();
    }
    const auto shown = alignflow::ShownFrame(*dicom, frame, std::nullopt);
    if (!shown.ok()) {
      CheckRefusal(shown.status());
    } else if (std::pair(shown->rows, shown->cols) != alignflow::SquareSize(header)) {
      std::abort();
    }
  }
  if (header.frames > kMostFrames) return 0;
  const auto labels = alignflow::LabelsOfPicture(*dicom);
  if (!labels.ok()) {
    CheckRefusal(labels.status());
  } else if (labels->rows != header.rows || labels->cols != header.columns) {
    std::abort();
  }
  return 0;
}
