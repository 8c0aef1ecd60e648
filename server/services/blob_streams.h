#ifndef ALIGNFLOW_SERVER_SERVICES_BLOB_STREAMS_H_
#define ALIGNFLOW_SERVER_SERVICES_BLOB_STREAMS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "alignflow/v1/blobs.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/services/service_context.h"

// The streams that blobs come and go by. They hold no thread while they wait for the client, and
// end where it is silent for too long (server/calls/reactors.h).
namespace alignflow {

// Whether the caller may read the blob and refer to it: something of its tenant does, or its tenant
// has written it. Whether the file is there is another question.
absl::StatusOr<bool> HasBlob(ServiceContext& context, const Caller& caller,
                             const std::string& sha256);
// By which name the caller's unfinished writes are kept from those of other tenants.
std::string WriterOf(const Caller& caller);

// InvalidArgument for what names no blob.
absl::Status CheckDigest(const v1::Digest& digest);

// Blobs.Write.
grpc::ServerReadReactor<v1::WriteBlobRequest>* StartBlobWrite(ServiceContext& context,
                                                              grpc::CallbackServerContext& call,
                                                              v1::WriteBlobResponse& response);

// Sends a blob from an offset on, in chunks of at most 1 MiB. Errors as in Blobs.Read. `find` is
// called once, in the first step, and gives the digest or the error that ends the call.
using FindBlob = std::function<absl::StatusOr<std::string>()>;
grpc::ServerWriteReactor<v1::ReadBlobResponse>* StartBlobRead(ServiceContext& context,
                                                              grpc::CallbackServerContext& call,
                                                              int64_t offset, FindBlob find);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_BLOB_STREAMS_H_
