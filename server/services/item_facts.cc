#include "server/services/item_facts.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/data/fingerprint.h"

namespace alignflow {
namespace {

constexpr int64_t kMostPixels = int64_t{1} << 32;  // of an image, more than are read

bool IsCount(int64_t count, int64_t most) { return count >= 0 && count <= most; }

}  // namespace

absl::StatusOr<std::string> FingerprintText(const std::string& bytes, const std::string& where) {
  if (bytes.empty() || FingerprintFromBytes(bytes)) return absl::BytesToHexString(bytes);
  return absl::InvalidArgumentError(
      absl::StrCat(where, ", fingerprint: give 32 bytes, or none where it is not known"));
}

absl::Status FactsOfItems::Add(const v1::ItemFacts& facts, const std::string& where,
                               DatasetBlobs& item) {
  absl::StatusOr<std::string> fingerprint = FingerprintText(facts.fingerprint(), where);
  if (!fingerprint.ok()) return fingerprint.status();
  item.fingerprint = *std::move(fingerprint);
  all_counted_ = all_counted_ && facts.structures_counted();
  MaskFacts own{.images = 1, .with_structures = 0, .classes = {}};
  for (const v1::Structures& shown : facts.structures()) {
    const int label =
        shown.value() < 0 || shown.value() > 255 ? -1 : labels_.ClassOf(shown.value());
    bool sound = label > 0 && IsCount(shown.pixels(), kMostPixels) &&
                 IsCount(shown.structures(), shown.pixels());
    if (!sound) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ", facts: structures of the value ", shown.value(),
                       " can't be; count those of labels, or leave facts out"));
    }
    if (shown.structures() == 0) continue;
    own.with_structures = 1;
    ClassStructures& of_class = own.classes[labels_.labels()[label - 1].name];
    of_class = {
        .images = 1, .structures = shown.structures(), .pixels = shown.pixels(), .kept = {}};
    for (const v1::KeptStructures& kept : shown.kept()) {
      if (kept.size() < 1 || !IsCount(kept.structures(), shown.structures()) ||
          !IsCount(kept.pixels(), shown.pixels())) {
        return absl::InvalidArgumentError(absl::StrCat(
            where, ", facts: more structures are kept than there are; leave facts out"));
      }
      of_class.kept[kept.size()] = {kept.structures(), kept.pixels()};
    }
  }
  alignflow::Add(own, sum_);
  return absl::OkStatus();
}

std::string FactsOfItems::MaskFactsText() const {
  return all_counted_ && sum_.images > 0 ? MaskFactsJson(sum_) : "";
}

}  // namespace alignflow
