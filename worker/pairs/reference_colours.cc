#include "worker/pairs/reference_colours.h"

#include "worker/tasks/task_error.h"
#include "worker/training/random_stream.h"

namespace alignflow {

ReferenceColours::ReferenceColours(const ImageSet& references, uint64_t seed) : seed_(seed) {
  if (references.size() == 0) {
    throw TaskError(absl::InvalidArgumentError("no reference to take colours from"));
  }
  for (int64_t i = 0; i < references.size(); ++i) {
    moments_.push_back(MomentsInView(ImagesFromBytes(references.images.narrow(0, i, 1))));
  }
}

int64_t ReferenceColours::DrawnFor(int64_t pair) const {
  return at::randint(static_cast<int64_t>(moments_.size()), {1},
                     RandomStream(seed_, RandomUse::kTransfer, pair), at::kLong)
      .item<int64_t>();
}

at::Tensor ReferenceColours::Recoloured(const at::Tensor& images, int64_t reference) const {
  return TransferReinhard(images, moments_.at(reference));
}

}  // namespace alignflow
