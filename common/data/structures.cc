#include "common/data/structures.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace alignflow {
namespace {

using Json = nlohmann::json;
using PresetSizes = std::vector<std::pair<std::string, int>>;

bool LosesMost(const ClassStructures& shown, const KeptStructures& kept) {
  return 2 * kept.structures < shown.structures && 2 * kept.pixels < shown.pixels;
}

// Members of a document's object. They throw for what is there no such thing.
const Json& ObjectIn(const Json& object, const char* name) {
  const Json& value = object.at(name);
  if (!value.is_object()) throw std::invalid_argument(absl::StrCat("'", name, "' is no object"));
  return value;
}

int64_t CountIn(const Json& object, const char* name, int64_t most) {
  const Json& value = object.at(name);
  if (!value.is_number_unsigned() || value.get<uint64_t>() > static_cast<uint64_t>(most)) {
    throw std::invalid_argument(absl::StrCat("'", name, "' is no count of 0 to ", most));
  }
  return value.get<int64_t>();
}

// The smallest larger preset by which most that vanishes is kept: "; with --preset P N vanish".
std::string Remedy(const ClassStructures& shown, int size, const PresetSizes& sizes) {
  if (sizes.empty()) return "";
  const int64_t lost = shown.structures - shown.kept.at(size).structures;
  const std::pair<std::string, int>* best = nullptr;
  bool unknown = false;
  for (const auto& preset : sizes) {
    const auto kept = shown.kept.find(preset.second);
    if (preset.second <= size) continue;
    unknown = unknown || kept == shown.kept.end();
    if (kept == shown.kept.end()) continue;
    if (2 * (shown.structures - kept->second.structures) > lost) continue;
    if (LosesMost(shown, kept->second)) continue;
    if (best == nullptr || preset.second < best->second) best = &preset;
  }
  if (best == nullptr && unknown) return "; try a larger --preset";
  if (best == nullptr) return "; no preset keeps them: crop the images around the structures";
  return absl::StrCat("; with --preset ", best->first, " ",
                      shown.structures - shown.kept.at(best->second).structures, " vanish");
}

}  // namespace

void Add(const MaskFacts& part, MaskFacts& sum) {
  sum.images += part.images;
  sum.with_structures += part.with_structures;
  for (const auto& [label, more] : part.classes) {
    ClassStructures& all = sum.classes[label];
    all.images += more.images;
    all.structures += more.structures;
    all.pixels += more.pixels;
    for (const auto& [size, kept] : more.kept) {
      all.kept[size].structures += kept.structures;
      all.kept[size].pixels += kept.pixels;
    }
  }
}

std::string MaskFactsJson(const MaskFacts& facts) {
  Json classes = Json::object();
  for (const auto& [label, shown] : facts.classes) {
    Json kept = Json::object();
    for (const auto& [size, at_size] : shown.kept) {
      kept[absl::StrCat(size)] = {{"pixels", at_size.pixels}, {"structures", at_size.structures}};
    }
    classes[label] = {{"images", shown.images},
                      {"kept", std::move(kept)},
                      {"pixels", shown.pixels},
                      {"structures", shown.structures}};
  }
  return Json{{"classes", std::move(classes)},
              {"images", facts.images},
              {"with_structures", facts.with_structures}}
      .dump();
}

absl::StatusOr<MaskFacts> ParseMaskFacts(std::string_view json) {
  try {
    const Json document = Json::parse(json);
    MaskFacts facts{
        .images = CountIn(document, "images", INT64_MAX), .with_structures = 0, .classes = {}};
    facts.with_structures = CountIn(document, "with_structures", facts.images);
    for (const auto& [label, shown] : ObjectIn(document, "classes").items()) {
      ClassStructures& own = facts.classes[label];
      own.images = CountIn(shown, "images", facts.with_structures);
      own.pixels = CountIn(shown, "pixels", INT64_MAX);
      own.structures = CountIn(shown, "structures", own.pixels);
      for (const auto& [text, kept] : ObjectIn(shown, "kept").items()) {
        int size = 0;
        if (!absl::SimpleAtoi(text, &size) || size < 1) {
          return absl::InvalidArgumentError("facts of masks: a size is no number");
        }
        own.kept[size] = {CountIn(kept, "structures", own.structures),
                          CountIn(kept, "pixels", own.pixels)};
      }
    }
    return facts;
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("facts of masks: ", error.what()));
  }
}

StructureLoss LossAt(const MaskFacts& facts, int size, const PresetSizes& sizes) {
  StructureLoss result;
  std::vector<std::string> texts;
  for (const auto& [label, shown] : facts.classes) {
    const auto kept = shown.kept.find(size);
    if (kept == shown.kept.end() || kept->second.structures >= shown.structures) continue;
    const bool most = LosesMost(shown, kept->second);
    if (most || result.loss == Loss::kNone) result.loss = most ? Loss::kMost : Loss::kSome;
    texts.push_back(absl::StrCat("of ", shown.structures, " ", label, " structures ",
                                 shown.structures - kept->second.structures, " vanish at ", size,
                                 " px", Remedy(shown, size, sizes)));
  }
  result.text = absl::StrJoin(texts, "; ");
  return result;
}

absl::Status CheckStructures(const MaskFacts& facts, int size, const PresetSizes& sizes,
                             const std::string& what) {
  if (facts.images > 0 && facts.with_structures == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": none of its ", facts.images,
                     " masks shows anything but background; push images whose masks show the "
                     "structures"));
  }
  const StructureLoss loss = LossAt(facts, size, sizes);
  if (loss.loss != Loss::kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": most structures are too small: ", loss.text));
}

}  // namespace alignflow
