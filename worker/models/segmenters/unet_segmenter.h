#ifndef ALIGNFLOW_WORKER_MODELS_SEGMENTERS_UNET_SEGMENTER_H_
#define ALIGNFLOW_WORKER_MODELS_SEGMENTERS_UNET_SEGMENTER_H_

#include <memory>
#include <vector>

#include "worker/models/segmenters/segmenter.h"
#include "worker/models/unet/convolution.h"
#include "worker/models/unet/group_norm.h"

namespace alignflow {

// A small U-Net (Ronneberger et al., arXiv:1505.04597) for training on few images and cores: 16,
// 32, 64 and 96 channels, each level two 3x3 convolutions with group norm and SiLU; max-pooling
// down, repetition and the level's own features up. Larger images get more levels of 96 channels,
// so that the coarsest is about 8 pixels wide. 0.4 million parameters at 64 pixels. Of volumes
// everything has a dimension more.
class UNetSegmenter : public Segmenter {
 public:
  // For RGB pictures (dims 2) or volumes of grey values (3). Throws std::invalid_argument for a
  // size that is not a multiple of 8 of at least 16.
  UNetSegmenter(int64_t classes, int64_t size, int64_t dims = 2);

 protected:
  at::Tensor Predict(const at::Tensor& images) override;

 private:
  class Level;

  int64_t dims_;
  std::vector<std::shared_ptr<Level>> down_, up_;  // from the finest; the coarsest has no up
  std::shared_ptr<Convolution> head_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SEGMENTERS_UNET_SEGMENTER_H_
