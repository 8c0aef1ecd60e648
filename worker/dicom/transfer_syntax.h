#ifndef ALIGNFLOW_WORKER_DICOM_TRANSFER_SYNTAX_H_
#define ALIGNFLOW_WORKER_DICOM_TRANSFER_SYNTAX_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "worker/dicom/element_walk.h"

namespace alignflow {

enum class PixelCoding { kNative, kRle, kJpeg, kJpegLs, kJpeg2000 };

// How a file is coded (PS3.5, annex A).
struct TransferSyntax {
  std::string uid;
  ElementCoding elements = {};
  PixelCoding pixels = PixelCoding::kNative;
  bool deflated = false;
};

// InvalidArgument, with the syntax's name and the remedy, for one that is not decoded.
absl::StatusOr<TransferSyntax> FindTransferSyntax(std::string_view uid);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_TRANSFER_SYNTAX_H_
