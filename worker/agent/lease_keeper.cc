#include "worker/agent/lease_keeper.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/time/clock.h"
#include "common/status_conversion.h"
#include "spdlog/spdlog.h"

namespace alignflow {

LeaseKeeper::LeaseKeeper(std::shared_ptr<grpc::ChannelInterface> channel,
                         Registration& registration, std::string task_key, int64_t attempt,
                         Options options)
    : stub_(v1::Workers::NewStub(channel)),
      registration_(registration),
      task_key_(std::move(task_key)),
      attempt_(attempt),
      options_(std::move(options)),
      thread_([this] { Loop(); }) {}

LeaseKeeper::~LeaseKeeper() {
  stopped_ = true;
  due_.Set();
}

void LeaseKeeper::SetProgress(const TaskProgress& progress) {
  v1::Progress message;
  message.set_step(progress.step);
  message.set_total(progress.total);
  message.mutable_values()->insert(progress.values.begin(), progress.values.end());
  message.set_note(progress.note);
  absl::MutexLock lock(&mutex_);
  progress_.Swap(&message);
}

void LeaseKeeper::AnnounceCheckpoint(const std::string& sha256) {
  absl::MutexLock lock(&mutex_);
  unannounced_ = sha256;
  due_.Set();
}

void LeaseKeeper::Cancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_at_ = std::min(cancelled_at_, absl::Now());
}

bool LeaseKeeper::Cancelled() const {
  absl::MutexLock lock(&mutex_);
  return lost_ || cancelled_at_ != absl::InfiniteFuture();
}

bool LeaseKeeper::Lost() const {
  absl::MutexLock lock(&mutex_);
  return lost_;
}

bool LeaseKeeper::Abandoned() const {
  absl::MutexLock lock(&mutex_);
  return lost_ || absl::Now() > cancelled_at_ + options_.hand_back_within;
}

void LeaseKeeper::Loop() {
  std::minstd_rand generator{std::random_device{}()};
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  absl::Duration wait = absl::ZeroDuration();
  for (int failures = 0;;) {
    due_.Take(wait);
    if (stopped_) return;
    const absl::Status status = Beat(wait);
    if (status.ok()) {
      failures = 0;
    } else if (absl::IsFailedPrecondition(status)) {
      spdlog::warn("task {}: attempt {} is not the current one any more; dropping it", task_key_,
                   attempt_);
      absl::MutexLock lock(&mutex_);
      lost_ = true;
      return;
    } else {
      if (++failures == 1) {
        spdlog::warn("task {}: heartbeat: {}; trying again", task_key_, status.ToString());
      }
      wait = BackoffDelay(options_.backoff, failures, uniform(generator));
    }
  }
}

absl::Status LeaseKeeper::Beat(absl::Duration& interval) {
  const absl::StatusOr<Registration::Membership> membership = registration_.Get();
  // A version mismatch found here says nothing about the lease.
  if (!membership.ok()) return absl::UnavailableError(membership.status().message());
  interval = membership->heartbeat_interval;
  v1::HeartbeatRequest request;
  request.set_worker_id(membership->worker_id);
  request.set_task_key(task_key_);
  request.set_attempt(attempt_);
  {
    absl::MutexLock lock(&mutex_);
    *request.mutable_progress() = progress_;
    request.set_checkpoint_sha256(unannounced_);
  }
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.rpc_deadline));
  v1::HeartbeatResponse response;
  const absl::Status status = FromGrpcStatus(stub_->Heartbeat(&context, request, &response));
  if (absl::IsUnauthenticated(status)) registration_.Forget(membership->worker_id);
  if (!status.ok()) return status;
  options_.on_answer();
  absl::MutexLock lock(&mutex_);
  if (unannounced_ == request.checkpoint_sha256()) unannounced_.clear();
  if (response.cancel()) cancelled_at_ = std::min(cancelled_at_, absl::Now());
  return status;
}

}  // namespace alignflow
