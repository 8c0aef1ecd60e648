#include "client/item_facts.h"

#include "absl/strings/str_cat.h"
#include "common/settings/settings.h"

namespace alignflow {

void SetFacts(const ItemFacts& facts, const LabelTable& labels, v1::ItemFacts& out) {
  if (facts.fingerprint) out.set_fingerprint(FingerprintBytes(*facts.fingerprint));
  out.set_structures_counted(!facts.structures.empty());
  for (const auto& [value, shown] : facts.structures) {
    if (labels.ClassOf(value) <= 0 || shown.structures == 0) continue;
    v1::Structures* structures = out.add_structures();
    structures->set_value(value);
    structures->set_structures(shown.structures);
    structures->set_pixels(shown.pixels);
    for (const auto& [size, left] : shown.kept) {
      v1::KeptStructures* kept = structures->add_kept();
      kept->set_size(size);
      kept->set_structures(left.structures);
      kept->set_pixels(left.pixels);
    }
  }
}

std::vector<std::string> WarningsOfStructures(const ImageFolder& folder) {
  MaskFacts sum;
  for (const FolderItem& item : folder.items) {
    if (item.facts.structures.empty()) return {};
    Add(FactsOf(item.facts.structures, folder.labels), sum);
  }
  const auto& sizes = PresetSizes(folder.items.front().depth > 0 ? 3 : 2);
  const auto& [preset, size] = sizes.front();
  const absl::Status usable = CheckStructures(sum, size, sizes, "masks");
  if (!usable.ok()) {
    return {absl::StrCat(std::string(usable.message()), " (a job with --preset ", preset,
                         " would be refused)")};
  }
  const StructureLoss loss = LossAt(sum, size, sizes);
  if (loss.loss == Loss::kNone) return {};
  return {absl::StrCat("masks: ", loss.text)};
}

}  // namespace alignflow
