#include "server/services/job_check.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/data/label_table.h"
#include "common/data/manifest.h"
#include "common/digest.h"
#include "common/settings/imported_presets.h"
#include "common/settings/pair_mix.h"
#include "common/settings/settings.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "server/catalog/datasets.h"
#include "server/scheduler/job_shape.h"
#include "server/scheduler/kind_settings.h"
#include "server/scheduler/turns.h"
#include "server/services/blob_streams.h"
#include "server/services/dataset_check.h"
#include "server/services/job_data_check.h"
#include "server/services/job_images.h"
#include "server/services/job_model.h"
#include "server/services/job_weights.h"
#include "server/services/requests.h"

namespace alignflow {
namespace {

constexpr int kMaxPairs = 1000000;
constexpr size_t kMaxRequestIdBytes = 128;
constexpr size_t kMaxDisplayNameBytes = 200;
constexpr size_t kMaxLabelBytes = 63;
constexpr char kSingleReference[] =
    "a single reference may bias the result: what is particular to that one image is taken for the "
    "domain's style; about 10 from several patients are better";

// Id and digest of the dataset that a field of the spec names.
absl::Status ResolveDataset(ServiceContext& context, const std::string& tenant,
                            const std::string& name, const std::string& field, std::string& id,
                            std::string& digest) {
  absl::StatusOr<std::string> parsed = ParseName(name, "datasets", field);
  if (!parsed.ok()) return parsed.status();
  id = ScopedId(tenant, *parsed);
  return context.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<DatasetRecord> record = FindDataset(sql, id);
    if (!record) {
      return absl::NotFoundError(absl::StrCat(field, ": there is no ", name, "; push it first"));
    }
    digest = record->digest;
    return absl::OkStatus();
  });
}

absl::StatusOr<JobKind> KindOf(const v1::AlignSpec& spec) {
  switch (spec.kind()) {
    case v1::JOB_KIND_UNSPECIFIED:
    case v1::JOB_KIND_ALIGN:
      return JobKind::kAlign;
    case v1::JOB_KIND_FIT:
      return JobKind::kFit;
    case v1::JOB_KIND_GENERATE:
      return JobKind::kGenerate;
    default:
      return absl::InvalidArgumentError("spec.kind: give one that jobs.proto names");
  }
}

// What a job of its kind does not take.
absl::Status CheckFields(JobKind kind, const v1::AlignSpec& spec) {
  const auto refuse = [](const char* field, const char* why) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", why, "; leave it out"));
  };
  const bool generates = kind == JobKind::kGenerate;
  if (kind == JobKind::kAlign && !spec.model().empty()) {
    return refuse("spec.model", "only a job that generates pairs begins with a model");
  }
  if (kind == JobKind::kFit) {
    if (absl::Status named = CheckWeightsName(spec.model()); !named.ok()) return named;
  }
  if (!generates && !spec.masks().empty()) {
    return refuse("spec.masks", "only a job that generates pairs takes masks of another dataset");
  }
  if (generates && !spec.source().empty()) {
    return refuse("spec.source", "it is what the model was trained on");
  }
  if (kind != JobKind::kAlign && spec.references_size() > 0) {
    return refuse("spec.references", generates ? "they are those that the model was aligned to"
                                               : "a model is fitted to the source alone");
  }
  if (kind == JobKind::kFit && !spec.target().empty()) {
    return refuse("spec.target", "a job that only fits a model has no figures");
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(JobKind kind, const v1::CreateJobRequest& request) {
  if (request.request_id().size() > kMaxRequestIdBytes) {
    return absl::InvalidArgumentError("request_id: give 1 to 128 characters, or none");
  }
  const int pairs = request.spec().pairs();
  if (kind == JobKind::kFit) {
    if (pairs == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "spec.pairs: is ", pairs, ", but a job that only fits a model makes none; leave it out"));
  }
  if (pairs >= 1 && pairs <= kMaxPairs) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("spec.pairs: is ", pairs, "; give 1 to 1,000,000"));
}

// A text for people, of at most `limit` bytes.
absl::Status CheckText(const std::string& text, size_t limit, const std::string& field) {
  const bool control = std::ranges::any_of(
      text, [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
  if (text.size() <= limit && !control) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": give at most ", limit, " bytes without control characters"));
}

