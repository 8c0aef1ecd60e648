#include "server/workflow/workflow.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/results.h"
#include "server/catalog/tasks.h"
#include "server/workflow/job_graph.h"
#include "server/workflow/random_id.h"
#include "server/workflow/task_results.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

// "datasets/x" of the job's source or target must be what it was when the job was checked.
absl::Status CheckDataset(Sql& sql, const std::string& id, const std::string& digest) {
  if (id.empty()) return absl::OkStatus();
  const auto dataset = FindDataset(sql, id);
  if (dataset && dataset->digest == digest) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no datasets/", id, " any more; push it again"));
}

// The digest of the manifest that a packed file was prepared from.
std::string DatasetOf(Sql& sql, const std::string& packed) {
  const std::optional<TaskRecord> prepare = FindTaskThatMade(sql, "packed", packed);
  return prepare ? prepare->spec.inputs.at("dataset") : "";
}

std::string ShortKey(const std::string& key) { return key.substr(0, 12); }

}  // namespace

Workflow::Workflow(Catalog& catalog, BlobStore& blobs, ServerMetrics& metrics, LeasePolicy policy)
    : catalog_(catalog), blobs_(blobs), metrics_(metrics), policy_(policy) {}

absl::Status Workflow::Recover(absl::Time now) {
  return catalog_.Transact([&](Sql& sql) {
    for (TaskRecord& task : TasksInState(sql, TaskState::kRunning)) {
      ReopenLease(policy_, now, task);
      UpdateTask(sql, task);
      spdlog::info("task {} was running: waiting for its worker", ShortKey(task.key));
    }
    for (const std::string& id : UnfinishedJobs(sql)) {
      JobRecord job = FindJob(sql, id).value();
      absl::Status planned = FailIfPlannedOtherwise(sql, job, now);
      if (!planned.ok()) return planned;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::string> Workflow::CreateJob(JobRecord job,
                                                const std::vector<ReferenceRecord>& references,
                                                absl::Time now) {
  job.create_time = now;
  absl::Status status = catalog_.Transact([&](Sql& sql) {
    if (!job.request_id.empty()) {
      if (const auto earlier = FindJobByRequest(sql, job.request_id)) {
        job.id = earlier->id;
        return absl::OkStatus();
      }
    }
    absl::Status there = CheckDataset(sql, job.source, job.source_digest);
    if (there.ok()) there = CheckDataset(sql, job.target, job.target_digest);
    if (!there.ok()) return there;
    do {
      job.id = RandomId(8);
    } while (FindJob(sql, job.id));
    InsertJob(sql, job, references);
    InsertJobGraph(sql, job);
    return Advance(sql, blobs_, job.id, now);
  });
  if (!status.ok()) return status;
  changes_.Notify();
  return job.id;
}

absl::Status Workflow::CancelJob(const std::string& id, absl::Time now) {
  absl::Status status = catalog_.Transact([&](Sql& sql) -> absl::Status {
    std::optional<JobRecord> job = FindJob(sql, id);
    if (!job) return absl::NotFoundError(absl::StrCat("there is no jobs/", id));
    if (job->state == JobState::kCancelled) return absl::OkStatus();
    if (job->state == JobState::kSucceeded || job->state == JobState::kFailed) {
      return absl::FailedPreconditionError(absl::StrCat(
          "jobs/", id, " has ", job->state == JobState::kFailed ? "failed" : "succeeded",
          " already; there is nothing to cancel"));
    }
    return CancelUnfinished(sql, *job, now);
  });
  changes_.Notify();
  return status;
}

absl::StatusOr<std::optional<TaskRecord>> Workflow::Lease(const std::string& worker,
                                                          const std::function<bool()>& still_there,
                                                          absl::Time now) {
  std::optional<TaskRecord> leased;
  absl::Duration waited;
  absl::Status status = catalog_.Transact([&](Sql& sql) -> absl::Status {
    if (draining_ || !still_there()) return absl::OkStatus();
    for (TaskRecord& task : TasksInState(sql, TaskState::kRunning)) {
      if (task.worker != worker) continue;
      task.worker.clear();  // its answer got lost, which is no loss of a worker
      absl::Status lost = Lose(sql, task, now);
      if (!lost.ok()) return lost;
    }
    std::optional<TaskRecord> task = NextQueuedTask(sql);
    if (!task) return absl::OkStatus();
    waited = now - task->queue_time;
    absl::Status assigned = AssignLease(policy_, worker, now, *task);
    if (!assigned.ok()) return assigned;
    UpdateTask(sql, *task);
    leased = std::move(task);
    return OnTaskStarted(sql, *leased, now);
  });
  if (!status.ok()) return status;
  if (leased) {
    metrics_.ObserveQueueWait(waited);
    spdlog::info("task {} ({}) leased to worker {}, attempt {}", ShortKey(leased->key),
                 leased->spec.kind, worker, leased->attempt);
    changes_.Notify();
  }
  return leased;
}

absl::Status Workflow::ChangeTask(const std::string& key,
                                  const std::function<absl::Status(Sql&, TaskRecord&)>& change) {
  std::string checkpoint_before, checkpoint_after;
  absl::Status status = catalog_.Transact([&](Sql& sql) -> absl::Status {
    std::optional<TaskRecord> task = FindTask(sql, key);
    if (!task) {
      return absl::FailedPreconditionError(absl::StrCat("there is no task ", key, "; drop it"));
    }
    checkpoint_before = task->checkpoint;
    absl::Status changed = change(sql, *task);
    checkpoint_after = task->checkpoint;
    return changed;
  });
  if (!status.ok()) return status;
  if (checkpoint_before != checkpoint_after) ReleaseCheckpoint(checkpoint_before);
  changes_.Notify();
  return absl::OkStatus();
}

absl::StatusOr<bool> Workflow::Heartbeat(const HeartbeatUpdate& update, absl::Time now) {
  if (!update.checkpoint.empty() && !blobs_.Contains(update.checkpoint)) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint: blob ", update.checkpoint, " has not been written"));
  }
  bool cancel = false;
  absl::Status status = ChangeTask(update.task_key, [&](Sql& sql, TaskRecord& task) {
    absl::StatusOr<bool> renewed = RenewLease(policy_, update.worker, update.attempt, now, task);
    if (!renewed.ok()) return renewed.status();
    cancel = *renewed;
    const std::string note = task.progress.note;
    task.progress = update.progress;
    if (task.progress.note.empty()) task.progress.note = note;
    if (!update.checkpoint.empty()) task.checkpoint = update.checkpoint;
    UpdateTask(sql, task);
    OnTaskChanged(sql, task, now);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return cancel || draining_;
}

absl::Status Workflow::ReportSuccess(const std::string& task_key, int64_t attempt,
                                     const TaskOutputs& outputs, absl::Time now) {
  std::optional<TaskRecord> before;
  absl::Status status = catalog_.Transact([&](Sql& sql) {
    before = FindTask(sql, task_key);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  // Outside the transaction, because it reads files. A late worker's results are looked at in vain.
  TaskResults results;
  if (before && before->state == TaskState::kRunning && before->attempt == attempt) {
    absl::StatusOr<TaskResults> checked = CheckOutputs(before->spec, outputs, blobs_);
    if (!checked.ok()) return checked.status();
    results = *std::move(checked);
  }
  bool applied = false;
  status = ChangeTask(task_key, [&](Sql& sql, TaskRecord& task) -> absl::Status {
    absl::StatusOr<ReportEffect> effect = EndWithSuccess(attempt, now, task);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    applied = true;
    task.pairs = results.pairs_made();
    task.pairs_left_out = results.pairs_left_out();
    UpdateTask(sql, task);
    SetOutputs(sql, task_key, outputs);
    SetPairs(sql, task_key, results.pairs);
    if (task.spec.kind == "fit" || task.spec.kind == "align") {
      ModelRecord model{.id = ShortKey(task_key),
                        .task_key = task_key,
                        .stage = task.spec.kind,
                        .preset = task.spec.settings.at("preset"),
                        .weights = outputs.at("model"),
                        .source_digest = DatasetOf(sql, task.spec.inputs.at("source")),
                        .create_time = now};
      InsertModel(sql, model);
    }
    spdlog::info("task {} ({}) succeeded", ShortKey(task_key), task.spec.kind);
    return OnTaskSucceeded(sql, blobs_, task, now);
  });
  if (!status.ok() || !applied) return status;
  metrics_.CountLeftOutPairs(results.pairs_left_out());
  if (before->spec.kind == "figures") metrics_.SetFigures(results.figures);
  return status;
}

absl::Status Workflow::ReportFailure(const std::string& task_key, int64_t attempt,
                                     const std::string& message, bool permanent, absl::Time now) {
  return ChangeTask(task_key, [&](Sql& sql, TaskRecord& task) -> absl::Status {
    absl::StatusOr<ReportEffect> effect =
        EndWithFailure(policy_, attempt, message, permanent, now, task);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    UpdateTask(sql, task);
    // The message is for the user and may name files; the log does without.
    spdlog::warn("task {} ({}) failed, failure {}{}", ShortKey(task_key), task.spec.kind,
                 task.failures, task.state == TaskState::kFailed ? ", for good" : "");
    if (task.state == TaskState::kFailed) return OnTaskFailed(sql, task, now);
    OnTaskChanged(sql, task, now);
    return absl::OkStatus();
  });
}

absl::Status Workflow::ReportHandedBack(const std::string& task_key, int64_t attempt,
                                        const std::string& checkpoint, absl::Time now) {
  if (!checkpoint.empty() && !blobs_.Contains(checkpoint)) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint: blob ", checkpoint, " has not been written"));
  }
  return ChangeTask(task_key, [&](Sql& sql, TaskRecord& task) -> absl::Status {
    absl::StatusOr<ReportEffect> effect = HandBack(attempt, checkpoint, now, task);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    UpdateTask(sql, task);
    OnTaskChanged(sql, task, now);
    spdlog::info("task {} ({}) handed back", ShortKey(task_key), task.spec.kind);
    return absl::OkStatus();
  });
}

absl::Status Workflow::Lose(Sql& sql, TaskRecord& task, absl::Time now) {
  absl::Status lost = LoseLease(policy_, now, task);
  if (!lost.ok()) return lost;
  UpdateTask(sql, task);
  if (task.state == TaskState::kFailed) return OnTaskFailed(sql, task, now);
  OnTaskChanged(sql, task, now);
  return absl::OkStatus();
}

absl::Status Workflow::ExpireLeases(absl::Time now) {
  bool any = false;
  absl::Status status = catalog_.Transact([&](Sql& sql) -> absl::Status {
    for (TaskRecord& task : TasksInState(sql, TaskState::kRunning)) {
      if (!LeaseExpired(task, now)) continue;
      spdlog::warn("task {} ({}): lease of attempt {} ran out", ShortKey(task.key), task.spec.kind,
                   task.attempt);
      absl::Status lost = Lose(sql, task, now);
      if (!lost.ok()) return lost;
      metrics_.CountLeaseExpiry();
      any = true;
    }
    return absl::OkStatus();
  });
  if (any) changes_.Notify();
  return status;
}

absl::Status Workflow::WorkersChanged(absl::Time now) {
  absl::Status status = catalog_.Transact([&](Sql& sql) {
    AddEventToQueuedJobs(sql, now);
    return absl::OkStatus();
  });
  changes_.Notify();
  return status;
}

void Workflow::Drain() {
  draining_ = true;
  changes_.Notify();
}

absl::StatusOr<bool> Workflow::Idle() {
  bool idle = false;
  absl::Status status = catalog_.Transact([&](Sql& sql) {
    idle = TasksInState(sql, TaskState::kRunning).empty();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return idle;
}

void Workflow::ReleaseCheckpoint(const std::string& blob) {
  if (blob.empty()) return;
  bool in_use = true;
  absl::Status status = catalog_.Transact([&](Sql& sql) {
    in_use = TasksReferTo(sql, blob);
    return absl::OkStatus();
  });
  // An error leaves it to the collection of garbage.
  if (status.ok() && !in_use) blobs_.Remove(blob);
}

absl::StatusOr<BlobStore::Garbage> Workflow::CollectGarbage(absl::Time cutoff) {
  // As raw bytes: there may be millions.
  absl::flat_hash_set<std::string> referenced;
  absl::Status status = catalog_.Transact([&](Sql& sql) {
    ForEachReferencedBlob(
        sql, [&](const std::string& blob) { referenced.insert(absl::HexStringToBytes(blob)); });
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  const auto is_referenced = [&](const std::string& blob) {
    return IsSha256Hex(blob) && referenced.contains(absl::HexStringToBytes(blob));
  };
  const BlobStore::Garbage garbage = blobs_.CollectGarbage(is_referenced, cutoff);
  metrics_.SetBlobs(garbage.blobs - garbage.removed, garbage.orphans);
  return garbage;
}

}  // namespace alignflow
