#include "worker/pairs/reference_colours.h"

#include <utility>

#include "worker/sets/image_set.h"
#include "worker/sets/reference_set.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"
#include "worker/training/random_stream.h"

namespace alignflow {

ReferenceColours::ReferenceColours(std::vector<ColourMoments> moments, uint64_t seed)
    : seed_(seed), moments_(std::move(moments)) {
  if (moments_.empty()) {
    throw TaskError(absl::InvalidArgumentError("no reference to take colours from"));
  }
}

ReferenceColours ReferenceColours::Of(TaskContext& context, const TaskSpec& spec, int64_t side) {
  std::vector<ColourMoments> moments;
  ReadLearnedReferences(context, spec, side, [&](const DecodedItems& decoded) {
    for (int64_t i = 0; i < decoded.images.size(0); ++i) {
      moments.push_back(MomentsInView(ImagesFromBytes(decoded.images.narrow(0, i, 1))));
    }
  });
  return {std::move(moments), static_cast<uint64_t>(IntegerSetting(spec, "seed"))};
}

int64_t ReferenceColours::DrawnFor(int64_t pair) const {
  return ReferenceDrawnFor(pair, static_cast<int64_t>(moments_.size()), seed_);
}

at::Tensor ReferenceColours::Recoloured(const at::Tensor& images, int64_t reference) const {
  return TransferReinhard(images, moments_.at(reference));
}

int64_t ReferenceDrawnFor(int64_t pair, int64_t count, uint64_t seed) {
  return at::randint(count, {1}, RandomStream(seed, RandomUse::kTransfer, pair), at::kLong)
      .item<int64_t>();
}

}  // namespace alignflow
