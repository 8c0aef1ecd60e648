#ifndef ALIGNFLOW_COMMON_CHANNEL_H_
#define ALIGNFLOW_COMMON_CHANNEL_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"
#include "grpcpp/server_builder.h"

namespace alignflow {

// Largest message either way; what is larger is refused before it is parsed. A job with 10,000
// references fits. Blobs go in chunks, and the items of a large manifest as a blob
// (proto/alignflow/v1/datasets.proto).
inline constexpr int kMaxMessageBytes = 8 << 20;
// Largest chunk of a blob in one message (proto/alignflow/v1/blobs.proto).
inline constexpr int kBlobChunkBytes = 1 << 20;

// How a client knows its server, and makes itself known to it.
struct ChannelSecurity {
  std::string ca_file;  // PEM; who may sign the server's certificate. Empty: whom the system trusts
  // The client's own, PEM; both or none. They are read again when they change.
  std::string certificate_file, private_key_file;
  std::string access_key;  // goes with every call; empty: none
};

// A channel to HOST:PORT with a connection of its own, so that a stream on one channel can't hold
// up calls on another. Speaks TLS, and holds the server's certificate against its name: always
// beyond loopback, and on it where a file is given. Connects lazily: an absent server shows as
// UNAVAILABLE of a call, and is tried again at least every 2 s. InvalidArgument for a malformed
// address or key, FailedPrecondition, naming it, for a file that can't be read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(std::string_view host_port,
                                                             const ChannelSecurity& security = {});

// The access key in a file: its first line. FailedPrecondition, naming the file, if there is none.
absl::StatusOr<std::string> ReadAccessKey(const std::string& file);

// The server's half of the same limits: message sizes, how often a client may ping, streams on a
// connection, and how long one is kept.
void ApplyServerLimits(grpc::ServerBuilder& builder);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_CHANNEL_H_
