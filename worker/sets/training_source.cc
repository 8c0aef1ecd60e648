#include "worker/sets/training_source.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <vector>

namespace alignflow {
namespace {

constexpr int64_t kEncodeBatch = 4;

}  // namespace

TrainingSource::TrainingSource(Backbone& model, const ImageSet& images,
                               const std::function<void()>& unless_cancelled)
    : model_(model), images_(images) {
  if (!model.pretrained()) return;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> latents, masks;
  for (int64_t first = 0; first < images.size(); first += kEncodeBatch) {
    unless_cancelled();
    const int64_t last = std::min(first + kEncodeBatch, images.size());
    const ImageBatch batch = TakeBatch(images, at::arange(first, last, at::kLong), model.device());
    latents.push_back(model.codec().Encode(batch.images).cpu());
    masks.push_back(model.EncodeMasks(batch.classes).cpu());
  }
  latents_ = at::cat(latents);
  masks_ = at::cat(masks);
}

TrainingSource::Batch TrainingSource::Take(const at::Tensor& items, at::Generator random) const {
  const at::Device device = model_.device();
  Batch batch;
  if (latents_.defined()) {
    batch.latents = latents_.index_select(0, items).to(device);
    batch.condition = model_.ConditionOn(masks_.index_select(0, items).to(device));
  } else {
    const ImageBatch taken = TakeBatch(images_, items, device, random);
    batch.latents = model_.codec().Encode(taken.images);
    batch.condition = model_.ConditionOn(model_.EncodeMasks(taken.classes));
  }
  model_.DropPrompts(batch.condition, random);
  return batch;
}

}  // namespace alignflow
