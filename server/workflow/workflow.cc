#include "server/workflow/workflow.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/result_states.h"
#include "server/catalog/results.h"
#include "server/catalog/task_trials.h"
#include "server/catalog/tasks.h"
#include "server/catalog/tenant_blobs.h"
#include "server/catalog/tenant_uses.h"
#include "server/scheduler/task_rules.h"
#include "server/workflow/job_graph.h"
#include "server/workflow/lost_inputs.h"
#include "server/workflow/random_id.h"
#include "server/workflow/task_results.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// The digest of the manifest that a packed file was prepared from.
std::string DatasetOf(Sql& sql, const std::string& packed, const std::string& reader) {
  const std::optional<TaskRecord> prepare = FindTaskThatMade(sql, "packed", packed, reader);
  return prepare ? prepare->spec.inputs.at("dataset") : "";
}

// Jobs that are taken further in one transaction.
constexpr size_t kJobsPerStep = 16;

std::string ShortKey(const std::string& key) { return key.substr(0, 12); }

}  // namespace

Workflow::Workflow(Catalog& catalog, BlobStore& blobs, WorkerRegistry& workers,
                   ServerMetrics& metrics, LeasePolicy policy, bool share_results)
    : catalog_(catalog),
      blobs_(blobs),
      workers_(workers),
      metrics_(metrics),
      policy_(policy),
      share_results_(share_results) {}

absl::Status Workflow::Apply(absl::Time now, const std::function<absl::Status(Change&)>& body) {
  std::optional<Change> change;
  absl::Status status = catalog_.Transact(
      [&](WritingSql& sql) {
        absl::Status done = body(change.emplace(sql, live_, now, share_results_));
        if (done.ok()) CountWorkerTime(*change);
        if (done.ok()) change->Finish();
        return done;
      },
      [&] {
        change->KeepIn(live_);
        change->KeepIn(share_);
      });
  if (!status.ok()) return status;
  for (const Change::LeaseEnd& end : change->lease_ends()) {
    metrics_.CountLeaseEnd(end.outcome);
    const auto worker = workers_.NoteLeaseEnd(end.worker, end.task, end.outcome, end.message, now);
    if (!worker) continue;
    // The reason holds a message for the user, which may name files: `afctl worker list` shows it.
    spdlog::warn("worker {} is in quarantine until {}: different tasks failed on it in a row",
                 end.worker, absl::FormatTime(worker->health.quarantine_end));
  }
  change->TellTo(changes_);
  absl::MutexLock lock(&later_mutex_);
  later_.insert(change->later().begin(), change->later().end());
  return status;
}

void Workflow::CountWorkerTime(Change& change) const {
  for (const Change::LeaseEnd& end : change.lease_ends()) {
    const std::string tenant = share_.TakerOf(end.task);
    if (tenant.empty()) continue;
    AddWorkerTime(change.sql, tenant, share_.TakenBy(end.task, change.now), change.now);
  }
}

absl::Status Workflow::Recover(absl::Time now) {
  return Apply(now, [&](Change& change) {
    ShortenWaits(change.sql, now + policy_.backoff.maximum);
    for (TaskRecord& task : TasksInState(change.sql, TaskState::kRunning)) {
      ReopenLease(policy_, now, task);
      change.Save(task);
      spdlog::info("{} was running: waiting for its worker", TaskText(change.sql, task));
    }
    for (const std::string& id : UnfinishedJobs(change.sql)) {
      JobRecord job = FindJob(change.sql, id).value();
      absl::Status taken = TakeOver(change, job);
      if (!taken.ok()) return taken;
      change.Later(id);
    }
    AddEventToUnfinishedJobs(change.sql, now);
    return absl::OkStatus();
  });
}

absl::Status Workflow::CancelJob(const std::string& id, absl::Time now) {
  bool cancelled = false;
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    std::optional<JobRecord> job = FindJob(change.sql, id);
    if (!job) return absl::NotFoundError(absl::StrCat("there is no jobs/", id));
    if (job->state == JobState::kCancelled) return absl::OkStatus();
    if (job->state == JobState::kSucceeded || job->state == JobState::kFailed) {
      return absl::FailedPreconditionError(absl::StrCat(
          "jobs/", id, " has ", job->state == JobState::kFailed ? "failed" : "succeeded",
          " already; there is nothing to cancel"));
    }
    cancelled = true;
    return CancelUnfinished(change, *job);
  });
  if (status.ok() && cancelled) spdlog::info("jobs/{} cancelled", id);
  return status;
}

