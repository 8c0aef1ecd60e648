#include "server/audit/audited_calls.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_replace.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "server/access/listener.h"
#include "server/audit/audit_rules.h"
#include "server/audit/audited_call.h"

namespace alignflow {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

class CallAudit final : public Interceptor {
 public:
  CallAudit(AuditLog& log, const Access& access, const AuditRule& rule,
            const grpc::ServerContextBase& call)
      : log_(log), access_(access), rule_(rule), call_(call) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    const auto at = [&](InterceptionHookPoints point) {
      return methods->QueryInterceptionHookPoint(point);
    };
    if (at(InterceptionHookPoints::POST_RECV_MESSAGE) && audited_ == nullptr) {
      Begin(methods->GetRecvMessage());
    }
    const bool ends = at(InterceptionHookPoints::PRE_SEND_STATUS);
    if (ends) {
      End(FromGrpcStatus(methods->GetSendStatus()).code());
    } else if (at(InterceptionHookPoints::PRE_SEND_MESSAGE) && rule_.kind == AuditKind::kRead) {
      Record(absl::StatusCode::kOk);
    }
    methods->Proceed();
  }

 private:
  void Begin(const void* request) {
    const Caller caller = CallerOf(call_, access_);
    audited_ = std::make_shared<AuditedCall>();
    AuditRecord& record = audited_->record;
    record.tenant = caller.tenant;
    record.key_id = caller.key_id;
    record.peer = PeerHost(call_.peer());
    record.method = std::string(rule_.method);
    if (rule_.resource != nullptr && request != nullptr) record.resource = rule_.resource(request);
    record.outcome = "OK";
    // Workers read what their tasks name, which are recorded as results; where no key is needed
    // they look like everybody.
    const bool of_workers = caller.key_id.empty() || caller.role == Role::kWorker;
    ignored_ = of_workers && rule_.method == "/alignflow.v1.Blobs/Read";
    if (rule_.kind == AuditKind::kChange) SetAuditedCall(audited_);
  }

  void End(absl::StatusCode code) {
    SetAuditedCall(nullptr);
    if (audited_ == nullptr) Begin(nullptr);  // a request that can't be read
    SetAuditedCall(nullptr);
    if (!audited_->written || code != absl::StatusCode::kOk) Record(code);
  }

  void Record(absl::StatusCode code) {
    if (audited_ == nullptr || ignored_) return;
    if (audited_->written && code == absl::StatusCode::kOk) return;
    // Streams whose client goes have been recorded when they began.
    if (audited_->written && rule_.kind == AuditKind::kRead) return;
    audited_->written = true;
    audited_->record.outcome = absl::StatusCodeToString(code);
    log_.Record(audited_->record, SteadyNow());
  }

  AuditLog& log_;
  const Access& access_;
  const AuditRule& rule_;
  const grpc::ServerContextBase& call_;
  std::shared_ptr<AuditedCall> audited_;
  bool ignored_ = false;
};

class CallAudits final : public ServerInterceptorFactoryInterface {
 public:
  CallAudits(AuditLog& log, const Access& access) : log_(log), access_(access) {}

  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    const AuditRule* rule = FindAuditRule(info->method());
    if (rule == nullptr || rule->kind == AuditKind::kNone) return nullptr;
    return new CallAudit(log_, access_, *rule, *info->server_context());
  }

 private:
  AuditLog& log_;
  const Access& access_;
};

}  // namespace

std::unique_ptr<ServerInterceptorFactoryInterface> MakeCallAudit(AuditLog& log,
                                                                 const Access& access) {
  return std::make_unique<CallAudits>(log, access);
}

std::string PeerHost(const std::string& peer) {
  const size_t scheme = peer.find(':'), port = peer.rfind(':');
  if (scheme == std::string::npos || port <= scheme || !peer.starts_with("ipv")) return "";
  const std::string host = peer.substr(scheme + 1, port - scheme - 1);
  return absl::StrReplaceAll(host, {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
}

}  // namespace alignflow
