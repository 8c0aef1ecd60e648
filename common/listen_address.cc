#include "common/listen_address.h"

#include <arpa/inet.h>

#include <charconv>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "fmt/format.h"

namespace alignflow {
namespace {

absl::Status Malformed(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format(
      "\"{}\" is no address: {}; give HOST:PORT, such as 127.0.0.1:50051 or [::1]:0", text, why));
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

std::string HostPort::ToString() const {
  if (host.find(':') != std::string::npos) return absl::StrCat("[", host, "]:", port);
  return absl::StrCat(host, ":", port);
}

bool HostPort::IsLoopback() const {
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return absl::EqualsIgnoreCase(host, "localhost");
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Malformed(text, "the port is missing");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  HostPort result;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (error != std::errc() || end != port.data() + port.size() || result.port < 0 ||
      result.port > 65535) {
    return Malformed(text, "the port must be 0 to 65535");
  }
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    result.host = std::string(host.substr(1, host.size() - 2));
    if (!IsIpv6(result.host)) return Malformed(text, "no IPv6 address within the brackets");
    return result;
  }
  if (host.empty()) return Malformed(text, "the host is missing");
  if (host.find_first_of(":[]/ \t") != std::string_view::npos) {
    return Malformed(text, "an IPv6 address stands in brackets");
  }
  result.host = std::string(host);
  return result;
}

}  // namespace alignflow
