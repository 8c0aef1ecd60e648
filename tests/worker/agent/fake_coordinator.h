#ifndef ALIGNFLOW_TESTS_WORKER_AGENT_FAKE_COORDINATOR_H_
#define ALIGNFLOW_TESTS_WORKER_AGENT_FAKE_COORDINATOR_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "alignflow/v1/workers.grpc.pb.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "tests/common/fake_blobs.h"

namespace alignflow {

// A coordinator in memory that leases what a test queues and remembers what a worker says.
class FakeCoordinator : public v1::Workers::Service {
 public:
  // Starts to serve, on top of what was there before, at a gRPC address ("unix:/path") or in this
  // process only (empty).
  void Start(const std::string& address = "") {
    grpc::ServerBuilder builder;
    if (!address.empty()) builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(static_cast<v1::Workers::Service*>(this));
    builder.RegisterService(&blobs);
    server_ = builder.BuildAndStart();
  }
  // As a crash would: calls under way break, and nobody is known any more.
  void Crash() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
    absl::MutexLock lock(&mutex_);
    workers_.clear();
  }
  std::shared_ptr<grpc::Channel> InProcessChannel() { return server_->InProcessChannel({}); }

  void Queue(const std::string& key, int64_t attempt, const std::string& checkpoint = "",
             std::map<std::string, std::string> inputs = {}) {
    v1::LeaseResponse lease;
    lease.mutable_task()->set_key(key);
    lease.mutable_task()->set_kind("fit");
    (*lease.mutable_task()->mutable_settings())["seed"] = "7";
    lease.mutable_task()->mutable_inputs()->insert(inputs.begin(), inputs.end());
    lease.set_attempt(attempt);
    lease.set_checkpoint_sha256(checkpoint);
    absl::MutexLock lock(&mutex_);
    current_[key] = attempt;
    queue_.push_back(std::move(lease));
  }
  // From now on another worker's attempt is the current one.
  void Supersede(const std::string& key) {
    absl::MutexLock lock(&mutex_);
    ++current_[key];
  }
  void CancelTasks() {
    absl::MutexLock lock(&mutex_);
    cancel_ = true;
  }
  void ForgetWorkers() {
    absl::MutexLock lock(&mutex_);
    workers_.clear();
  }
  void RefuseRegistration(grpc::Status status) {
    absl::MutexLock lock(&mutex_);
    registration_ = std::move(status);
  }

  // Waits until `condition` holds; false after a minute. It is asked with the lock held, and may
  // look at the public data below.
  bool WaitFor(const std::function<bool()>& condition) {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(
        absl::Condition(
            +[](const std::function<bool()>* f) { return (*f)(); }, &condition),
        absl::Minutes(1));
  }

  // What the worker said. Read them within WaitFor, or when the worker has ended.
  std::vector<v1::HeartbeatRequest> heartbeats;
  std::vector<v1::ReportRequest> reports;
  std::vector<v1::RegisterRequest> registrations;
  int leases = 0;
  FakeBlobs blobs;

  grpc::Status Register(grpc::ServerContext*, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override {
    absl::MutexLock lock(&mutex_);
    registrations.push_back(*request);
    if (!registration_.ok()) return registration_;
    response->set_worker_id(absl::StrCat("worker-", registrations.size()));
    response->mutable_heartbeat_interval()->set_nanos(1000000);
    workers_.insert(response->worker_id());
    return grpc::Status::OK;
  }

  grpc::Status Lease(grpc::ServerContext*, const v1::LeaseRequest* request,
                     v1::LeaseResponse* response) override {
    absl::MutexLock lock(&mutex_);
    ++leases;
    if (workers_.count(request->worker_id()) == 0) return Unknown();
    if (queue_.empty()) return grpc::Status::OK;
    *response = queue_.front();
    queue_.pop_front();
    return grpc::Status::OK;
  }

  grpc::Status Heartbeat(grpc::ServerContext*, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    absl::MutexLock lock(&mutex_);
    if (workers_.count(request->worker_id()) == 0) return Unknown();
    if (current_[request->task_key()] != request->attempt()) return Stale();
    heartbeats.push_back(*request);
    response->set_cancel(cancel_);
    return grpc::Status::OK;
  }

  grpc::Status Report(grpc::ServerContext*, const v1::ReportRequest* request,
                      v1::ReportResponse*) override {
    absl::MutexLock lock(&mutex_);
    if (workers_.count(request->worker_id()) == 0) return Unknown();
    if (current_[request->task_key()] != request->attempt()) return Stale();
    reports.push_back(*request);
    return grpc::Status::OK;
  }

 private:
  static grpc::Status Unknown() { return {grpc::StatusCode::UNAUTHENTICATED, "unknown worker"}; }
  static grpc::Status Stale() {
    return {grpc::StatusCode::FAILED_PRECONDITION, "not the current attempt"};
  }

  absl::Mutex mutex_;
  std::deque<v1::LeaseResponse> queue_;
  std::map<std::string, int64_t> current_;
  std::set<std::string> workers_;
  grpc::Status registration_;
  bool cancel_ = false;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_AGENT_FAKE_COORDINATOR_H_
