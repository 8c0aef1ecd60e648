#ifndef ALIGNFLOW_CLIENT_TIMESTAMPS_H_
#define ALIGNFLOW_CLIENT_TIMESTAMPS_H_

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace alignflow {

inline absl::Time ToAbslTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

// "2025-11-21 10:49:03" in the local time zone.
inline std::string LocalTimeText(const google::protobuf::Timestamp& timestamp) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", ToAbslTime(timestamp), absl::LocalTimeZone());
}

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_TIMESTAMPS_H_
