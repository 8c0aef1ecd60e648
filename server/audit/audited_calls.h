#ifndef ALIGNFLOW_SERVER_AUDIT_AUDITED_CALLS_H_
#define ALIGNFLOW_SERVER_AUDIT_AUDITED_CALLS_H_

#include <memory>
#include <string>

#include "grpcpp/support/server_interceptor.h"
#include "server/access/access.h"
#include "server/audit/audit_log.h"

namespace alignflow {

// Has every call recorded that server/audit/audit_rules.h says, without the services' doing: a
// change in its first transaction, a read before its first message leaves. Changes must be methods
// of gRPC's synchronous API, whose handler runs on the thread that has taken the request. Both must
// outlive the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCallAudit(
    AuditLog& log, const Access& access);

// "10.0.0.5" of gRPC's "ipv4:10.0.0.5:53412", "::1" of "ipv6:%5B::1%5D:53412"; empty for a call
// within the process.
std::string PeerHost(const std::string& peer);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_AUDIT_AUDITED_CALLS_H_
