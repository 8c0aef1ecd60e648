#ifndef ALIGNFLOW_WORKER_MODELS_SEGMENTERS_SEGFORMER_H_
#define ALIGNFLOW_WORKER_MODELS_SEGMENTERS_SEGFORMER_H_

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

// config.json of transformers' SegformerForSemanticSegmentation, under its names and with its
// defaults, those of MiT-B0. Every list has a number for each stage.
struct SegFormerConfig {
  std::vector<int64_t> depths = {2, 2, 2, 2};
  std::vector<int64_t> sr_ratios = {8, 4, 2, 1};
  std::vector<int64_t> hidden_sizes = {32, 64, 160, 256};
  std::vector<int64_t> patch_sizes = {7, 3, 3, 3};
  std::vector<int64_t> strides = {4, 2, 2, 2};
  std::vector<int64_t> num_attention_heads = {1, 2, 5, 8};
  std::vector<int64_t> mlp_ratios = {4, 4, 4, 4};
  int64_t decoder_hidden_size = 256;

  bool operator==(const SegFormerConfig&) const = default;
};

// Throws std::runtime_error naming a field that cannot be honoured.
SegFormerConfig ParseSegFormer(HfConfig& config);

// The published sizes "b0" to "b5" (Xie et al., arXiv:2105.15203, table 6). Throws
// std::invalid_argument for another name.
SegFormerConfig MiTConfig(const std::string& size);

// SegFormer without dropout, with transformers' parameter names. The constructor leaves the
// parameters as found in memory, but for the batch norm's. Not thread-safe.
class SegFormer : public torch::nn::Module {
 public:
  SegFormer(const SegFormerConfig& config, int64_t classes, const at::TensorOptions& options = {});
  ~SegFormer() override;

  // pixels: [B,3,H,W], normalized as the encoder was trained. Returns logits [B,K,H/4,W/4].
  at::Tensor Forward(const at::Tensor& pixels) const;

  BatchNorm& batch_norm() { return *batch_norm_; }
  static constexpr char kEncoder[] = "segformer.";  // how the encoder's parameters begin

 private:
  class Stage;

  std::vector<std::shared_ptr<Stage>> stages_;
  std::vector<std::shared_ptr<hf::Linear>> projections_;
  at::Tensor fuse_;  // [D,stages * D,1,1]
  std::shared_ptr<BatchNorm> batch_norm_;
  std::shared_ptr<hf::Conv2d> classifier_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SEGMENTERS_SEGFORMER_H_
