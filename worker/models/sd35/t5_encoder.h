#ifndef ALIGNFLOW_WORKER_MODELS_SD35_T5_ENCODER_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_T5_ENCODER_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "worker/models/hf/config.h"
#include "worker/models/hf/layers.h"

namespace alignflow {

// What transformers' T5Config says about the encoder, under its names and with its defaults.
struct T5Config {
  int64_t vocab_size = 32128;
  int64_t d_model = 512;
  int64_t d_kv = 64;  // width of one head
  int64_t d_ff = 2048;
  int64_t num_layers = 6;
  int64_t num_heads = 8;
  int64_t relative_attention_num_buckets = 32;
  int64_t relative_attention_max_distance = 128;
  double layer_norm_epsilon = 1e-6;
  bool gated_gelu = false;  // feed_forward_proj "gated-gelu"; otherwise "relu"
};

// Throws std::runtime_error naming file and field.
T5Config ParseT5Config(HfConfig& config);

class T5Layer;

// transformers' T5EncoderModel with its parameter names: T5-XXL (v1.1) of SD 3.5 by its config. No
// attention mask, as in SD 3.5's pipeline: padding is attended to. Softmax and norms are computed
// in float32 whatever the parameters' type is. Parameters are uninitialised until weights are
// loaded. Not thread-safe.
class T5Encoder : public torch::nn::Module {
 public:
  explicit T5Encoder(const T5Config& config, const at::TensorOptions& options = {});
  // config.json and weights of a folder. Throws std::runtime_error naming file and field or tensor.
  static std::shared_ptr<T5Encoder> Load(const std::filesystem::path& folder,
                                         const at::TensorOptions& options = {});

  // input_ids: [B,L] int64. Returns the last hidden state [B,L,d_model]. Throws
  // std::invalid_argument.
  at::Tensor Forward(const at::Tensor& input_ids) const;

  const T5Config& config() const { return config_; }

 private:
  T5Config config_;
  std::shared_ptr<hf::Embedding> shared_;
  std::shared_ptr<hf::Embedding> relative_attention_bias_;  // the first layer's, for all layers
  std::vector<std::shared_ptr<T5Layer>> layers_;
  std::shared_ptr<hf::RmsNorm> final_layer_norm_;
};

// The bucket of each distance j - i between positions, [L,L] int64 in [0,buckets): half of the
// buckets for each sign; within a half, the first half one distance each, the rest growing
// logarithmically up to max_distance.
at::Tensor T5RelativeBuckets(int64_t length, int64_t buckets, int64_t max_distance);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_T5_ENCODER_H_
