#include "server/workflow/task_results.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "server/workflow/result_forms.h"

namespace alignflow {
namespace {

// Reads the documents of a task that are not just passed on.
absl::StatusOr<TaskResults> ReadDocuments(const TaskSpec& task, const TaskOutputs& outputs,
                                          BlobStore& blobs) {
  TaskResults results;
  if (task.kind == "figures") {
    absl::StatusOr<std::string> json = blobs.Get(outputs.at("figures"), kMaxResultDocumentBytes);
    if (!json.ok()) return json.status();
    absl::StatusOr<std::vector<FigureRecord>> figures = ParseFigures(*json);
    if (!figures.ok()) return figures.status();
    results.figures = *std::move(figures);
    json = blobs.Get(outputs.at("verdicts.json"), kMaxResultDocumentBytes);
    if (!json.ok()) return json.status();
    absl::StatusOr<std::vector<VerdictRecord>> verdicts = ParseVerdicts(*json);
    if (!verdicts.ok()) return verdicts.status();
    results.verdicts = *std::move(verdicts);
  }
  if (!MakesPairs(task.kind) && task.kind != "masks") return results;
  absl::StatusOr<PairRange> range = PairsOf(task);
  if (!range.ok()) return range.status();
  const std::string role = task.kind == "masks" ? "masks" : "pairs";
  absl::StatusOr<std::string> lines = blobs.Get(outputs.at(role), kMaxResultDocumentBytes);
  if (!lines.ok()) return lines.status();
  absl::StatusOr<std::vector<PairRecord>> pairs =
      task.kind == "masks" ? ParseMasks(*lines, *range) : ParsePairs(*lines, *range);
  if (!pairs.ok()) return pairs.status();
  results.pairs = *std::move(pairs);
  return results;
}

}  // namespace

int64_t TaskResults::pairs_made() const {
  return std::ranges::count_if(
      pairs, [](const PairRecord& pair) { return pair.left_out.empty() && !pair.image.empty(); });
}

int64_t TaskResults::pairs_left_out() const {
  return std::ranges::count_if(pairs,
                               [](const PairRecord& pair) { return !pair.left_out.empty(); });
}

std::string RecordOfJob(const std::string& record_json, const JobRecord& job, int64_t pair) {
  nlohmann::json record = nlohmann::json::parse(record_json);
  record["job"] = absl::StrCat("jobs/", job.id);
  record["source_digest"] = job.source_digest;
  if (!job.masks_digest.empty()) record["masks_digest"] = job.masks_digest;
  record["pair"] = pair;
  return record.dump();
}

absl::StatusOr<TaskResults> CheckOutputs(const TaskSpec& task, const TaskOutputs& outputs,
                                         BlobStore& blobs) {
  for (const std::string& role : OutputRoles(task.kind)) {
    if (!outputs.contains(role)) {
      return absl::InvalidArgumentError(absl::StrCat("output ", role, " is missing"));
    }
  }
  for (const auto& [role, blob] : outputs) {
    if (!blobs.Contains(blob)) {
      return absl::InvalidArgumentError(
          absl::StrCat("output ", role, ": blob ", blob, " has not been written"));
    }
  }
  absl::Status form = CheckForms(task, outputs, blobs);
  if (!form.ok()) return form;
  absl::StatusOr<TaskResults> results = ReadDocuments(task, outputs, blobs);
  if (!results.ok()) return results;
  if (!ResultsExist(task, outputs, results->pairs, blobs)) {
    return absl::InvalidArgumentError("pairs: an image or mask has not been written");
  }
  form = CheckPictures(results->pairs, blobs);
  if (!form.ok()) return form;
  return results;
}

bool ResultsExist(const TaskSpec& task, const TaskOutputs& outputs,
                  const std::vector<PairRecord>& pairs, BlobStore& blobs) {
  const std::vector<std::string> roles = OutputRoles(task.kind);
  const bool outputs_there = std::ranges::all_of(roles, [&](const std::string& role) {
    const auto output = outputs.find(role);
    return output != outputs.end() && blobs.Contains(output->second);
  });
  if (!outputs_there) return false;
  if ((MakesPairs(task.kind) || task.kind == "masks") && pairs.empty()) return false;
  return std::ranges::all_of(pairs, [&](const PairRecord& pair) {
    return std::ranges::all_of(
        std::vector<std::string>{pair.image, pair.mask, pair.view_image, pair.view_mask},
        [&](const std::string& blob) { return blob.empty() || blobs.Contains(blob); });
  });
}

}  // namespace alignflow
