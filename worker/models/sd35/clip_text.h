#ifndef ALIGNFLOW_WORKER_MODELS_SD35_CLIP_TEXT_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_CLIP_TEXT_H_

#include <ATen/ATen.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "worker/models/hf/config.h"
#include "worker/models/hf/layers.h"

namespace alignflow {

// transformers' CLIPTextConfig, under its names and with its defaults.
struct ClipTextConfig {
  int64_t vocab_size = 49408;
  int64_t hidden_size = 512;
  int64_t intermediate_size = 2048;
  int64_t projection_dim = 512;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 8;
  int64_t max_position_embeddings = 77;
  std::string hidden_act = "quick_gelu";  // or "gelu"
  double layer_norm_eps = 1e-5;
  int64_t eos_token_id = 49407;
};

// Throws std::runtime_error naming file and field.
ClipTextConfig ParseClipTextConfig(HfConfig& config);

class ClipTextLayer;

// transformers' CLIPTextModelWithProjection with its parameter names: CLIP-L and CLIP-G of SD 3.5
// by their configs. Parameters are uninitialised until weights are loaded. Not thread-safe.
class ClipTextModel : public torch::nn::Module {
 public:
  explicit ClipTextModel(const ClipTextConfig& config, const at::TensorOptions& options = {});
  // config.json and weights of a folder. Throws std::runtime_error naming file and field or tensor.
  static std::shared_ptr<ClipTextModel> Load(const std::filesystem::path& folder,
                                             const at::TensorOptions& options = {});

  struct Output {
    at::Tensor penultimate_hidden_state;  // [B,L,hidden_size]: what the last layer takes in
    at::Tensor text_embeds;               // [B,projection_dim]
  };
  // input_ids: [B,L] int64, L <= max_position_embeddings. The text's embedding is taken at the
  // first end-of-text token; checkpoints whose eos_token_id is 2 mean the greatest id instead, as
  // the reference does. Throws std::invalid_argument.
  Output Forward(const at::Tensor& input_ids) const;

  const ClipTextConfig& config() const { return config_; }

 private:
  ClipTextConfig config_;
  std::shared_ptr<hf::Embedding> token_embedding_, position_embedding_;
  std::vector<std::shared_ptr<ClipTextLayer>> layers_;
  std::shared_ptr<hf::LayerNorm> final_layer_norm_;
  std::shared_ptr<hf::Linear> text_projection_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_CLIP_TEXT_H_
