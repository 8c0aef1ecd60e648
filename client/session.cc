#include "client/session.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/resource_name.h"

namespace alignflow {

Stubs Stubs::On(const std::shared_ptr<grpc::ChannelInterface>& channel) {
  absl::BitGen random;
  const std::string upload_id = absl::StrCat("afctl-", absl::Hex(random(), absl::kZeroPad16),
                                             absl::Hex(random(), absl::kZeroPad16));
  BlobClientOptions options;
  options.owner.set_upload_id(upload_id);
  return Stubs{.admin = v1::Admin::NewStub(channel),
               .datasets = v1::Datasets::NewStub(channel),
               .fleet = v1::Fleet::NewStub(channel),
               .jobs = v1::Jobs::NewStub(channel),
               .models = v1::Models::NewStub(channel),
               .server = v1::Server::NewStub(channel),
               .blobs = std::make_unique<BlobClient>(channel, std::move(options)),
               .upload_id = upload_id};
}

absl::StatusOr<Stubs> Session::Connect() const {
  if (server.empty()) {
    return absl::InvalidArgumentError(
        "no coordinator was named: give --server HOST:PORT, set AFCTL_SERVER=HOST:PORT, or keep "
        "one "
        "with `afctl login HOST:PORT`");
  }
  auto channel = connector(server, security);
  if (!channel.ok()) return channel.status();
  return Stubs::On(*channel);
}

std::string Session::Command(const std::string& words) const {
  return absl::StrCat("afctl ", words, server_known ? "" : absl::StrCat(" --server ", server));
}

absl::StatusOr<std::string> ResourceName(const std::string& collection, const std::string& name) {
  const std::string prefix = absl::StrCat(collection, "/");
  const std::string id = std::string(absl::StripPrefix(name, prefix));
  if (IsResourceId(id)) return absl::StrCat(prefix, id);
  const std::string kind = std::string(absl::StripSuffix(collection, "s"));
  return absl::InvalidArgumentError(absl::StrCat("'", Printable(name), "' can't be the name of a ",
                                                 kind, "; `afctl ", kind,
                                                 " list` shows those there are"));
}

}  // namespace alignflow
