#ifndef ALIGNFLOW_SERVER_ACCESS_LISTENER_H_
#define ALIGNFLOW_SERVER_ACCESS_LISTENER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_context.h"
#include "server/access/access.h"

// How the coordinator's port is guarded.
namespace alignflow {

// PEM files of a server that speaks TLS 1.2 or later. All are looked at again every few seconds,
// and new connections use what is there then.
struct TlsFiles {
  std::string certificate, private_key;
  std::string client_ca;  // may be empty; who has a certificate of it is a worker

  bool given() const { return !certificate.empty(); }
};

// When the certificate runs out. InvalidArgument or FailedPrecondition, naming the file and the
// remedy, if the files can't be read, don't belong together or have run out.
absl::StatusOr<absl::Time> CheckTlsFiles(const TlsFiles& files, absl::Time now);

// A call that was not admitted: the id of the key that it claimed (empty: none), and the method as
// the client has named it. gRPC does not tell from where it came.
struct RefusedCall {
  absl::StatusCode code;
  std::string key_id;
  std::string_view method;
};
using RefusalObserver = std::function<void(const RefusedCall&)>;

// Credentials under which every call is admitted by `access` before anything of ours sees it.
// Without TLS files, for loopback alone. `refused` must not wait; it and `access` must outlive the
// server.
std::shared_ptr<grpc::ServerCredentials> GuardedCredentials(const TlsFiles& files, Access& access,
                                                            RefusalObserver refused);

// What a call under these credentials, which has been admitted, was admitted by.
Admission AdmissionOf(const grpc::ServerContextBase& call);

// Who such a call is from, and whose data it may see.
Caller CallerOf(const grpc::ServerContextBase& call, const Access& access);

// Whose a call is, as far as limits for each client go: its key's or, without one, its
// connection's.
std::string ClientOf(const grpc::ServerContextBase& call);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_ACCESS_LISTENER_H_
