#ifndef ALIGNFLOW_CLIENT_CALL_H_
#define ALIGNFLOW_CLIENT_CALL_H_

#include <chrono>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/status_conversion.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace alignflow {

// Deadline of a call that carries no data.
inline constexpr absl::Duration kRpcDeadline = absl::Seconds(30);
// Of one that streams, which is then begun again where it ended: none waits for ever on a dead
// connection.
inline constexpr absl::Duration kStreamDeadline = absl::Seconds(60);

inline void SetDeadline(grpc::ClientContext& context, absl::Duration from_now) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + from_now));
}

// Calls a unary method with a deadline:
//   Call(*stubs.jobs, &v1::Jobs::StubInterface::GetJob, request)
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request, absl::Duration deadline = kRpcDeadline) {
  grpc::ClientContext context;
  SetDeadline(context, deadline);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status);
  return response;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_CALL_H_