absl::Status CheckDetails(const v1::CreateJobRequest& request, JobDetails& details) {
  absl::Status status = CheckText(request.display_name(), kMaxDisplayNameBytes, "display_name");
  if (!status.ok()) return status;
  if (status.ok()) status = CheckLabelCount(request.labels_size());
  if (!status.ok()) return status;
  for (const auto& [name, value] : request.labels()) {
    status = CheckId(name, "labels");
    if (status.ok()) status = CheckText(value, kMaxLabelBytes, absl::StrCat("labels: ", name));
    if (!status.ok()) return status;
  }
  if (std::abs(request.priority()) > kMaxPriority) {
    return absl::InvalidArgumentError(
        absl::StrCat("priority: is ", request.priority(), "; give -100 to 100"));
  }
  details.request_digest = DigestOfRequest(request);
  details.display_name = request.display_name();
  details.labels = {request.labels().begin(), request.labels().end()};
  details.priority = request.priority();
  return absl::OkStatus();
}

absl::Status ResolvePreset(const v1::AlignSpec& spec, JobRecord& record) {
  record.preset = spec.preset().empty() ? PresetNames().front() : spec.preset();
  absl::StatusOr<SettingMap> defaults = PresetDefaults(record.preset);
  if (!defaults.ok()) return Annotate(defaults.status(), "spec.preset");
  const bool imports = !spec.model().empty();
  if (IsImportedPreset(record.preset) != imports) {
    return absl::InvalidArgumentError(absl::StrCat(
        "spec.preset: models of ", record.preset,
        imports ? " are trained here; of a file of weights give motfm or motfm-3d"
                : " are made of files of weights (`afctl model import`) and not trained; give "
                  "another"));
  }
  const SettingMap given(spec.settings().begin(), spec.settings().end());
  absl::Status used = imports ? CheckUseOfImport(given) : CheckUseOfSettings(record.kind, given);
  if (!used.ok()) return Annotate(used, "spec.settings");
  absl::StatusOr<SettingMap> settings = ResolveSettings(record.preset, given);
  if (!settings.ok()) return Annotate(settings.status(), "spec.settings");
  record.settings = *std::move(settings);
  return absl::OkStatus();
}

absl::Status CheckReferenceCount(int given, const SettingMap& settings) {
  int64_t wanted = 0;
  if (!absl::SimpleAtoi(settings.at("align.references"), &wanted) || wanted <= given) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("spec.settings: align.references is ", wanted, ", but only ", given,
                   " references are given; give more, or set align.references to at most ", given));
}

// Settings that contradict each other.
absl::Status CheckMethod(const v1::AlignSpec& spec, const SettingMap& settings) {
  const std::string& method = settings.at("method");
  const std::string& masks = settings.at("masks.kind");
  if (method == "framing" && settings.at("framing") == "none") {
    return absl::InvalidArgumentError(
        "spec.settings: method framing puts source images into frames, so framing can't be none; "
        "set it to references");
  }
  if (TransfersImages(method) && masks != "real") {
    return absl::InvalidArgumentError(absl::StrCat("spec.settings: method ", method,
                                                   " takes the source's own images, so "
                                                   "masks.kind can't be ",
                                                   masks,
                                                   "; set it to real, or use another method"));
  }
  double share = 0;
  int64_t batch = 0;
  const bool evaluates = !spec.target().empty() && settings.at("evaluate.segmenter") != "none";
  if (evaluates && absl::SimpleAtod(settings.at("evaluate.synthetic_share"), &share) &&
      absl::SimpleAtoi(settings.at("evaluate.batch"), &batch) &&
      std::lround(share * static_cast<double>(batch)) == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--set evaluate.synthetic_share=", settings.at("evaluate.synthetic_share"),
        ": no image of a batch of ", batch,
        " would be synthetic, so both sides would be the same models; raise it, or go without "
        "the evaluation with --segmenter none"));
  }
  return absl::OkStatus();
}

// Whether a dataset is of volumes: sizes are written 384x288, or 64x64x40 of volumes.
absl::StatusOr<bool> IsOfVolumes(ServiceContext& context, const std::string& id) {
  std::string size;
  absl::Status status = context.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<DatasetRecord> record = FindDataset(sql, id);
    if (record) size = record->largest;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return std::ranges::count(size, 'x') == 2;
}

