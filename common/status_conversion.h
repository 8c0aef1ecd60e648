#ifndef ALIGNFLOW_COMMON_STATUS_CONVERSION_H_
#define ALIGNFLOW_COMMON_STATUS_CONVERSION_H_

#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace alignflow {

// Both use the same canonical codes; code and message are kept.
grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

// The status with "context: " before its message, so that an error says what was being done. OK
// stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_STATUS_CONVERSION_H_
