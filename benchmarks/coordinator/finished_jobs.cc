#include "benchmarks/coordinator/finished_jobs.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/digest.h"
#include "common/settings/settings.h"
#include "server/catalog/catalog.h"
#include "server/catalog/jobs.h"
#include "server/catalog/tasks.h"

namespace alignflow {
namespace {

constexpr int kJobsInOneTransaction = 2000;

void InsertDone(Sql& sql, const std::string& key, const std::string& kind,
                const SettingMap& settings) {
  TaskRecord task;
  task.key = key;
  task.spec = {.kind = kind, .settings = settings, .inputs = {{"source", key}}};
  task.queue_time = absl::Now();
  InsertTask(sql, task);
  task.state = TaskState::kSucceeded;
  task.start_time = task.end_time = absl::Now();
  UpdateTask(sql, task);
}

void InsertFinished(Sql& sql, int number, const SettingMap& settings) {
  const std::vector<std::string> stages = {"prepare", "describe", "fit",     "rollout",
                                           "align",   "generate", "compare", "figures"};
  JobRecord job;
  job.id = absl::StrFormat("%08x", number);
  job.source = "finished";
  job.source_digest = job.references_digest = Sha256OfString("finished");
  job.pairs = 32;
  job.preset = PresetNames().front();
  job.settings = settings;
  job.create_time = absl::Now();
  InsertJob(sql, job, {{"a", job.source_digest, 1}, {"b", job.source_digest, 1}});
  int order = 0;
  for (const std::string& stage : stages) {
    InsertJobStage(sql, job.id, stage, order, 1);
    const bool shared = order < 2;
    const std::string key = Sha256OfString(shared ? stage : absl::StrCat(stage, number));
    if (!shared || number == 0)
      InsertDone(sql, key, stage, SettingsOfKind(stage, job.preset, settings));
    InsertJobTask(sql, job.id, {.stage = stage, .ordinal = 0, .task_key = key, .reused = true});
    ++order;
  }
  job.state = JobState::kSucceeded;
  job.start_time = job.end_time = absl::Now();
  UpdateJob(sql, job);
}

}  // namespace

absl::Status WriteFinishedJobs(const std::filesystem::path& catalog, int jobs) {
  absl::StatusOr<std::unique_ptr<Catalog>> opened = Catalog::Open(catalog);
  if (!opened.ok()) return opened.status();
  const SettingMap settings = PresetDefaults(PresetNames().front()).value();
  for (int first = 0; first < jobs; first += kJobsInOneTransaction) {
    absl::Status status = (*opened)->Transact([&](Sql& sql) {
      for (int i = first; i < std::min(first + kJobsInOneTransaction, jobs); ++i) {
        InsertFinished(sql, i, settings);
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace alignflow
