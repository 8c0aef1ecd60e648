#ifndef ALIGNFLOW_COMMON_CHANNEL_H_
#define ALIGNFLOW_COMMON_CHANNEL_H_

#include <memory>
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

// A channel to HOST:PORT with a connection of its own, so that a stream on one channel can't hold
// up calls on another. Connects lazily: an absent server shows as UNAVAILABLE of a call, and is
// tried again at least every 2 s. InvalidArgument for a malformed address or one beyond loopback.
absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(std::string_view host_port);

// The server's half of the same limits: message sizes and how often a client may ping.
void ApplyServerLimits(grpc::ServerBuilder& builder);

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_CHANNEL_H_
