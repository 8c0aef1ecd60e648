#include "server/services/job_model.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "server/catalog/datasets.h"
#include "server/catalog/jobs.h"
#include "server/catalog/results.h"
#include "server/catalog/tasks.h"
#include "server/scheduler/kind_settings.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

// A job of the tenant that has the task of the model.
std::optional<JobRecord> MakerOf(Sql& sql, const std::string& tenant, const ModelRecord& model) {
  const std::vector<std::string> jobs = JobsWithTask(sql, tenant, model.task_key, 1);
  return jobs.empty() ? std::nullopt : FindJob(sql, jobs.front());
}

// Takes the tasks of stage 1 and, of a model of stage 2, of that from the job that has them.
absl::Status TakeTasks(Sql& sql, const JobRecord& maker, const ModelRecord& model, JobRecord& job,
                       ModelOrigin& origin) {
  origin.aligned = model.stage == "align";
  origin.preset = model.preset;
  for (const char* stage : {"fit", "align"}) {
    if (stage != model.stage && !origin.aligned) continue;
    const auto place = FindJobTask(sql, maker.id, stage, 0);
    const auto task = place ? FindTask(sql, place->task_key) : std::nullopt;
    if (!task) {
      return absl::InternalError(
          absl::StrCat("models/", model.id, " has no task of stage ", stage));
    }
    job.model_tasks[stage] = task->key;
    for (const auto& [name, value] : task->spec.settings) origin.settings[name] = value;
  }
  const auto pictures = origin.settings.find("pictures");
  origin.sees_views = pictures != origin.settings.end() && pictures->second == "view";
  return absl::OkStatus();
}

absl::Status TakeSource(Sql& sql, const JobRecord& maker, JobRecord& job) {
  job.source_digest = maker.source_digest;
  std::optional<DatasetRecord> source = FindDataset(sql, maker.source);
  if (!source || source->digest != maker.source_digest) {
    source = FindDatasetOfDigest(sql, job.tenant, maker.source_digest);
  }
  if (!source) {
    return absl::NotFoundError(
        absl::StrCat("spec.model: the dataset that models/", job.model,
                     " was trained on is not there any more; push it again: its masks are those of "
                     "the pairs, and copies of its images are told by it"));
  }
  job.source = source->id;
  return absl::OkStatus();
}

}  // namespace

absl::Status BeginWithModel(ServiceContext& context, const v1::AlignSpec& spec, JobRecord& job,
                            std::vector<ReferenceRecord>& references) {
  absl::StatusOr<std::string> id = ParseName(spec.model(), "models", "spec.model");
  if (!id.ok()) return id.status();
  job.model = *id;
  ModelOrigin origin;
  absl::Status status = context.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<ModelRecord> model = FindModel(sql, *id);
    const bool has = model && TenantHasModel(sql, job.tenant, *model);
    const std::optional<JobRecord> maker =
        has ? MakerOf(sql, job.tenant, *model) : std::optional<JobRecord>();
    if (!maker) {
      return absl::NotFoundError(absl::StrCat("spec.model: there is no models/", *id,
                                              "; ListModels names those there are"));
    }
    absl::Status taken = TakeTasks(sql, *maker, *model, job, origin);
    if (taken.ok()) taken = TakeSource(sql, *maker, job);
    if (!taken.ok() || !origin.aligned) return taken;
    job.references_digest = maker->references_digest;
    references = ReferencesOfJob(sql, maker->id);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (!spec.preset().empty() && spec.preset() != origin.preset) {
    return absl::InvalidArgumentError(absl::StrCat(
        "spec.preset: models/", *id, " is of the preset ", origin.preset, "; leave it out"));
  }
  job.preset = origin.preset;
  absl::StatusOr<SettingMap> settings =
      SettingsWithModel(origin, {spec.settings().begin(), spec.settings().end()});
  if (!settings.ok()) return Annotate(settings.status(), "spec.settings");
  job.settings = *std::move(settings);
  return absl::OkStatus();
}

}  // namespace alignflow
