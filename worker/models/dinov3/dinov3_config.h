#ifndef ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_CONFIG_H_
#define ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_CONFIG_H_

#include <cstdint>
#include <vector>

namespace alignflow {

class HfConfig;

// config.json of transformers' DINOv3ViTModel, under its names and with its defaults. The sizes
// published differ by it alone: ViT-S/B/L/H+.
struct DinoV3Config {
  int64_t patch_size = 16;
  int64_t hidden_size = 384;
  int64_t intermediate_size = 1536;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 6;
  int64_t num_channels = 3;
  int64_t num_register_tokens = 0;
  bool silu = false;           // hidden_act "silu"; false: "gelu"
  bool use_gated_mlp = false;  // down(act(gate(x)) up(x)) instead of down(act(up(x)))
  bool query_bias = true;
  bool key_bias = false;
  bool value_bias = true;
  bool proj_bias = true;
  bool mlp_bias = true;
  double layer_norm_eps = 1e-5;
  double rope_theta = 100.0;
};

// preprocessor_config.json of its image processor.
struct DinoV3Preprocessing {
  int64_t height = 224;
  int64_t width = 224;
  std::vector<double> mean = {0.485, 0.456, 0.406};  // of RGB in [0,1]
  std::vector<double> deviation = {0.229, 0.224, 0.225};
};

// Every field is honoured or refused; throw std::runtime_error naming file and field.
DinoV3Config ParseDinoV3(HfConfig& config);
DinoV3Preprocessing ParseDinoV3Preprocessing(HfConfig& config);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_DINOV3_DINOV3_CONFIG_H_
