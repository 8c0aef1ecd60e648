#ifndef ALIGNFLOW_BENCHMARKS_COORDINATOR_PLAYED_WORKERS_H_
#define ALIGNFLOW_BENCHMARKS_COORDINATOR_PLAYED_WORKERS_H_

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "benchmarks/coordinator/samples.h"
#include "benchmarks/coordinator/service.h"

namespace alignflow {

// Workers that compute nothing. Not thread-safe, but for what its own threads do.
class PlayedWorkers {
 public:
  // Calls are named with the suffix: those of different jobs cost differently.
  PlayedWorkers(Service& service, Samples& samples, std::string suffix = "")
      : service_(service), samples_(samples), suffix_(std::move(suffix)) {}
  ~PlayedWorkers() { Stop(); }

  // So many more workers take a task each. Returns how many got one.
  int TakeTasks(int workers);
  // So many more workers wait for a task, as long as Stop is not called.
  void WaitForTasks(int workers);
  // From now on every worker with a task tells its progress once a second.
  void StartBeating();
  // Reports success for the tasks of so many of them, and leases each the next.
  void Work(int tasks);
  void Stop();

  // Calls for a task that were refused, and that were answered with one.
  int refused() const { return refused_; }
  int woken() const { return woken_; }

 private:
  struct Worker {
    std::string id;
    v1::LeaseResponse lease;
  };
  struct Waiting {
    std::string id;
    std::unique_ptr<grpc::ClientContext> context;
    v1::LeaseRequest request;
    v1::LeaseResponse response;
  };

  std::string Register();
  void Lease(Worker& worker);
  void Beat(const Worker& worker);
  std::string OutputOf(const v1::Task& task, const std::string& role);
  void Wait(Waiting& waiting);

  Service& service_;
  Samples& samples_;
  const std::string suffix_;
  absl::Mutex mutex_;
  std::vector<Worker> busy_ ABSL_GUARDED_BY(mutex_);
  std::list<Waiting> waiting_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> refused_ = 0, woken_ = 0, open_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_BENCHMARKS_COORDINATOR_PLAYED_WORKERS_H_
