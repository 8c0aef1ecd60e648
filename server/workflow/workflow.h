#ifndef ALIGNFLOW_SERVER_WORKFLOW_WORKFLOW_H_
#define ALIGNFLOW_SERVER_WORKFLOW_WORKFLOW_H_

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/catalog.h"
#include "server/catalog/job_details.h"
#include "server/catalog/records.h"
#include "server/catalog/tenants.h"
#include "server/metrics.h"
#include "server/scheduler/fair_share.h"
#include "server/scheduler/leases.h"
#include "server/workflow/change.h"
#include "server/workflow/change_notifier.h"
#include "server/workflow/live_state.h"
#include "server/workflow/worker_registry.h"

namespace alignflow {

// How long an upload may be silent before it counts as given up.
inline constexpr absl::Duration kUploadPatience = absl::Hours(1);

// Applies the scheduler's policy to the catalog: every change of a job or task goes through here,
// each in one transaction, so that a kill at any moment loses nothing and leaves nothing half done.
// Thread-safe. Does not wait.
class Workflow {
 public:
  // All must outlive the workflow.
  // share_results: whether tenants take each other's results.
  Workflow(Catalog& catalog, BlobStore& blobs, WorkerRegistry& workers, ServerMetrics& metrics,
           LeasePolicy policy, bool share_results = false);

  // Once, before anything else: running tasks wait for their workers to come back.
  absl::Status Recover(absl::Time now);

  // Stores a dataset that has been checked. Returns it, or what is there under its id already with
  // the same content; AlreadyExists if that is another.
  absl::StatusOr<DatasetRecord> RegisterDataset(DatasetRecord record,
                                                const std::vector<DatasetBlobs>& items);
  // NotFound; FailedPrecondition while an unfinished job uses it.
  absl::Status DeleteDataset(const std::string& id);
  // How long jobs with the dataset as source are kept (DatasetRecord::keep_jobs). NotFound.
  absl::StatusOr<DatasetRecord> SetRetention(const std::string& dataset,
                                             std::optional<absl::Duration> age);
  // The tenant's. What other tenants share stays theirs. NotFound; FailedPrecondition while an
  // unfinished job of the tenant uses it.
  absl::Status DeleteModel(const std::string& tenant, const std::string& id);

  // AlreadyExists.
  absl::Status CreateTenant(const TenantRecord& tenant);
  // Writes what `change`, which may refuse, makes of it. NotFound.
  absl::Status ChangeTenant(const std::string& name,
                            const std::function<absl::Status(TenantRecord&)>& change);
  // What has gone with a tenant.
  struct DeletedTenant {
    int64_t keys = 0, jobs = 0, datasets = 0, stored_bytes = 0;
  };
  // Revokes its keys, cancels and deletes its jobs, deletes its datasets, and then the tenant. In
  // small steps: after a kill, or Cancelled once `cancelled` says so, calling it again does what is
  // left. NotFound; FailedPrecondition for the default tenant.
  absl::StatusOr<DeletedTenant> DeleteTenant(const std::string& name,
                                             const std::function<bool()>& cancelled,
                                             absl::Time now);

  // The id of the job that was made with the request id; empty if there is none. AlreadyExists if
  // it was made from another request than that of the digest.
  static absl::StatusOr<std::string> JobOfRequest(Sql& sql, const std::string& request_id,
                                                  const std::string& request_digest);
  // Queues a job that has been checked, and returns its id; or what JobOfRequest says. NotFound if
  // a dataset has gone meanwhile, ResourceExhausted beyond the tenant's quota. `details` get their
  // datasets here.
  absl::StatusOr<std::string> CreateJob(JobRecord job, JobDetails details,
                                        const std::vector<ReferenceRecord>& references,
                                        absl::Time now);
  // NotFound; FailedPrecondition for a job that has succeeded or failed. OK if it is cancelled
  // already.
  absl::Status CancelJob(const std::string& id, absl::Time now);

  // Deletes a job that has ended, with its references, and with its tasks and models that no other
  // job has; these are removed by Sweep, and their blobs by the collection of garbage. NotFound;
  // FailedPrecondition for a job that goes on.
  absl::Status DeleteJob(const std::string& id, absl::Time now);
  // The same for some of the jobs that ended longer ago than they are kept: as long as their source
  // says, or else for `age`. Called every second.
  absl::Status DeleteOldJobs(absl::Duration age, absl::Time now);
  // Removes what deleted jobs have left, in small steps. Called every second.
  absl::Status Sweep();

  // The next task that the worker may take (scheduler/placement.h), or nothing. A worker that asks
  // holds no task: one that it was given before goes back into the queue. `still_there` is asked
  // within the transaction: false if the answer would go nowhere.
  absl::StatusOr<std::optional<TaskRecord>> Lease(const std::string& worker,
                                                  const std::function<bool()>& still_there,
                                                  absl::Time now);

  struct HeartbeatUpdate {
    std::string worker, task_key;
    int64_t attempt = 0;
    TaskProgress progress;
    std::string checkpoint;  // or empty
  };
  // Returns whether the worker shall stop and hand back. FailedPrecondition if it does not hold the
  // task; InvalidArgument for a checkpoint that has not been written.
  absl::StatusOr<bool> Heartbeat(const HeartbeatUpdate& update, absl::Time now);

