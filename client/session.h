#ifndef ALIGNFLOW_CLIENT_SESSION_H_
#define ALIGNFLOW_CLIENT_SESSION_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alignflow/v1/admin.grpc.pb.h"
#include "alignflow/v1/datasets.grpc.pb.h"
#include "alignflow/v1/fleet.grpc.pb.h"
#include "alignflow/v1/jobs.grpc.pb.h"
#include "alignflow/v1/models.grpc.pb.h"
#include "alignflow/v1/server.grpc.pb.h"
#include "client/console.h"
#include "client/message_json.h"
#include "common/blob_client.h"
#include "common/channel.h"
#include "grpcpp/channel.h"

namespace alignflow {

// The services of one coordinator.
struct Stubs {
  std::unique_ptr<v1::Admin::StubInterface> admin;
  std::unique_ptr<v1::Datasets::StubInterface> datasets;
  std::unique_ptr<v1::Fleet::StubInterface> fleet;
  std::unique_ptr<v1::Jobs::StubInterface> jobs;
  std::unique_ptr<v1::Models::StubInterface> models;
  std::unique_ptr<v1::Server::StubInterface> server;
  // Sends blobs as one upload.
  std::unique_ptr<BlobClient> blobs;
  std::string upload_id;

  static Stubs On(const std::shared_ptr<grpc::ChannelInterface>& channel);
};

// Opens a channel to HOST:PORT.
using Connector = std::function<absl::StatusOr<std::shared_ptr<grpc::ChannelInterface>>(
    std::string_view server, const ChannelSecurity& security)>;

// What a command has around it.
struct Session {
  Console& console;
  Connector connector;
  std::string server;  // of --server, AFCTL_SERVER or the context; empty if there is none
  ChannelSecurity security;
  bool json = false;  // stdout gets one JSON document and nothing else

  // InvalidArgument if no server was given or the address can't be used.
  absl::StatusOr<Stubs> Connect() const;
  bool server_known = false;  // by the environment or the context, for later commands as well
  // "afctl job watch jobs/abc", as the user can type it: with --server where only that option names
  // the coordinator.
  std::string Command(const std::string& words) const;
};

// What a command prints on stdout: one of the two.
struct Result {
  Json document;     // with --json
  std::string text;  // otherwise; whole lines
  // What could not be found out beside it: said on stderr after it, and tells the exit code. With
  // --json the document gets it as "error".
  absl::Status failure = absl::OkStatus();
};

using Action = std::function<absl::StatusOr<Result>(Session& session)>;

// "jobs/abc" from "abc" or "jobs/abc". InvalidArgument for what can't be a name in `collection`:
// "datasets", "jobs", "keys", "models" or "workers".
absl::StatusOr<std::string> ResourceName(const std::string& collection, const std::string& name);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_SESSION_H_
