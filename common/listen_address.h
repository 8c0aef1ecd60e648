#ifndef ALIGNFLOW_COMMON_LISTEN_ADDRESS_H_
#define ALIGNFLOW_COMMON_LISTEN_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// HOST:PORT, to listen on or to connect to.
struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  int port = 0;      // 0 to 65535

  // "HOST:PORT", with brackets around an IPv6 address.
  std::string ToString() const;
  // 127.0.0.0/8, ::1 or localhost. Other names are never resolved, and count as beyond loopback.
  bool IsLoopback() const;
};

// Reads "127.0.0.1:50051", "[::1]:0", "localhost:8080". InvalidArgument says what is wrong and
// shows the form.
absl::StatusOr<HostPort> ParseHostPort(std::string_view text);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_LISTEN_ADDRESS_H_
