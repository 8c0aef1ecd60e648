#include "worker/sets/usable_set.h"

#include "common/settings/least_numbers.h"
#include "common/settings/settings.h"
#include "worker/tasks/task_error.h"

namespace alignflow {

int64_t ImagesWithStructures(const ImageSet& set) {
  if (!set.classes.defined()) return 0;
  int64_t count = 0;
  const int64_t together = Together(set.classes.unsqueeze(1), 64);
  for (const at::Tensor& classes : set.classes.split(together)) {
    count += classes.flatten(1).gt(0).any(1).sum().item<int64_t>();
  }
  return count;
}

void CheckUsable(const TaskSpec& spec, const ImageSet& source) {
  ThrowIfError(CheckStructures(source.facts.masks, static_cast<int>(source.images.size(2)),
                               PresetSizes(source.volumes.defined() ? 3 : 2), "the source"));
  const Quantities known{{Quantity::kSourceImages, source.facts.different},
                         {Quantity::kSourceStructures, source.facts.with_structures}};
  ThrowIfError(CheckLeastNumbers(spec.kind, known));
  ThrowIfError(CheckLeastNumbers("figures", known));
}

}  // namespace alignflow
