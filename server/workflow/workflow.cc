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

absl::Status Workflow::Apply(absl::Time now, const std::function<absl::Status(Change&)>& body) {
  std::optional<Change> change;
  absl::Status status = catalog_.Transact([&](Sql& sql) { return body(change.emplace(sql, now)); });
  if (status.ok()) change->TellTo(changes_);
  return status;
}

absl::Status Workflow::Recover(absl::Time now) {
  return Apply(now, [&](Change& change) {
    for (TaskRecord& task : TasksInState(change.sql, TaskState::kRunning)) {
      ReopenLease(policy_, now, task);
      change.Save(task);
      spdlog::info("task {} was running: waiting for its worker", ShortKey(task.key));
    }
    for (const std::string& id : UnfinishedJobs(change.sql)) {
      JobRecord job = FindJob(change.sql, id).value();
      absl::Status planned = FailIfPlannedOtherwise(change, job);
      if (!planned.ok()) return planned;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::string> Workflow::CreateJob(JobRecord job,
                                                const std::vector<ReferenceRecord>& references,
                                                absl::Time now) {
  job.create_time = now;
  absl::Status status = Apply(now, [&](Change& change) {
    Sql& sql = change.sql;
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
    return Advance(change, blobs_, job.id);
  });
  if (!status.ok()) return status;
  return job.id;
}

absl::Status Workflow::CancelJob(const std::string& id, absl::Time now) {
  return Apply(now, [&](Change& change) -> absl::Status {
    std::optional<JobRecord> job = FindJob(change.sql, id);
    if (!job) return absl::NotFoundError(absl::StrCat("there is no jobs/", id));
    if (job->state == JobState::kCancelled) return absl::OkStatus();
    if (job->state == JobState::kSucceeded || job->state == JobState::kFailed) {
      return absl::FailedPreconditionError(absl::StrCat(
          "jobs/", id, " has ", job->state == JobState::kFailed ? "failed" : "succeeded",
          " already; there is nothing to cancel"));
    }
    return CancelUnfinished(change, *job);
  });
}

absl::StatusOr<std::optional<TaskRecord>> Workflow::Lease(const std::string& worker,
                                                          const std::function<bool()>& still_there,
                                                          absl::Time now) {
  std::optional<TaskRecord> leased;
  absl::Duration waited;
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    Sql& sql = change.sql;
    if (draining_ || !still_there()) return absl::OkStatus();
    for (TaskRecord& task : TasksInState(sql, TaskState::kRunning)) {
      if (task.worker != worker) continue;
      task.worker.clear();  // its answer got lost, which is no loss of a worker
      absl::Status lost = Lose(change, task);
      if (!lost.ok()) return lost;
    }
    std::optional<TaskRecord> task = NextQueuedTask(sql);
    if (!task) return absl::OkStatus();
    waited = now - task->queue_time;
    absl::Status assigned = AssignLease(policy_, worker, now, *task);
    if (!assigned.ok()) return assigned;
    change.Save(*task);
    leased = std::move(task);
    return OnTaskStarted(change, *leased);
  });
  if (!status.ok()) return status;
  if (leased) {
    metrics_.ObserveQueueWait(waited);
    spdlog::info("task {} ({}) leased to worker {}, attempt {}", ShortKey(leased->key),
                 leased->spec.kind, worker, leased->attempt);
  }
  return leased;
}

absl::Status Workflow::ChangeTask(const std::string& key, absl::Time now,
                                  const std::function<absl::Status(Change&, TaskRecord&)>& body) {
  std::string checkpoint_before, checkpoint_after;
  absl::Status status = Apply(now, [&](Change& change) -> absl::Status {
    std::optional<TaskRecord> task = FindTask(change.sql, key);
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
  bool cancel = false;
  absl::Status status = ChangeTask(update.task_key, now, [&](Change& change, TaskRecord& task) {
    absl::StatusOr<bool> renewed = RenewLease(policy_, update.worker, update.attempt, now, task);
    if (!renewed.ok()) return renewed.status();
    cancel = *renewed;
    const std::string note = task.progress.note;
    task.progress = update.progress;
    if (task.progress.note.empty()) task.progress.note = note;
    if (!update.checkpoint.empty()) task.checkpoint = update.checkpoint;
    change.Save(task);
    OnTaskChanged(change, task);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return cancel || draining_;
}

absl::Status Workflow::ReportSuccess(const std::string& task_key, int64_t attempt,
                                     const TaskOutputs& outputs, absl::Time now) {
  std::optional<TaskRecord> before;
  absl::Status status = catalog_.Read([&](Sql& sql) {
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
  status = ChangeTask(task_key, now, [&](Change& change, TaskRecord& task) -> absl::Status {
    absl::StatusOr<ReportEffect> effect = EndWithSuccess(attempt, now, task);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    applied = true;
    task.pairs = results.pairs_made();
    task.pairs_left_out = results.pairs_left_out();
    change.Save(task);
    SetOutputs(change.sql, task_key, outputs);
    SetPairs(change.sql, task_key, results.pairs);
    if (task.spec.kind == "fit" || task.spec.kind == "align") {
      ModelRecord model{.id = ShortKey(task_key),
                        .task_key = task_key,
                        .stage = task.spec.kind,
                        .preset = task.spec.settings.at("preset"),
                        .weights = outputs.at("model"),
                        .source_digest = DatasetOf(change.sql, task.spec.inputs.at("source")),
                        .create_time = now};
      InsertModel(change.sql, model);
    }
    spdlog::info("task {} ({}) succeeded", ShortKey(task_key), task.spec.kind);
    return OnTaskSucceeded(change, blobs_, task);
  });
  if (!status.ok() || !applied) return status;
  metrics_.CountLeftOutPairs(results.pairs_left_out());
  if (before->spec.kind == "figures") metrics_.SetFigures(results.figures);
  return status;
}

absl::Status Workflow::ReportFailure(const std::string& task_key, int64_t attempt,
                                     const std::string& message, bool permanent, absl::Time now) {
  return ChangeTask(task_key, now, [&](Change& change, TaskRecord& task) -> absl::Status {
    absl::StatusOr<ReportEffect> effect =
        EndWithFailure(policy_, attempt, message, permanent, now, task);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    change.Save(task);
    // The message is for the user and may name files; the log does without.
    spdlog::warn("task {} ({}) failed, failure {}{}", ShortKey(task_key), task.spec.kind,
                 task.failures, task.state == TaskState::kFailed ? ", for good" : "");
    if (task.state == TaskState::kFailed) return OnTaskFailed(change, task);
    OnTaskChanged(change, task);
    return absl::OkStatus();
  });
}

absl::Status Workflow::ReportHandedBack(const std::string& task_key, int64_t attempt,
                                        const std::string& checkpoint, absl::Time now) {
  if (!checkpoint.empty() && !blobs_.Contains(checkpoint)) {
    return absl::InvalidArgumentError(
        absl::StrCat("checkpoint: blob ", checkpoint, " has not been written"));
  }
  return ChangeTask(task_key, now, [&](Change& change, TaskRecord& task) -> absl::Status {
    absl::StatusOr<ReportEffect> effect = HandBack(attempt, checkpoint, now, task);
    if (!effect.ok()) return effect.status();
    if (*effect == ReportEffect::kRepeated) return absl::OkStatus();
    change.Save(task);
    OnTaskChanged(change, task);
    spdlog::info("task {} ({}) handed back", ShortKey(task_key), task.spec.kind);
    return absl::OkStatus();
  });
}

absl::Status Workflow::Lose(Change& change, TaskRecord& task) {
  absl::Status lost = LoseLease(policy_, change.now, task);
  if (!lost.ok()) return lost;
  change.Save(task);
  if (task.state == TaskState::kFailed) return OnTaskFailed(change, task);
  OnTaskChanged(change, task);
  return absl::OkStatus();
}

absl::Status Workflow::ExpireLeases(absl::Time now) {
  return Apply(now, [&](Change& change) -> absl::Status {
    for (TaskRecord& task : TasksInState(change.sql, TaskState::kRunning)) {
      if (!LeaseExpired(task, now)) continue;
      spdlog::warn("task {} ({}): lease of attempt {} ran out", ShortKey(task.key), task.spec.kind,
                   task.attempt);
      absl::Status lost = Lose(change, task);
      if (!lost.ok()) return lost;
      metrics_.CountLeaseExpiry();
    }
    return absl::OkStatus();
  });
}

absl::Status Workflow::WorkersChanged(absl::Time now) {
  return Apply(now, [&](Change& change) {
    change.MoveQueue();
    return absl::OkStatus();
  });
}

void Workflow::Drain() {
  draining_ = true;
  changes_.WakeAll();
}

absl::StatusOr<bool> Workflow::Idle() {
  bool idle = false;
  absl::Status status = catalog_.Read([&](Sql& sql) {
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

absl::StatusOr<bool> Workflow::OwnerLives(const BlobOwner& owner, absl::Time renewed,
                                          absl::Time now) {
  if (!owner.upload.empty()) return now - renewed < kUploadPatience;
  bool lives = false;
  absl::Status status = catalog_.Read([&](Sql& sql) {
    const std::optional<TaskRecord> task = FindTask(sql, owner.task_key);
    lives = task && LeaseLives(*task, owner.attempt, now);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return lives;
}

absl::StatusOr<BlobStore::Garbage> Workflow::CollectGarbage(absl::Time cutoff, absl::Time now) {
  // As raw bytes: there may be millions.
  absl::flat_hash_set<std::string> referenced =
      blobs_.owners().Collect([&](const BlobOwner& owner, absl::Time renewed) {
        const absl::StatusOr<bool> lives = OwnerLives(owner, renewed, now);
        return !lives.ok() || *lives;
      });
  absl::Status status = catalog_.Read([&](Sql& sql) {
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