const char* KindName(bool volumes) { return volumes ? "volumes" : "pictures"; }

// Pictures and volumes want presets of their own.
absl::Status CheckDatasetKinds(ServiceContext& context, const JobRecord& job) {
  const bool preset = DimsOfPreset(job.preset) == 3;
  const absl::StatusOr<bool> source =
      job.kind == JobKind::kGenerate ? preset : IsOfVolumes(context, job.source);
  if (!source.ok()) return source.status();
  if (*source != preset) {
    std::string fitting;
    for (const auto& [name, size] : PresetSizes(*source ? 3 : 2)) {
      absl::StrAppend(&fitting, fitting.empty() ? "" : ", ", name);
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "--source ", PublicId(job.source), " is of ", KindName(*source), ", but the preset ",
        job.preset, " works on ", KindName(preset), "; give --preset ", fitting,
        fitting.find(',') == std::string::npos ? "" : " (one of them)"));
  }
  for (const auto& [flag, id] : {std::pair("--target", job.target), {"--masks", job.masks}}) {
    if (id.empty()) continue;
    const absl::StatusOr<bool> other = IsOfVolumes(context, id);
    if (!other.ok()) return other.status();
    if (*other == preset) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        flag, " ", PublicId(id), " is of ", KindName(*other), ", but the preset ", job.preset,
        " works on ", KindName(preset), "; give a dataset of ", KindName(preset)));
  }
  return absl::OkStatus();
}

// References are of the source's kind.
absl::Status CheckReferenceKinds(const JobRecord& job, const std::string& references) {
  const absl::StatusOr<DatasetManifest> manifest = ParseManifest(references);
  if (!manifest.ok()) return manifest.status();
  const bool preset = DimsOfPreset(job.preset) == 3;
  if (manifest->volumes() == preset) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--references are ", KindName(manifest->volumes()), ", but --source ", PublicId(job.source),
      " is of ", KindName(preset), "; give references of the same kind"));
}

// Of a dataset's labels as the catalog keeps them.
absl::StatusOr<LabelTable> LabelsOf(ServiceContext& context, const std::string& id) {
  std::string text;
  absl::Status status = context.catalog.Read([&](Sql& sql) -> absl::Status {
    const std::optional<DatasetRecord> record = FindDataset(sql, id);
    if (!record)
      return absl::AbortedError(absl::StrCat("datasets/", PublicId(id), " has just been deleted"));
    text = record->labels;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return LabelTable::Parse(text);
}

// Pairs get the masks as they are, so values and colours count as well.
absl::Status CheckMasks(ServiceContext& context, const JobRecord& job) {
  if (job.masks.empty()) return absl::OkStatus();
  const absl::StatusOr<LabelTable> source = LabelsOf(context, job.source);
  if (!source.ok()) return source.status();
  const absl::StatusOr<LabelTable> masks = LabelsOf(context, job.masks);
  if (!masks.ok()) return masks.status();
  if (*source == *masks) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("spec.masks: the labels of datasets/", PublicId(job.masks), " are ",
                   masks->ToString(), ", but the model was trained on ", source->ToString(),
                   "; push the masks with these labels and values"));
}

absl::Status CheckLabels(ServiceContext& context, const JobRecord& job) {
  if (job.target.empty() || job.settings.at("evaluate.segmenter") == "none") {
    return absl::OkStatus();
  }
  const absl::StatusOr<LabelTable> source = LabelsOf(context, job.source);
  if (!source.ok()) return source.status();
  const absl::StatusOr<LabelTable> target = LabelsOf(context, job.target);
  if (!target.ok()) return target.status();
  return Annotate(CheckSameClasses(*source, absl::StrCat("datasets/", PublicId(job.source)),
                                   *target, absl::StrCat("datasets/", PublicId(job.target))),
                  "spec.target");
}

// Source, target and masks, and what begins with a model.
absl::Status ResolveInputs(ServiceContext& context, const v1::AlignSpec& spec, JobRecord& record,
                           std::vector<ReferenceRecord>& references) {
  const bool generates = record.kind == JobKind::kGenerate;
  absl::Status status =
      generates ? BeginWithModel(context, spec, record, references) : ResolvePreset(spec, record);
  if (status.ok()) status = CheckMethod(spec, record.settings);
  if (status.ok() && !generates) {
    status = ResolveDataset(context, record.tenant, spec.source(), "spec.source", record.source,
                            record.source_digest);
  }
  if (status.ok() && !spec.target().empty()) {
    status = ResolveDataset(context, record.tenant, spec.target(), "spec.target", record.target,
                            record.target_digest);
  }
  if (status.ok() && !spec.masks().empty()) {
    status = ResolveDataset(context, record.tenant, spec.masks(), "spec.masks", record.masks,
                            record.masks_digest);
    // The source's own content under whatever name is nothing else than the source.
    if (record.masks_digest == record.source_digest) record.masks = record.masks_digest = "";
  }
  if (status.ok()) status = CheckDatasetKinds(context, record);
  if (status.ok()) status = CheckLabels(context, record);
  if (status.ok()) status = CheckMasks(context, record);
  return status;
}

// The references that a model was aligned to, as far as the catalog knows them.
v1::AlignSpec WithReferences(v1::AlignSpec spec, const std::vector<ReferenceRecord>& references) {
  for (const ReferenceRecord& reference : references) {
    v1::ReferenceImage* added = spec.add_references();
    added->set_stem(reference.stem);
    added->mutable_image()->set_sha256(reference.image);
    added->mutable_image()->set_size_bytes(reference.size_bytes);
  }
  return WithoutRepeatedReferences(spec).spec;
}

}  // namespace

