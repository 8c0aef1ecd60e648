#include "server/services/job_check.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "server/catalog/datasets.h"
#include "server/services/dataset_check.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

constexpr int kMaxPairs = 1000000;
constexpr size_t kMaxRequestIdBytes = 128;
constexpr char kSingleReference[] =
    "a single reference may bias the result: what is particular to that one image is taken for the "
    "domain's style; about 10 from several patients are better";

// Id and digest of the dataset that a field of the spec names.
absl::Status ResolveDataset(ServiceContext& context, const std::string& name,
                            const std::string& field, std::string& id, std::string& digest) {
  absl::StatusOr<std::string> parsed = ParseName(name, "datasets", field);
  if (!parsed.ok()) return parsed.status();
  id = *parsed;
  return context.catalog.Transact([&](Sql& sql) -> absl::Status {
    const std::optional<DatasetRecord> record = FindDataset(sql, id);
    if (!record) {
      return absl::NotFoundError(absl::StrCat(field, ": there is no ", name, "; push it first"));
    }
    digest = record->digest;
    return absl::OkStatus();
  });
}

absl::Status CheckNumbers(const v1::CreateJobRequest& request) {
  if (request.request_id().size() > kMaxRequestIdBytes) {
    return absl::InvalidArgumentError("request_id: give 1 to 128 characters, or none");
  }
  const int pairs = request.spec().pairs();
  if (pairs >= 1 && pairs <= kMaxPairs) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("spec.pairs: is ", pairs, "; give 1 to 1,000,000"));
}

absl::Status ResolvePreset(const v1::AlignSpec& spec, JobRecord& record) {
  record.preset = spec.preset().empty() ? PresetNames().front() : spec.preset();
  absl::StatusOr<SettingMap> defaults = PresetDefaults(record.preset);
  if (!defaults.ok()) return Annotate(defaults.status(), "spec.preset");
  absl::StatusOr<SettingMap> settings =
      ResolveSettings(record.preset, {spec.settings().begin(), spec.settings().end()});
  if (!settings.ok()) return Annotate(settings.status(), "spec.settings");
  record.settings = *std::move(settings);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckedJob> CheckJob(const v1::CreateJobRequest& request, ServiceContext& context,
                                    const std::function<bool()>& cancelled) {
  const v1::AlignSpec& spec = request.spec();
  CheckedJob job;
  JobRecord& record = job.record;
  record.request_id = request.request_id();
  record.pairs = spec.pairs();
  absl::Status status = CheckNumbers(request);
  if (status.ok()) status = ResolvePreset(spec, record);
  if (status.ok()) {
    status =
        ResolveDataset(context, spec.source(), "spec.source", record.source, record.source_digest);
  }
  if (status.ok() && !spec.target().empty()) {
    status =
        ResolveDataset(context, spec.target(), "spec.target", record.target, record.target_digest);
  }
  if (!status.ok()) return status;

  absl::StatusOr<std::string> manifest = CheckReferences(spec, context.blobs, cancelled);
  if (!manifest.ok()) return manifest.status();
  absl::StatusOr<std::string> digest = context.blobs.Put(*manifest);
  if (!digest.ok()) return digest.status();
  record.references_digest = *digest;
  for (const v1::ReferenceImage& reference : spec.references()) {
    job.references.push_back(
        {reference.stem(), reference.image().sha256(), reference.image().size_bytes()});
  }
  if (job.references.size() == 1) record.warnings.push_back(kSingleReference);
  return job;
}

}  // namespace alignflow
