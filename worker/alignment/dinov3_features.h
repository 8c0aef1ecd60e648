#ifndef ALIGNFLOW_WORKER_ALIGNMENT_DINOV3_FEATURES_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_DINOV3_FEATURES_H_

#include <memory>

#include "worker/alignment/feature_extractor.h"
#include "worker/models/dinov3/dinov3_vit.h"

namespace alignflow {

// The paper's features: DINOv3's class token after the last norm (pooler_output), of the image
// resized and normalized as its image processor does. Thread-safe if nobody writes to the model's
// parameters.
class DinoV3Features : public FeatureExtractor {
 public:
  DinoV3Features(std::shared_ptr<const DinoV3ViT> model, const DinoV3Preprocessing& preprocessing)
      : model_(std::move(model)), preprocessing_(preprocessing) {}

  int64_t width() const override { return model_->config().hidden_size; }
  at::Tensor Features(const at::Tensor& image) const override {
    return model_->Forward(DinoV3Pixels(image, preprocessing_)).pooler_output.to(at::kFloat);
  }

 private:
  std::shared_ptr<const DinoV3ViT> model_;
  DinoV3Preprocessing preprocessing_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_DINOV3_FEATURES_H_
