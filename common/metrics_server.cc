#include "common/metrics_server.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/listen_address.h"

namespace alignflow {

MetricsServer::MetricsServer(std::unique_ptr<prometheus::Exposer> exposer,
                             std::shared_ptr<prometheus::Registry> registry, std::string address)
    : registry_(std::move(registry)), exposer_(std::move(exposer)), address_(std::move(address)) {}

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    std::string_view host_port, std::shared_ptr<prometheus::Registry> registry) {
  absl::StatusOr<HostPort> address = ParseLoopback(host_port);
  if (!address.ok()) return address.status();
  // The HTTP server takes addresses only.
  if (address->host == "localhost") address->host = "127.0.0.1";
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(address->ToString());
    exposer->RegisterCollectable(registry);
    address->port = exposer->GetListeningPorts().front();
    return std::unique_ptr<MetricsServer>(
        new MetricsServer(std::move(exposer), std::move(registry), address->ToString()));
  } catch (const std::exception&) {
    return absl::UnavailableError(absl::StrCat(
        "can't serve metrics on ", address->ToString(),
        ": the port is in use or not ours to take; give another one, or 0 for a free one"));
  }
}

}  // namespace alignflow