std::string DigestOfRequest(const v1::CreateJobRequest& request) {
  v1::CreateJobRequest asked = request;
  asked.clear_request_id();
  asked.clear_upload_id();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);  // maps in order
    asked.SerializeToCodedStream(&coded);
  }
  return Sha256OfString(bytes);
}

absl::StatusOr<CheckedJob> CheckJob(const v1::CreateJobRequest& request, ServiceContext& context,
                                    const Caller& caller, const BlobOwner& owner,
                                    const std::function<bool()>& cancelled) {
  const v1::AlignSpec& spec = request.spec();
  const absl::StatusOr<JobKind> kind = KindOf(spec);
  if (!kind.ok()) return kind.status();
  CheckedJob job;
  JobRecord& record = job.record;
  record.kind = *kind;
  record.tenant = caller.tenant;
  record.request_id = ScopedText(caller.tenant, request.request_id());
  record.pairs = spec.pairs();
  absl::Status status = CheckFields(*kind, spec);
  if (status.ok()) status = CheckNumbers(*kind, request);
  if (status.ok()) status = CheckDetails(request, job.details);
  if (status.ok()) status = ResolveInputs(context, spec, record, job.references);
  if (!status.ok()) return status;
  const OwnsBlob owns = [&](const std::string& sha256) { return HasBlob(context, caller, sha256); };
  if (*kind == JobKind::kFit) status = TakeWeights(context, spec, owns, record);
  if (!status.ok()) return status;
  if (*kind != JobKind::kAlign) {
    status = CheckJobData(context, WithReferences(spec, job.references), record);
    if (!status.ok()) return status;
    return job;
  }

  absl::StatusOr<std::string> manifest = CheckReferences(spec, context.blobs, cancelled, owns);
  if (!manifest.ok()) return manifest.status();
  const DistinctReferences distinct = WithoutRepeatedReferences(spec);
  if (!distinct.warnings.empty()) {
    record.warnings = distinct.warnings;
    manifest = CheckReferences(distinct.spec, context.blobs, cancelled, owns);
    if (!manifest.ok()) return manifest.status();
  }
  status = CheckReferenceCount(distinct.spec.references_size(), record.settings);
  if (status.ok()) status = CheckReferenceKinds(record, *manifest);
  if (status.ok()) status = CheckJobData(context, distinct.spec, record);
  if (!status.ok()) return status;
  absl::StatusOr<std::string> digest = context.blobs.Put(*manifest, owner, SteadyNow());
  if (!digest.ok()) return digest.status();
  record.references_digest = *digest;
  for (const v1::ReferenceImage& reference : spec.references()) {
    job.references.push_back(
        {reference.stem(), reference.image().sha256(), reference.image().size_bytes()});
  }
  if (distinct.spec.references_size() == 1) record.warnings.push_back(kSingleReference);
  return job;
}

}  // namespace alignflow
