#include "worker/sets/usable_set.h"

#include <string_view>
#include <unordered_set>

#include "common/settings/least_numbers.h"
#include "common/settings/settings.h"
#include "worker/tasks/task_error.h"

namespace alignflow {

int64_t ImagesWithStructures(const ImageSet& set) {
  if (!set.classes.defined()) return 0;
  return set.classes.flatten(1).gt(0).any(1).sum().item<int64_t>();
}

int64_t DistinctImages(const ImageSet& set) {
  const at::Tensor images = set.images.contiguous();
  const size_t bytes = static_cast<size_t>(images[0].numel());
  std::unordered_set<std::string_view> seen;
  for (int64_t i = 0; i < set.size(); ++i) {
    seen.emplace(reinterpret_cast<const char*>(images.const_data_ptr<uint8_t>()) + i * bytes,
                 bytes);
  }
  return static_cast<int64_t>(seen.size());
}

void CheckUsable(const TaskSpec& spec, const ImageSet& source) {
  const Quantities known{{Quantity::kSourceImages, DistinctImages(source)},
                         {Quantity::kSourceStructures, ImagesWithStructures(source)}};
  ThrowIfError(CheckLeastNumbers(spec.kind, known));
  ThrowIfError(CheckLeastNumbers("figures", known));
}

void CheckUsable(const TaskSpec& spec, const ImageSet& source, const MaskFacts& facts) {
  ThrowIfError(
      CheckStructures(facts, static_cast<int>(source.images.size(2)), PresetSizes(), "the source"));
  CheckUsable(spec, source);
}

}  // namespace alignflow
