#include "server/workflow/task_results.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/digest.h"
#include "common/status_conversion.h"

namespace alignflow {
namespace {

using Json = nlohmann::json;

absl::StatusOr<PairRecord> ParsePair(const Json& line) {
  if (!line.is_object() || !line.contains("record") || !line["record"].is_object()) {
    return absl::InvalidArgumentError("no object with a record");
  }
  PairRecord pair;
  try {
    pair.index = line.at("pair").get<int64_t>();
    pair.image = line.at("image").get<std::string>();
    pair.mask = line.at("mask").get<std::string>();
    pair.record_json = line["record"].dump();
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError("pair, image or mask is missing or of another type");
  }
  if (!IsSha256Hex(pair.image) || !IsSha256Hex(pair.mask)) {
    return absl::InvalidArgumentError("image or mask is no digest");
  }
  return pair;
}

}  // namespace

absl::StatusOr<std::vector<PairRecord>> ParsePairs(std::string_view json_lines,
                                                   const PairRange& range) {
  std::vector<PairRecord> pairs;
  const std::vector<std::string> lines =
      absl::StrSplit(std::string(json_lines), '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    const int64_t expected = range.first + static_cast<int64_t>(pairs.size());
    absl::StatusOr<PairRecord> pair = ParsePair(Json::parse(line, nullptr, false));
    if (pair.ok() && (pair->index != expected || expected > range.last)) {
      pair = absl::InvalidArgumentError(absl::StrCat("pair ", pair->index, " is not due"));
    }
    if (!pair.ok()) return Annotate(pair.status(), absl::StrCat("pairs: line ", pairs.size() + 1));
    pairs.push_back(*std::move(pair));
  }
  const auto wanted = static_cast<size_t>(range.last - range.first + 1);
  if (pairs.size() == wanted) return pairs;
  return absl::InvalidArgumentError(
      absl::StrCat("pairs: ", pairs.size(), " of ", wanted, " are there"));
}

absl::StatusOr<std::vector<FigureRecord>> ParseFigures(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (!document.is_array()) return absl::InvalidArgumentError("figures: not a JSON array");
  std::vector<FigureRecord> figures;
  try {
    for (const Json& entry : document) {
      FigureRecord figure;
      figure.name = entry.at("name").get<std::string>();
      figure.subject = entry.at("subject").get<std::string>();
      figure.value = entry.at("value").get<double>();
      figure.better = entry.value("better", "");
      figure.sample_count = entry.value("sample_count", 0);
      figures.push_back(figure);
    }
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError(
        absl::StrCat("figures: entry ", figures.size() + 1, " lacks a field"));
  }
  return figures;
}

std::string RecordOfJob(const std::string& record_json, const std::string& job, int64_t pair) {
  Json record = Json::parse(record_json);
  record["job"] = job;
  record["pair"] = pair;
  return record.dump();
}

absl::StatusOr<std::vector<PairRecord>> CheckOutputs(const TaskSpec& task,
                                                     const TaskOutputs& outputs, BlobStore& blobs) {
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
  std::vector<PairRecord> pairs;
  if (task.kind == "figures") {
    absl::StatusOr<std::string> json = blobs.Get(outputs.at("figures"), kMaxResultDocumentBytes);
    if (!json.ok()) return json.status();
    absl::StatusOr<std::vector<FigureRecord>> figures = ParseFigures(*json);
    if (!figures.ok()) return figures.status();
  }
  if (task.kind == "generate") {
    absl::StatusOr<PairRange> range = PairsOf(task);
    if (!range.ok()) return range.status();
    absl::StatusOr<std::string> lines = blobs.Get(outputs.at("pairs"), kMaxResultDocumentBytes);
    if (!lines.ok()) return lines.status();
    absl::StatusOr<std::vector<PairRecord>> parsed = ParsePairs(*lines, *range);
    if (!parsed.ok()) return parsed;
    pairs = *std::move(parsed);
    if (!ResultsExist(task, outputs, pairs, blobs)) {
      return absl::InvalidArgumentError("pairs: an image or mask has not been written");
    }
  }
  return pairs;
}

bool ResultsExist(const TaskSpec& task, const TaskOutputs& outputs,
                  const std::vector<PairRecord>& pairs, BlobStore& blobs) {
  const std::vector<std::string> roles = OutputRoles(task.kind);
  const bool outputs_there = std::ranges::all_of(roles, [&](const std::string& role) {
    const auto output = outputs.find(role);
    return output != outputs.end() && blobs.Contains(output->second);
  });
  if (!outputs_there) return false;
  if (task.kind == "generate" && pairs.empty()) return false;
  return std::ranges::all_of(pairs, [&](const PairRecord& pair) {
    return blobs.Contains(pair.image) && blobs.Contains(pair.mask);
  });
}

}  // namespace alignflow
