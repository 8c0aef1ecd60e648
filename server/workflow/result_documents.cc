#include "server/workflow/result_documents.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/digest.h"
#include "common/status_conversion.h"

namespace alignflow {
namespace {

using Json = nlohmann::json;

// Of objects and arrays within each other; our own documents have three. Writing one out again
// takes stack for each level, and a worker must not be able to exhaust it.
constexpr int kDeepest = 16;

// Discarded where it is no JSON, or deeper.
Json Parse(std::string_view text) {
  bool too_deep = false;
  Json document = Json::parse(
      text,
      [&too_deep](int depth, Json::parse_event_t, Json&) {
        too_deep |= depth > kDeepest;
        return !too_deep;
      },
      /*allow_exceptions=*/false);
  return too_deep ? Json(Json::value_t::discarded) : document;
}

absl::StatusOr<PairRecord> ParsePair(const Json& line) {
  if (!line.is_object() || !line.contains("record") || !line["record"].is_object()) {
    return absl::InvalidArgumentError("no object with a record");
  }
  PairRecord pair;
  try {
    pair.index = line.at("pair").get<int64_t>();
    pair.left_out = line.value("left_out", "");
    pair.record_json = line["record"].dump();
    if (!pair.left_out.empty()) return pair;
    pair.image = line.at("image").get<std::string>();
    pair.mask = line.at("mask").get<std::string>();
    pair.view_image = line.value("view_image", "");
    pair.view_mask = line.value("view_mask", "");
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError("pair, image or mask is missing or of another type");
  }
  const auto is_digest = [](const std::string& text) { return IsSha256Hex(text); };
  std::vector<std::string> digests{pair.image, pair.mask};
  if (!pair.view_image.empty() || !pair.view_mask.empty()) {
    digests.insert(digests.end(), {pair.view_image, pair.view_mask});
  }
  if (!std::ranges::all_of(digests, is_digest)) {
    return absl::InvalidArgumentError("image or mask is no digest");
  }
  return pair;
}

absl::StatusOr<PairRecord> ParseMask(const Json& line) {
  PairRecord pair;
  pair.record_json = "{}";
  try {
    pair.index = line.at("pair").get<int64_t>();
    pair.mask = line.at("mask").get<std::string>();
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError("pair or mask is missing or of another type");
  }
  if (!IsSha256Hex(pair.mask)) return absl::InvalidArgumentError("mask is no digest");
  return pair;
}

// Lines for the pairs of `range`, in order.
absl::StatusOr<std::vector<PairRecord>> ParseLines(
    std::string_view what, std::string_view json_lines, const PairRange& range,
    const std::function<absl::StatusOr<PairRecord>(const Json&)>& parse) {
  std::vector<PairRecord> pairs;
  const std::vector<std::string> lines =
      absl::StrSplit(std::string(json_lines), '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    const int64_t expected = range.first + static_cast<int64_t>(pairs.size());
    absl::StatusOr<PairRecord> pair = parse(Parse(line));
    if (pair.ok() && (pair->index != expected || expected > range.last)) {
      pair = absl::InvalidArgumentError(absl::StrCat("pair ", pair->index, " is not due"));
    }
    if (!pair.ok()) {
      return Annotate(pair.status(), absl::StrCat(std::string(what), ": line ", pairs.size() + 1));
    }
    pairs.push_back(*std::move(pair));
  }
  const auto wanted = static_cast<size_t>(range.last - range.first + 1);
  if (pairs.size() == wanted) return pairs;
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(what), ": ", pairs.size(), " of ", wanted, " are there"));
}

std::optional<double> OptionalNumber(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || found->is_null()) return std::nullopt;
  return found->get<double>();
}

FigureRecord ParseFigure(const Json& entry) {
  FigureRecord figure;
  figure.name = entry.at("name").get<std::string>();
  figure.subject = entry.at("subject").get<std::string>();
  if (!entry.at("value").is_null()) figure.value = entry["value"].get<double>();
  figure.low = OptionalNumber(entry, "low");
  figure.high = OptionalNumber(entry, "high");
  figure.better = entry.value("better", "");
  figure.unit = entry.value("unit", "");
  figure.note = entry.value("note", "");
  figure.sample_count = entry.value("sample_count", 0);
  return figure;
}

// The entries of a JSON array. `parse` throws Json::exception for one that it can't use.
template <typename Record>
absl::StatusOr<std::vector<Record>> ParseEntries(std::string_view what, std::string_view json,
                                                 const std::function<Record(const Json&)>& parse) {
  const Json document = Parse(json);
  if (!document.is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(what), ": not a JSON array"));
  }
  std::vector<Record> records;
  try {
    for (const Json& entry : document) records.push_back(parse(entry));
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(what), ": entry ", records.size() + 1, " lacks a field"));
  }
  return records;
}

}  // namespace

absl::StatusOr<std::vector<PairRecord>> ParsePairs(std::string_view json_lines,
                                                   const PairRange& range) {
  return ParseLines("pairs", json_lines, range, ParsePair);
}

absl::StatusOr<std::vector<PairRecord>> ParseMasks(std::string_view json_lines,
                                                   const PairRange& range) {
  return ParseLines("masks", json_lines, range, ParseMask);
}

absl::StatusOr<std::vector<FigureRecord>> ParseFigures(std::string_view json) {
  return ParseEntries<FigureRecord>("figures", json, ParseFigure);
}

absl::StatusOr<std::vector<VerdictRecord>> ParseVerdicts(std::string_view json) {
  return ParseEntries<VerdictRecord>("verdicts.json", json, [](const Json& entry) {
    return VerdictRecord{.name = entry.at("name").get<std::string>(),
                         .verdict = entry.at("verdict").get<std::string>(),
                         .reason = entry.at("reason").get<std::string>()};
  });
}

}  // namespace alignflow
