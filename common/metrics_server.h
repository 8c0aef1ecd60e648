#ifndef ALIGNFLOW_COMMON_METRICS_SERVER_H_
#define ALIGNFLOW_COMMON_METRICS_SERVER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "prometheus/registry.h"

class CivetServer;

namespace alignflow {

// Serves a registry over HTTP at /metrics for Prometheus, until destroyed. It knows no TLS:
// Debian's civetweb looks for an OpenSSL that is not there.
class MetricsServer {
 public:
  // Listens on HOST:PORT; port 0 takes a free one. With a file, whose first line is a token, who
  // asks has to send `Authorization: Bearer TOKEN`, and gets 401 otherwise; the file is read again
  // for each. InvalidArgument for a malformed address, or for one beyond loopback without a token;
  // FailedPrecondition, naming the file, if it holds none of at least 16 characters; Unavailable
  // with the remedy if the port is in use.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      std::string_view host_port, std::shared_ptr<prometheus::Registry> registry,
      const std::string& token_file = "");
  ~MetricsServer();

  // HOST:PORT with the port that was taken.
  const std::string& address() const { return address_; }

 private:
  class Handler;

  MetricsServer(std::unique_ptr<Handler> handler, std::unique_ptr<CivetServer> server,
                std::string address);

  const std::unique_ptr<Handler> handler_;
  std::unique_ptr<CivetServer> server_;  // ends before what it calls
  const std::string address_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_METRICS_SERVER_H_