absl::StatusOr<std::optional<TaskRecord>> Workflow::Lease(const std::string& worker,
                                                          const std::function<bool()>& still_there,
                                                          absl::Time now) {
  std::optional<TaskRecord> leased;
  std::string text;
  absl::Duration waited;
  const std::vector<std::string> held = live_.HeldBy(worker);
  if (held.empty()) {
    // Most that ask in vain do not wait for a turn to write.
    bool any = false;
    absl::Status looked = catalog_.Read([&](Sql& sql) {
      any = CountTasks(sql)[TaskState::kQueued] > 0;
      return absl::OkStatus();
    });
    if (!looked.ok()) return looked;
    if (!any) return std::nullopt;
  }
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    if (draining_ || !still_there()) return absl::OkStatus();
    for (const std::string& key : held) {
      std::optional<TaskRecord> task = change.Find(key);
      if (!task || task->state != TaskState::kRunning) continue;
      absl::Status lost = Lose(change, LeaseOutcome::kUnheard, *task);
      if (!lost.ok()) return lost;
    }
    std::optional<TaskRecord> task = NextTaskFor(change.sql, worker, now);
    if (!task) return absl::OkStatus();
    waited = now - task->queue_time;
    absl::Status assigned = AssignLease(policy_, worker, now, *task);
    if (!assigned.ok()) return assigned;
    change.Save(*task);
    leased = std::move(task);
    text = TaskText(change.sql, *leased);
    return OnTaskMoved(change, blobs_, *leased);
  });
  if (!status.ok()) return status;
  if (leased) {
    metrics_.ObserveQueueWait(waited);
    spdlog::info("{} leased to worker {}, attempt {}", text, worker, leased->attempt);
  }
  return leased;
}

std::optional<TaskRecord> Workflow::NextTaskFor(Sql& sql, const std::string& worker,
                                                absl::Time now) {
  std::vector<std::string> models;
  bool open = false;
  workers_.LookAtFleet(now, [&](const Fleet& fleet) {
    const FleetWorker* me = fleet.Find(worker);
    open = me != nullptr && me->open;
    if (!open) return;
    for (const ModelFolder& model : me->abilities.models) models.push_back(model.name);
  });
  if (!open) return std::nullopt;
  const auto fits = [&](const TaskRecord& task) {
    const TaskTrials trials = TrialsOfTask(sql, task.key);
    bool may = false;
    workers_.LookAtFleet(
        now, [&](const Fleet& fleet) { may = MayTake(worker, task.spec, trials, fleet, now); });
    return may;
  };
  for (const std::string& tenant : share_.Order(WaitingTenants(sql, now))) {
    if (auto task = NextQueuedTask(sql, tenant, models, fits)) return task;
  }
  return std::nullopt;
}

absl::Status Workflow::ChangeTask(const std::string& key, absl::Time now,
                                  const std::function<absl::Status(Change&, TaskRecord&)>& body) {
  std::string checkpoint_before, checkpoint_after;
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    std::optional<TaskRecord> task = change.Find(key);
    if (!task) {
      return absl::FailedPreconditionError(absl::StrCat("there is no task ", key, "; drop it"));
    }
    checkpoint_before = task->checkpoint;
    absl::Status changed = body(change, *task);
    checkpoint_after = task->checkpoint;
    return changed;
  });
  if (!status.ok()) return status;
  if (checkpoint_before != checkpoint_after) ReleaseCheckpoint(checkpoint_before);
  return absl::OkStatus();
}

