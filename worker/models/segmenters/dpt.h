#ifndef ALIGNFLOW_WORKER_MODELS_SEGMENTERS_DPT_H_
#define ALIGNFLOW_WORKER_MODELS_SEGMENTERS_DPT_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "worker/models/batch_norm.h"
#include "worker/models/hf/layers.h"

namespace alignflow {

class HfConfig;

// config.json of transformers' DPTForSemanticSegmentation with its own ViT, under its names and
// with its defaults.
struct DptConfig {
  int64_t image_size = 384;  // of the grid that position embeddings are given for
  int64_t patch_size = 16;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  double layer_norm_eps = 1e-12;
  bool qkv_bias = true;
  std::vector<int64_t> backbone_out_indices = {2, 5, 8, 11};  // layers, rising
  std::string readout_type = "project";                       // "ignore", "add" or "project"
  std::vector<double> reassemble_factors = {4, 2, 1, 0.5};
  std::vector<int64_t> neck_hidden_sizes = {96, 192, 384, 768};
  int64_t fusion_hidden_size = 256;
  bool use_batch_norm_in_fusion_residual = false;
  bool use_bias_in_fusion_residual = true;
};

// Throws std::runtime_error naming a field that cannot be honoured.
DptConfig ParseDpt(HfConfig& config);

// A dense prediction transformer (Ranftl et al., arXiv:2103.13413) without dropout and auxiliary
// head, with transformers' parameter names. The constructor leaves the parameters as found in
// memory, but for batch norms'. Not thread-safe.
class Dpt : public torch::nn::Module {
 public:
  Dpt(const DptConfig& config, int64_t classes, const at::TensorOptions& options = {});
  ~Dpt() override;

  // pixels: [B,3,H,W], normalized as the encoder was trained; H and W multiples of the patch.
  // Returns logits, [B,K,H,W] where the grid of patches has even sides.
  at::Tensor Forward(const at::Tensor& pixels) const;

  const std::vector<std::shared_ptr<BatchNorm>>& batch_norms() const { return batch_norms_; }
  static constexpr char kEncoder[] = "dpt.";  // how the encoder's parameters begin

 private:
  class Encoder;
  class Reassemble;
  class Fusion;

  std::shared_ptr<Encoder> encoder_;
  std::vector<std::shared_ptr<Reassemble>> reassemble_;
  std::vector<at::Tensor> convolutions_;
  std::vector<std::shared_ptr<Fusion>> fusions_;
  at::Tensor head_convolution_;
  std::shared_ptr<hf::Conv2d> classifier_;
  std::vector<std::shared_ptr<BatchNorm>> batch_norms_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SEGMENTERS_DPT_H_
