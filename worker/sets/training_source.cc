#include "worker/sets/training_source.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "worker/flow/coupling.h"
#include "worker/flow/guidance.h"
#include "worker/models/safetensors.h"
#include "worker/models/safetensors_writer.h"
#include "worker/sets/image_classes.h"

namespace alignflow {
namespace {

constexpr int64_t kEncodeBatch = 4;

// Of `count` rows like these.
TensorShape ShapeOfAll(const at::Tensor& rows, int64_t count) {
  TensorShape shape{rows.scalar_type(), rows.sizes().vec()};
  shape.sizes.front() = count;
  return shape;
}

}  // namespace

TrainingSource::TrainingSource(Backbone& model, const ImageSet& images, double mask_dropout,
                               const std::filesystem::path& folder,
                               const std::function<void()>& unless_cancelled)
    : model_(model), images_(images), mask_dropout_(mask_dropout) {
  if (!model.pretrained()) return;
  const at::NoGradGuard no_grad;
  const std::filesystem::path file = folder / "latents.safetensors";
  std::optional<SafetensorsWriter> writer;
  for (int64_t first = 0; first < images.size(); first += kEncodeBatch) {
    unless_cancelled();
    const int64_t last = std::min(first + kEncodeBatch, images.size());
    const ImageBatch batch = TakeBatch(images, at::arange(first, last, at::kLong), model.device());
    const at::Tensor latents = model.codec().Encode(batch.images).cpu();
    const at::Tensor masks = model.EncodeMasks(batch.classes).cpu();
    if (!writer) {
      writer.emplace(
          file,
          std::map<std::string, TensorShape>{{"latents", ShapeOfAll(latents, images.size())},
                                             {"masks", ShapeOfAll(masks, images.size())}},
          std::map<std::string, std::string>());
    }
    writer->WriteRows("latents", first, latents);
    writer->WriteRows("masks", first, masks);
  }
  writer->Finish(/*flush=*/false);
  const SafetensorsFile mapped(file);
  latents_ = mapped.Get("latents");
  masks_ = mapped.Get("masks");
}

std::vector<int64_t> TrainingSource::ConditionNumbers(const at::Tensor& items,
                                                      const Condition& condition) const {
  const at::Tensor classes = TakeClasses(images_, items);
  std::vector<at::Tensor> shown;  // [B] each
  for (int64_t label = 0; label < images_.labels.classes(); ++label) {
    shown.push_back(classes.eq(label).flatten(1).any(1));
  }
  const at::Tensor kept =
      condition.mask.defined() ? condition.mask.ne(0).flatten(1).any(1) : at::Tensor();
  return EqualRows({at::stack(shown, 1), kept, condition.context, condition.class_labels});
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
    batch.condition =
        model_.ConditionOn(model_.EncodeMasks(taken.classes), ClassesFor(model_, images_, items));
  }
  DropConditions(batch.condition, mask_dropout_, random);
  model_.DropPrompts(batch.condition, random);
  return batch;
}

}  // namespace alignflow