absl::StatusOr<bool> Workflow::Heartbeat(const HeartbeatUpdate& update, absl::Time now) {
  if (!update.checkpoint.empty() && !blobs_.Contains(update.checkpoint)) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint: blob ", update.checkpoint, " has not been written"));
  }
  const auto jobs =
      live_.Renew(policy_, update.worker, update.task_key, update.attempt, update.progress, now);
  if (jobs) {
    for (const std::string& job : **jobs) changes_.JobChanged(job);
    if (update.checkpoint.empty()) return draining_ || workers_.Drains(update.worker);
  }
  bool cancel = false;
  absl::Status status = ChangeTask(update.task_key, now, [&](Change& change, TaskRecord& task) {
    absl::StatusOr<bool> renewed = RenewLease(policy_, update.worker, update.attempt, now, task);
    if (!renewed.ok()) return renewed.status();
    cancel = *renewed;
    if (!update.checkpoint.empty()) task.checkpoint = update.checkpoint;
    change.Save(task);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return cancel || draining_ || workers_.Drains(update.worker);
}

absl::Status Workflow::ReportSuccess(const LeaseName& lease, const TaskOutputs& outputs,
                                     absl::Time now) {
  const std::string& task_key = lease.task_key;
  std::optional<TaskRecord> before;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    before = FindTask(sql, task_key);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  // Outside the transaction, because it reads files. A late worker's results are looked at in vain.
  TaskResults results;
  if (before && before->state == TaskState::kRunning && before->attempt == lease.attempt) {
    absl::StatusOr<TaskResults> checked = CheckOutputs(before->spec, outputs, blobs_);
    const bool refused =
        absl::IsInvalidArgument(checked.status()) || absl::IsDataLoss(checked.status());
    if (refused) {
      status = Fail(lease, LeaseOutcome::kRefused,
                    {.message = absl::StrCat("a worker's result was refused: ",
                                             std::string(checked.status().message()))},
                    now);
      if (!status.ok()) return status;
    }
    if (!checked.ok()) return checked.status();
    results = *std::move(checked);
  }
  bool applied = false;
  std::vector<PairPlace> places;
  status = ChangeTask(task_key, now, [&](Change& change, TaskRecord& task) -> absl::Status {
    absl::StatusOr<ReportEffect> effect = EndWithSuccess(lease.attempt, now, task);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    applied = true;
    task.pairs = results.pairs_made();
    task.pairs_left_out = results.pairs_left_out();
    change.Save(task);
    change.EndLease(task, lease.worker, LeaseOutcome::kSucceeded, "");
    if (MakesPairs(task.spec.kind)) places = PairPlacesOfTask(change.sql, task_key);
    DeleteTrials(change.sql, task_key);
    EndWaitsFor(change, task_key);
    SetResult(change.sql, task_key, {}, now);
    SetOutputs(change.sql, task_key, outputs);
    SetPairs(change.sql, task_key, results.pairs);
    if (task.spec.kind == "fit" || task.spec.kind == "align") {
      ModelRecord model{
          .id = ShortKey(task_key),
          .task_key = task_key,
          .stage = task.spec.kind,
          .preset = task.spec.settings.at("preset"),
          .weights = outputs.at("model"),
          .source_digest = DatasetOf(change.sql, task.spec.inputs.at("source"), task.key),
          .create_time = now};
      InsertModel(change.sql, model);
    }
    spdlog::info("{} succeeded", TaskText(change.sql, task));
    return OnTaskMoved(change, blobs_, task);
  });
  if (!status.ok() || !applied) return status;
  // Not those that are made to be compared with.
  if (!places.empty()) metrics_.CountPairs(results.pairs_made(), results.pairs_left_out());
  for (const PairPlace& place : places) {
    if (place.ordinal != 0 || results.pairs_made() == 0) continue;
    metrics_.ObserveFirstPair(now - place.create_time);
  }
  for (const VerdictRecord& verdict : results.verdicts) {
    metrics_.CountVerdict(verdict.name, verdict.verdict);
  }
  return status;
}

absl::Status Workflow::ReportFailure(const LeaseName& lease, const Failure& failure,
                                     absl::Time now) {
  const absl::StatusOr<bool> awaited = AwaitInput(lease, failure, now);
  if (!awaited.ok() || *awaited) return awaited.status();
  if (!failure.unsuited) return Fail(lease, LeaseOutcome::kFailed, failure, now);
  return ChangeTask(lease.task_key, now, [&](Change& change, TaskRecord& task) -> absl::Status {
    task.worker = lease.worker;
    TaskTrials trials = TrialsOfTask(change.sql, task.key);
    absl::StatusOr<ReportEffect> effect = EndAsUnsuited(lease.attempt, now, task, trials);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    SetTrials(change.sql, task.key, trials);
    change.Save(task);
    change.EndLease(task, lease.worker, LeaseOutcome::kUnsuited, failure.message);
    spdlog::warn("{}: worker {} cannot do it", TaskText(change.sql, task), lease.worker);
    return OnTaskMoved(change, blobs_, task);
  });
}

absl::Status Workflow::Fail(const LeaseName& lease, LeaseOutcome outcome, const Failure& failure,
                            absl::Time now) {
  bool task_at_fault = false;
  std::string diverged;  // the task's kind
  absl::Status status =
      ChangeTask(lease.task_key, now, [&](Change& change, TaskRecord& task) -> absl::Status {
        task.worker = lease.worker;
        TaskTrials trials = TrialsOfTask(change.sql, task.key);
        // A broken worker may call any input bad. One that has shown nothing yet, or has failed
        // another task, is believed once another says the same, if there is another.
        bool alone = true;
        workers_.LookAtFleet(now, [&](const Fleet& fleet) {
          alone = !AnotherCan(lease.worker, task.spec, trials, fleet);
          const FleetWorker* me = fleet.Find(lease.worker);
          if (failure.out_of_memory && me != nullptr) {
            trials.memory_bytes = std::max(trials.memory_bytes, me->abilities.memory_bytes);
          }
        });
        const bool believed = alone || task.failures > 0 || workers_.IsTrusted(lease.worker);
        const bool permanent = failure.permanent && believed;
        absl::StatusOr<ReportEffect> effect = EndWithFailure(
            policy_, lease.attempt, outcome, failure.message, permanent, now, task, trials);
        if (!effect.ok()) return effect.status();
        if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
        if (failure.diverged) diverged = task.spec.kind;
        const bool for_good = task.state == TaskState::kFailed;
        task_at_fault = for_good && (alone || trials.tried.size() > 1);
        if (for_good) {
          DeleteTrials(change.sql, task.key);
        } else {
          SetTrials(change.sql, task.key, trials);
        }
        change.Save(task);
        // That an input is bad, as the only worker that can tell says, is nothing against it.
        const std::string at_fault = permanent && alone ? "" : lease.worker;
        change.EndLease(task, at_fault, outcome, failure.message);
        // The message is for the user and may name files; the log does without.
        spdlog::warn("{}: {} by worker {}, failure {}{}", TaskText(change.sql, task),
                     OutcomeName(outcome), lease.worker, task.failures,
                     for_good ? ", for good" : "");
        return OnTaskMoved(change, blobs_, task);
      });
  if (status.ok() && !diverged.empty()) metrics_.CountDivergence(diverged);
  if (status.ok() && task_at_fault) workers_.Exonerate(lease.task_key);
  return status;
}

absl::Status Workflow::ReportHandedBack(const LeaseName& lease, const std::string& checkpoint,
                                        absl::Time now) {
  if (!checkpoint.empty() && !blobs_.Contains(checkpoint)) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint: blob ", checkpoint, " has not been written"));
  }
  return ChangeTask(lease.task_key, now, [&](Change& change, TaskRecord& task) -> absl::Status {
    TaskTrials trials = TrialsOfTask(change.sql, task.key);
    const bool cancelled = task.state == TaskState::kCancelled;
    absl::StatusOr<ReportEffect> effect =
        HandBack(policy_, lease.attempt, checkpoint, now, task, trials);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    SetTrials(change.sql, task.key, trials);
    change.Save(task);
    // A cancelled task's lease has ended with its cancellation.
    if (!cancelled) change.EndLease(task, lease.worker, LeaseOutcome::kHandedBack, "");
    spdlog::info("{} handed back", TaskText(change.sql, task));
    return OnTaskMoved(change, blobs_, task);
  });
}

