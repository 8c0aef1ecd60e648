#ifndef ALIGNFLOW_WORKER_AGENT_REGISTRATION_H_
#define ALIGNFLOW_WORKER_AGENT_REGISTRATION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "alignflow/v1/workers.grpc.pb.h"
#include "grpcpp/channel.h"

namespace alignflow {

// This worker's name at the coordinator, asked for when it is first needed and again after Forget.
// Thread-safe.
class Registration {
 public:
  struct Membership {
    std::string worker_id;
    absl::Duration heartbeat_interval;
  };

  // `on_answer` is called after each registration.
  Registration(
      std::shared_ptr<grpc::ChannelInterface> channel, v1::RegisterRequest request,
      absl::Duration rpc_deadline, std::function<void()> on_answer = [] {});

  // The current membership; registers if there is none, within the deadline. Errors are the call's;
  // FAILED_PRECONDITION means that this program and the coordinator don't fit together.
  absl::StatusOr<Membership> Get() ABSL_LOCKS_EXCLUDED(mutex_);
  // The coordinator does not know `worker_id` any more.
  void Forget(const std::string& worker_id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::unique_ptr<v1::Workers::StubInterface> stub_;
  const v1::RegisterRequest request_;
  const absl::Duration rpc_deadline_;
  const std::function<void()> on_answer_;
  absl::Mutex mutex_;
  Membership membership_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_REGISTRATION_H_
