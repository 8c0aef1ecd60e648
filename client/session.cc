#include "client/session.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace alignflow {

Stubs Stubs::On(const std::shared_ptr<grpc::ChannelInterface>& channel) {
  return Stubs{.datasets = v1::Datasets::NewStub(channel),
               .jobs = v1::Jobs::NewStub(channel),
               .models = v1::Models::NewStub(channel),
               .blobs = std::make_unique<BlobClient>(channel)};
}

absl::StatusOr<Stubs> Session::Connect() const {
  if (server.empty()) {
    return absl::InvalidArgumentError(
        "no coordinator was named: give --server HOST:PORT or set AFCTL_SERVER=HOST:PORT");
  }
  auto channel = connector(server);
  if (!channel.ok()) return channel.status();
  return Stubs::On(*channel);
}

std::string ResourceName(const std::string& collection, const std::string& name) {
  const std::string prefix = absl::StrCat(collection, "/");
  if (absl::StartsWith(name, prefix)) return name;
  return absl::StrCat(prefix, name);
}

}  // namespace alignflow