absl::Status Workflow::Lose(Change& change, LeaseOutcome outcome, TaskRecord& task) {
  const std::string worker = task.worker;
  absl::Status lost = LoseLease(policy_, change.now, task);
  if (!lost.ok()) return lost;
  change.Save(task);
  change.EndLease(task, worker, outcome, "");
  return OnTaskMoved(change, blobs_, task);
}

absl::Status Workflow::ExpireLeases(absl::Time now) {
  for (const std::string& key : live_.Expired(now)) {
    absl::Status status = ChangeTask(key, now, [&](Change& change, TaskRecord& task) {
      if (!LeaseExpired(task, now)) return absl::OkStatus();
      spdlog::warn("{}: lease of attempt {} ran out", TaskText(change.sql, task), task.attempt);
      return Lose(change, LeaseOutcome::kLost, task);
    });
    if (!status.ok()) return status;
  }
  std::vector<TaskSpec> due;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    for (const std::string& key : TasksDue(sql, woken_until_, now)) {
      due.push_back(FindTask(sql, key)->spec);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  woken_until_ = now;
  for (const TaskSpec& task : due) changes_.TaskQueued(task);
  return status;
}

absl::Status Workflow::GoOn(absl::Time now) {
  for (;;) {
    std::vector<std::string> jobs;
    {
      absl::MutexLock lock(&later_mutex_);
      while (!later_.empty() && jobs.size() < kJobsPerStep) {
        jobs.push_back(std::move(later_.extract(later_.begin()).value()));
      }
    }
    if (jobs.empty() || draining_) return absl::OkStatus();
    absl::Status status = Apply(now, [&](Change& change) {
      absl::Status advanced;
      for (const std::string& job : jobs) {
        if (advanced.ok()) advanced = Advance(change, blobs_, job);
      }
      return advanced;
    });
    if (!status.ok()) {
      absl::MutexLock lock(&later_mutex_);
      later_.insert(jobs.begin(), jobs.end());
      return status;
    }
  }
}

void Workflow::WorkersChanged() {
  live_.MoveQueue();
  changes_.QueueMoved();
}

void Workflow::Drain() {
  draining_ = true;
  changes_.WakeAll();
}

}  // namespace alignflow
