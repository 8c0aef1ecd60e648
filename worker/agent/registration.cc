#include "worker/agent/registration.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "common/status_conversion.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

constexpr absl::Duration kSlowestHeartbeat = absl::Minutes(1);
constexpr absl::Duration kFastestHeartbeat = absl::Milliseconds(1);

}  // namespace

Registration::Registration(std::shared_ptr<grpc::ChannelInterface> channel,
                           v1::RegisterRequest request, absl::Duration rpc_deadline,
                           std::function<void()> on_answer)
    : stub_(v1::Workers::NewStub(channel)),
      request_(std::move(request)),
      rpc_deadline_(rpc_deadline),
      on_answer_(std::move(on_answer)) {}

absl::StatusOr<Registration::Membership> Registration::Get() {
  // Held through the call, so that threads that find the name gone don't register twice.
  absl::MutexLock lock(&mutex_);
  if (!membership_.worker_id.empty()) return membership_;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + rpc_deadline_));
  v1::RegisterResponse response;
  const absl::Status status = FromGrpcStatus(stub_->Register(&context, request_, &response));
  if (!status.ok()) return status;
  const auto& interval = response.heartbeat_interval();
  membership_.worker_id = response.worker_id();
  membership_.heartbeat_interval =
      std::clamp(absl::Seconds(interval.seconds()) + absl::Nanoseconds(interval.nanos()),
                 kFastestHeartbeat, kSlowestHeartbeat);
  on_answer_();
  spdlog::info("registered as {}", membership_.worker_id);
  return membership_;
}

void Registration::Forget(const std::string& worker_id) {
  absl::MutexLock lock(&mutex_);
  if (membership_.worker_id == worker_id) membership_.worker_id.clear();
}

}  // namespace alignflow
