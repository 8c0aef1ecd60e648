#include "client/report_data.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "client/call.h"
#include "client/job_text.h"
#include "client/mix_text.h"
#include "client/progress_view.h"
#include "client/timestamps.h"
#include "common/settings/settings.h"
#include "common/version.h"

namespace alignflow {
namespace {

constexpr int64_t kMaxDocumentBytes = 64 << 20;

// A word of a command line for a POSIX shell.
std::string QuotedWord(const std::string& word) {
  const auto plain = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-_./=,:", c);
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", R"('\'')"}}), "'");
}

// Whether a command that makes such a job takes the setting; others follow from a model, or say
// nothing.
bool TakesSetting(v1::JobKind kind, const std::string& name) {
  if (name == "framing") return true;
  const auto setting = std::ranges::find(AllSettings(), name, &Setting::name);
  if (setting == AllSettings().end()) return false;
  const auto depends = [&](const std::vector<std::string_view>& kinds) {
    return std::ranges::any_of(setting->kinds, [&](std::string_view of) {
      return std::ranges::find(kinds, of) != kinds.end();
    });
  };
  if (kind == v1::JOB_KIND_FIT) return depends({"fit"});
  if (kind != v1::JOB_KIND_GENERATE) return true;
  const bool of_model =
      name == "method" || name == "weights" || name == "size" || absl::StartsWith(name, "align.");
  return !of_model && depends({"generate", "fit-masks", "masks", "judge", "evaluate", "figures"});
}

// The dataset as it was when the job was made with it, or null if that is not known: the job itself
// knows, unless an older coordinator made it; then the dataset is asked for, which may have gone or
// be another by now.
absl::StatusOr<Json> FetchDataset(v1::Datasets::StubInterface& datasets, const std::string& name,
                                  const v1::DatasetVersion& version) {
  if (name.empty()) return Json();
  if (version.item_count() > 0) {
    Json known = ToJson(version);
    known["name"] = name;
    return known;
  }
  v1::GetDatasetRequest request;
  request.set_name(name);
  auto dataset = Call(datasets, &v1::Datasets::StubInterface::GetDataset, request);
  if (absl::IsNotFound(dataset.status())) return Json();
  if (!dataset.ok()) return dataset.status();
  if (!version.digest().empty() && dataset->digest() != version.digest()) return Json();
  return ToJson(*dataset);
}

absl::StatusOr<Json> FetchDocument(BlobClient& blobs, const v1::Artifact& artifact) {
  auto text = blobs.DownloadBytes(artifact.blob().sha256(), kMaxDocumentBytes);
  if (!text.ok()) return Annotate(text.status(), artifact.name());
  Json document = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_discarded()) return document;
  return absl::DataLossError(absl::StrCat(artifact.name(), " of the job is no JSON document"));
}

}  // namespace

std::string CommandOf(const v1::AlignSpec& spec) {
  const bool fits = spec.kind() == v1::JOB_KIND_FIT;
  const bool generates = spec.kind() == v1::JOB_KIND_GENERATE;
  if (fits && !spec.model().empty()) {
    return absl::StrCat("afctl model import --motfm CONFIG.yaml WEIGHTS.safetensors --source ",
                        QuotedWord(spec.source()), " --size ",
                        ImageSide(spec.preset(), {spec.settings().begin(), spec.settings().end()}));
  }
  std::string command =
      generates
          ? absl::StrCat("afctl generate --model ", QuotedWord(spec.model()))
          : absl::StrCat("afctl ", fits ? "fit" : "align", " --source ", QuotedWord(spec.source()));
  if (!fits && !generates) absl::StrAppend(&command, " --references REFERENCES_FOLDER");
  if (!spec.masks().empty()) absl::StrAppend(&command, " --masks ", QuotedWord(spec.masks()));
  if (!spec.target().empty()) absl::StrAppend(&command, " --target ", QuotedWord(spec.target()));
  if (!fits) absl::StrAppend(&command, " --pairs ", spec.pairs());
  if (!generates) absl::StrAppend(&command, " --preset ", QuotedWord(spec.preset()));
  const SettingMap defaults = PresetDefaults(spec.preset()).value_or(SettingMap());
  const SettingMap settings(spec.settings().begin(), spec.settings().end());
  for (const auto& [name, value] : settings) {
    const auto known = defaults.find(name);
    if (known != defaults.end() && known->second == value) continue;
    if (!TakesSetting(spec.kind(), name)) continue;
    absl::StrAppend(&command, " --set ", QuotedWord(absl::StrCat(name, "=", value)));
  }
  return command;
}

absl::StatusOr<Json> FetchReportData(Stubs& stubs, const std::string& name) {
  v1::GetJobRequest request;
  request.set_name(name);
  auto job = Call(*stubs.jobs, &v1::Jobs::StubInterface::GetJob, request);
  if (!job.ok()) return job.status();
  auto report = FetchReport(*stubs.jobs, name);
  if (!report.ok()) return report.status();
  if (!report->has_value()) {
    if (IsFinal(job->state())) {
      return absl::FailedPreconditionError(
          absl::StrCat(name, " ", StateWord(job->state()), " without figures, so it has no report",
                       job->error().empty() ? "" : absl::StrCat(": ", job->error())));
    }
    return absl::FailedPreconditionError(
        absl::StrCat(name, " has no figures yet: wait for its end (`afctl job watch ", name, "`)"));
  }
  Json data;
  data["job"] = ToJson(*job);
  data["report"] = ReportJson(**report);
  auto source = FetchDataset(*stubs.datasets, job->spec().source(), job->source_version());
  if (!source.ok()) return source.status();
  data["source"] = *std::move(source);
  auto target = FetchDataset(*stubs.datasets, job->spec().target(), job->target_version());
  if (!target.ok()) return target.status();
  data["target"] = *std::move(target);
  data["samples"] = Json::array();
  data["embedding"] = Json::array();
  data["curves"] = Json::array();
  for (const v1::Artifact& artifact : (*report)->artifacts()) {
    const bool samples = artifact.name() == "samples.json";
    const bool embedding = artifact.name() == "embedding.json";
    const bool curve = absl::EndsWith(artifact.name(), "-curve.json");
    if (!samples && !embedding && !curve) continue;
    auto document = FetchDocument(*stubs.blobs, artifact);
    if (!document.ok()) return document.status();
    if (samples) data["samples"] = *std::move(document);
    if (embedding) data["embedding"] = *std::move(document);
    if (curve) data["curves"].push_back(*std::move(document));
  }
  data["defaults"] = PresetDefaults(job->spec().preset()).value_or(SettingMap());
  data["made_of"] = MixText(job->spec());
  data["command"] = CommandOf(job->spec());
  data["afctl"] = Version();
  data["made"] = absl::FormatTime("%Y-%m-%d %H:%M", absl::Now(), absl::LocalTimeZone());
  return data;
}

}  // namespace alignflow
