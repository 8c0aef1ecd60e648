#ifndef ALIGNFLOW_WORKER_MODELS_INCEPTION_INCEPTION_V3_H_
#define ALIGNFLOW_WORKER_MODELS_INCEPTION_INCEPTION_V3_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>

#include "worker/alignment/feature_extractor.h"

namespace alignflow {

// The Inception V3 (Szegedy et al. 2015, arXiv:1512.00567) that FID and KID are defined on:
// TensorFlow's network of 2015-12-05 as torch-fidelity and pytorch-fid converted it, with the names
// of its tensors there. It differs from torchvision's: average pooling leaves the border out of the
// count, the last block's pooling is a maximum, and images are resized as TensorFlow 1 did it,
// which samples from pixels' corners. Computes in float32. Thread-safe.
class InceptionV3 : public FeatureExtractor {
 public:
  // weights: "Conv2d_1a_3x3.conv.weight", "Conv2d_1a_3x3.bn.weight", ...; the classifier "fc.*" may
  // be there and is not used. Throws std::runtime_error naming a tensor that is missing.
  explicit InceptionV3(const std::map<std::string, at::Tensor>& weights,
                       at::Device device = at::kCPU);

  int64_t width() const override { return 2048; }
  // image: [B,3,H,W] RGB in [-1,1] on the model's device. Returns [B,2048], the last average
  // pooling.
  at::Tensor Features(const at::Tensor& image) const override;

 private:
  struct Convolution {
    at::Tensor weight;  // with the batch norm folded in
    at::Tensor bias;
  };
  struct Shape {
    int64_t stride = 1;
    int64_t pad_rows = 0, pad_columns = 0;
  };

  // Convolution, batch norm and ReLU.
  at::Tensor Apply(const std::string& name, const at::Tensor& x, const Shape& shape) const;
  at::Tensor Apply(const std::string& name, const at::Tensor& x) const {
    return Apply(name, x, {});
  }
  at::Tensor BlockA(const std::string& name, const at::Tensor& x) const;
  at::Tensor BlockB(const std::string& name, const at::Tensor& x) const;
  at::Tensor BlockC(const std::string& name, const at::Tensor& x) const;
  at::Tensor BlockD(const std::string& name, const at::Tensor& x) const;
  at::Tensor BlockE(const std::string& name, const at::Tensor& x, bool maximum) const;

  std::map<std::string, Convolution> layers_;
};

// Bilinear as in TensorFlow 1: the output's pixel i lies at i * input / output. x: [B,C,H,W];
// returns [B,C,size,size].
at::Tensor ResizeLikeTensorFlow1(const at::Tensor& x, int64_t size);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_INCEPTION_INCEPTION_V3_H_
