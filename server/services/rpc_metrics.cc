#include "server/services/rpc_metrics.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

class RpcTimer : public Interceptor {
 public:
  RpcTimer(ServerMetrics& metrics, std::string method)
      : metrics_(metrics), method_(std::move(method)) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const absl::Status status = FromGrpcStatus(methods->GetSendStatus());
      metrics_.ObserveRpc(method_, absl::StatusCodeToString(status.code()), SteadyNow() - start_);
      // These are ours to look after, whatever the client makes of them. Their messages name blobs
      // and errors of the system, and nothing of a user's.
      if (absl::IsInternal(status) || absl::IsDataLoss(status) || absl::IsUnknown(status)) {
        spdlog::error("{} ended with {}", method_, status.ToString());
      }
    }
    methods->Proceed();
  }

 private:
  ServerMetrics& metrics_;
  const std::string method_;
  const absl::Time start_ = SteadyNow();
};

class RpcTimerFactory : public ServerInterceptorFactoryInterface {
 public:
  explicit RpcTimerFactory(ServerMetrics& metrics) : metrics_(metrics) {}

  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    // Only methods that exist, so that a client can't make up labels.
    if (!absl::StartsWith(info->method(), "/alignflow.v1.")) return nullptr;
    return new RpcTimer(metrics_, info->method());
  }

 private:
  ServerMetrics& metrics_;
};

}  // namespace

std::unique_ptr<ServerInterceptorFactoryInterface> MakeRpcMetrics(ServerMetrics& metrics) {
  return std::make_unique<RpcTimerFactory>(metrics);
}

}  // namespace alignflow
