#ifndef ALIGNFLOW_SERVER_WORKFLOW_LIVE_STATE_H_
#define ALIGNFLOW_SERVER_WORKFLOW_LIVE_STATE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/catalog/records.h"
#include "server/scheduler/leases.h"

namespace alignflow {

// What need not outlive the process: the leases that run, how far their tasks are, and how often
// the queue has moved. A heartbeat is noted here and nowhere else, so it costs no transaction;
// after a restart workers have a whole lease to say the same again. Thread-safe.
class LiveState {
 public:
  using Jobs = std::shared_ptr<const std::vector<std::string>>;

  // These are called while the transaction that changed the task is being committed, so that
  // catalog and this agree.
  void Put(const TaskRecord& task, absl::Time now);
  void Erase(const std::string& key);
  // The jobs that wait for a running task, the oldest first.
  void SetJobs(const std::string& key, std::vector<std::string> jobs);

  // Renews the lease and notes the progress (a note that is empty leaves the earlier one). Returns
  // the jobs that wait for the task; nothing if the attempt does not run here, and the catalog has
  // to say why.
  std::optional<Jobs> Renew(const LeasePolicy& policy, const std::string& worker,
                            const std::string& key, int64_t attempt, const TaskProgress& progress,
                            absl::Time now);

  // Brings a running task's worker, lease and progress up to date.
  void FillIn(TaskRecord& task) const;
  struct Running {
    TaskProgress progress;
    int64_t beats = 0;  // heartbeats of this attempt
  };
  std::optional<Running> Find(const std::string& key) const;

  // Keys of the tasks that the worker holds; whose lease has run out.
  std::vector<std::string> HeldBy(const std::string& worker) const;
  std::vector<std::string> Expired(absl::Time now) const;
  // Who computes what, for which job first, and how far what it has done is safe.
  struct Lease {
    std::string worker, kind, job, tenant;
    bool pretrained = false;      // the task loads a pretrained model
    absl::Time saved;             // when it was leased, or its latest checkpoint stored
    double steps_per_second = 0;  // latest, as its worker says; 0: it says none
    double images_per_second = 0;
  };
  std::vector<Lease> Leases() const;
  // The tenant's jobs that workers compute for, each once, and whether they compute for others'.
  struct Work {
    std::vector<std::string> jobs;
    bool of_others = false;
  };
  Work WorkOf(const std::string& tenant) const;
  bool idle() const;

  // What queued jobs wait for has changed.
  void MoveQueue();
  int64_t queue_moves() const;

 private:
  struct Entry {
    TaskRecord task;
    Jobs jobs = std::make_shared<const std::vector<std::string>>();
    int64_t beats = 0;
    absl::Time saved;
  };

  // From now on the worker holds the task; an empty one: nobody known does.
  void GiveTo(const std::string& worker, const std::string& key, const std::string& before)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<std::string, Entry> tasks_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::set<std::string>> held_ ABSL_GUARDED_BY(mutex_);  // by worker
  int64_t queue_moves_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_LIVE_STATE_H_
