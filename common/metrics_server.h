#ifndef ALIGNFLOW_COMMON_METRICS_SERVER_H_
#define ALIGNFLOW_COMMON_METRICS_SERVER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "prometheus/exposer.h"
#include "prometheus/registry.h"

namespace alignflow {

// Serves a registry over HTTP at /metrics for Prometheus, until destroyed.
class MetricsServer {
 public:
  // Listens on HOST:PORT; port 0 takes a free one. InvalidArgument for a malformed address or one
  // beyond loopback, Unavailable with the remedy if the port is in use.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      std::string_view host_port, std::shared_ptr<prometheus::Registry> registry);

  // HOST:PORT with the port that was taken.
  const std::string& address() const { return address_; }

 private:
  MetricsServer(std::unique_ptr<prometheus::Exposer> exposer,
                std::shared_ptr<prometheus::Registry> registry, std::string address);

  // The exposer keeps only a weak reference to the registry.
  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_METRICS_SERVER_H_
