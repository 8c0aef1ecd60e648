#ifndef ALIGNFLOW_WORKER_FIGURES_FEATURES_H_
#define ALIGNFLOW_WORKER_FIGURES_FEATURES_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/alignment/feature_extractor.h"
#include "worker/models/lpips/lpips.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// Features that sets of images are compared by, and what the figures on them are called.
struct FeatureSpace {
  std::string kernel;     // the kernel distance: "mmd", "kd (dinov3)", "kid"
  std::string frechet;    // the Frechet distance: "fd (filter bank)", "fd (dinov3)", "fid"
  std::string diversity;  // the mean pairwise distance; empty: not computed
  std::string manifold;  // what precision, recall and the Vendi score end with; empty: not computed
  std::shared_ptr<const FeatureExtractor> extractor;  // null: this worker has no weights
  std::string missing;                                // then, why
  bool judges = false;                                // no method is trained on it
};

// The filter bank of the source's statistics, which is always there, then EfficientNet-Lite2
// (worker/stores/efficientnet_file.h), DINOv3
// (MODELS_DIR/WEIGHTS of a pretrained preset, or MODELS_DIR/figures, each with a folder dinov3) and
// Inception V3 (MODELS_DIR/figures/inception.safetensors). Throws TaskError with FailedPrecondition
// for weights that are there and cannot be read.
std::vector<FeatureSpace> LoadFeatureSpaces(TaskContext& context, const TaskSpec& spec);

// The space that alignment is judged in: one that no method is trained on, where its weights are
// there, else the first.
const FeatureSpace& JudgingSpace(const std::vector<FeatureSpace>& spaces);

// bytes: uint8 [N,3,S,S]. Returns float [N,d] on the CPU. `each_batch` may throw.
at::Tensor FeaturesOf(const FeatureExtractor& extractor, const at::Tensor& bytes, at::Device device,
                      const std::function<void()>& each_batch);

// MODELS_DIR/figures/lpips.safetensors.
struct LpipsModel {
  std::optional<Lpips> net;
  std::string missing;  // why there is none
};
LpipsModel LoadLpips(TaskContext& context);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_FEATURES_H_
