#ifndef ALIGNFLOW_WORKER_DICOM_INFLATE_H_
#define ALIGNFLOW_WORKER_DICOM_INFLATE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace alignflow {

// What a raw deflate stream (RFC 1951) holds. Refused, "REASON; REMEDY", if it is damaged or holds
// more than `most` bytes: memory grows with what is really there, never beyond that.
absl::StatusOr<std::string> Inflate(std::string_view packed, size_t most);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DICOM_INFLATE_H_
