#ifndef ALIGNFLOW_WORKER_MODELS_SEGMENTERS_LITE_UNET_SEGMENTER_H_
#define ALIGNFLOW_WORKER_MODELS_SEGMENTERS_LITE_UNET_SEGMENTER_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "worker/models/efficientnet/efficientnet.h"
#include "worker/models/segmenters/segmenter.h"
#include "worker/models/unet/convolution.h"

namespace alignflow {

// A U-Net whose encoder is EfficientNet-Lite0. From its coarsest level up: repetition and the
// level's own features, two 3x3 convolutions with batch norm and ReLU to 96, 48, 32 and 24
// channels; the classes are told at half the images' size and enlarged. 4.1 million parameters.
// A pretrained encoder learns at a third of the rate.
class LiteUNetSegmenter : public Segmenter {
 public:
  // `weights`: the encoder's safetensors file; without one it is drawn from the global generator.
  // Throws std::invalid_argument for a size below 32, std::runtime_error naming file and tensor.
  LiteUNetSegmenter(int64_t classes, int64_t size, const std::filesystem::path& weights);

  void Settle(const std::function<at::Tensor(int64_t batch)>& images, int64_t batches) override;
  double RateScale(const std::string& parameter) const override;

 protected:
  at::Tensor Predict(const at::Tensor& images) override;

 private:
  class Level;

  bool pretrained_;
  std::shared_ptr<EfficientNet> encoder_;
  std::vector<std::shared_ptr<Level>> up_;  // from the finest
  std::shared_ptr<Convolution> head_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SEGMENTERS_LITE_UNET_SEGMENTER_H_