  // Who reports the end of which lease.
  struct LeaseName {
    std::string worker, task_key;
    int64_t attempt = 0;
  };
  struct Failure {
    std::string message;
    bool permanent = false, unsuited = false, out_of_memory = false, diverged = false;
    std::string missing_blob = {};  // an input that could not be read, or empty
  };
  // The ends of a lease that a worker reports; each may be repeated. FailedPrecondition if the
  // attempt does not hold the task; InvalidArgument for results that are not whole: they are
  // refused, which ends the lease as well.
  absl::Status ReportSuccess(const LeaseName& lease, const TaskOutputs& outputs, absl::Time now);
  absl::Status ReportFailure(const LeaseName& lease, const Failure& failure, absl::Time now);
  absl::Status ReportHandedBack(const LeaseName& lease, const std::string& checkpoint,
                                absl::Time now);

  // What was made from results that nobody trusts any more; the job's tenant's.
  struct Distrusted {
    std::map<std::string, int64_t> results;  // by kind of task, those themselves among them
    std::vector<std::string> jobs, models;   // ids
  };
  // Declares the results of a job's stage bad, and all that was made from them in whatever job:
  // they are not reused any more. With `only_look` it only finds them. In small steps, beside which
  // others get their turn: after a kill, calling it again does what is left. NotFound;
  // InvalidArgument for a stage that the job does not have; FailedPrecondition while an unfinished
  // job uses one.
  absl::StatusOr<Distrusted> DistrustResults(const std::string& job, const std::string& stage,
                                             const std::string& reason, bool only_look,
                                             absl::Time now);
  // Creates the finished job anew and returns the new one's id. Results that are whole are reused,
  // but for those of `stage`, which may be empty. Errors as above.
  absl::StatusOr<std::string> RerunJob(const std::string& job, const std::string& stage,
                                       const std::string& request_id, absl::Time now);

  // Takes tasks from workers that have been silent for too long, and wakes workers for the tasks
  // whose time to wait after a failure has ended.
  absl::Status ExpireLeases(absl::Time now);
  // Closes a worker, or opens it again and ends its quarantine. NotFound if it is not connected.
  absl::Status SetWorkerMode(const std::string& worker, WorkerMode mode, absl::Time now);
  // In which a worker that registers was left.
  absl::StatusOr<WorkerMode> ModeOf(const std::string& worker);
  // Takes jobs further for which there was too much to do at once; in small steps, beside which
  // others get their turn. Called every second.
  absl::Status GoOn(absl::Time now);
  // Workers came or went: queued jobs say so.
  void WorkersChanged();

  // From now on no task is leased, and workers are told to hand back.
  void Drain();
  bool draining() const { return draining_; }
  // Whether no task runs.
  bool Idle() const { return live_.idle(); }

  // Removes blobs last touched at or before the cutoff that nothing refers to and no living owner
  // pins.
  absl::StatusOr<BlobStore::Garbage> CollectGarbage(absl::Time cutoff, absl::Time now);
  // Whether blobs are still kept for the owner, whose last call was at `renewed`.
  absl::StatusOr<bool> OwnerLives(const BlobOwner& owner, absl::Time renewed, absl::Time now);

  ChangeNotifier& changes() { return changes_; }
  const LiveState& live() const { return live_; }
  const LeasePolicy& policy() const { return policy_; }

 private:
  // Runs `body` in a transaction, and tells those whom it concerned once it is committed.
  absl::Status Apply(absl::Time now, const std::function<absl::Status(Change&)>& body);
  // Counts what the leases that end here have taken for their tenants.
  void CountWorkerTime(Change& change) const;
  // The same on a task, which `body` saves.
  absl::Status ChangeTask(const std::string& key, absl::Time now,
                          const std::function<absl::Status(Change&, TaskRecord&)>& body);
  // Sets the job's id: a new one, or what JobOfRequest says. `details` get their datasets.
  absl::Status QueueJob(Change& change, const std::vector<ReferenceRecord>& references,
                        JobDetails& details, JobRecord& job);
  // The job's datasets, which must be what they were when it was checked.
  static absl::Status TakeDatasets(Sql& sql, const JobRecord& job, JobDetails& details);
  // Declares results bad in small steps. FailedPrecondition once an unfinished job uses one.
  absl::Status DeclareBad(const std::string& tenant, const std::vector<std::string>& keys,
                          const std::string& reason, absl::Time now);
  absl::Status Lose(Change& change, LeaseOutcome outcome, TaskRecord& task);
  // Ends the lease with a failure or a refused result.
  absl::Status Fail(const LeaseName& lease, LeaseOutcome outcome, const Failure& failure,
                    absl::Time now);
  // The first queued task that the worker may take.
  std::optional<TaskRecord> NextTaskFor(Sql& sql, const std::string& worker, absl::Time now);
  // Ends the lease of a task that lacks an input, and has that made again. False, and nothing is
  // done, if the input is there or nothing that its jobs have would make it.
  absl::StatusOr<bool> AwaitInput(const LeaseName& lease, const Failure& failure, absl::Time now);
  // Removes a checkpoint that was replaced, unless something refers to it.
  void ReleaseCheckpoint(const std::string& blob);

  Catalog& catalog_;
  BlobStore& blobs_;
  WorkerRegistry& workers_;
  ServerMetrics& metrics_;
  const LeasePolicy policy_;
  const bool share_results_;
  FairShare share_;  // within transactions that write alone
  ChangeNotifier changes_;
  LiveState live_;
  absl::Mutex later_mutex_;
  std::set<std::string> later_ ABSL_GUARDED_BY(later_mutex_);  // jobs to take further
  std::atomic<bool> draining_ = false;
  std::atomic<absl::Time> woken_until_ = absl::InfinitePast();  // tasks that have waited until then
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_WORKFLOW_H_
