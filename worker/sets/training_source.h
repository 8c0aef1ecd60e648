#ifndef ALIGNFLOW_WORKER_SETS_TRAINING_SOURCE_H_
#define ALIGNFLOW_WORKER_SETS_TRAINING_SOURCE_H_

#include <filesystem>
#include <functional>
#include <vector>

#include "worker/models/backbone.h"
#include "worker/sets/image_set.h"

namespace alignflow {

// The source's latents and conditions for the diffusion loss. For a pretrained model all are
// encoded once into a file in `folder`, of which memory holds what is in use; they are not flipped,
// because its codec's latent of a flipped image is not the flipped latent. For others each batch is
// flipped at random and encoded anew. Model and images must outlive it.
class TrainingSource {
 public:
  // unless_cancelled is called every few images while they are encoded; what it throws ends that.
  // mask_dropout: share of the samples without a mask.
  TrainingSource(Backbone& model, const ImageSet& images, double mask_dropout,
                 const std::filesystem::path& folder,
                 const std::function<void()>& unless_cancelled);

  struct Batch {
    at::Tensor latents;   // [B,C,h,w] on the model's device
    Condition condition;  // with dropped masks and prompts
  };
  // items: int64 [B].
  Batch Take(const at::Tensor& items, at::Generator random) const;

  // Numbers of a batch's conditions for a coupling (worker/flow/coupling.h). Hardly any two masks
  // are equal, so masks count as equal where they show the same labels; that of which the mask was
  // dropped is a condition by itself, and so is another prompt.
  std::vector<int64_t> ConditionNumbers(const at::Tensor& items, const Condition& condition) const;

 private:
  Backbone& model_;
  const ImageSet& images_;
  double mask_dropout_;
  at::Tensor latents_, masks_;  // of all images, mapped; undefined unless the model is pretrained
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_TRAINING_SOURCE_H_
