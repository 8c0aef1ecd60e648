#ifndef ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_CONFIG_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_CONFIG_H_

#include <cstdint>
#include <vector>

namespace alignflow {

class HfConfig;

// config.json of diffusers' SD3Transformer2DModel, under its names and with its defaults.
struct SD3TransformerConfig {
  int64_t sample_size = 128;  // side of the latents that the position table was scaled for
  int64_t patch_size = 2;
  int64_t in_channels = 16;
  int64_t num_layers = 18;
  int64_t attention_head_dim = 64;
  int64_t num_attention_heads = 18;
  int64_t joint_attention_dim = 4096;    // width of the text tokens
  int64_t pooled_projection_dim = 2048;  // width of the pooled text embedding
  int64_t out_channels = 16;
  int64_t pos_embed_max_size = 96;             // side of the position table in patches
  std::vector<int64_t> dual_attention_layers;  // blocks with a second attention among the image
  bool rms_qk_norm = false;                    // qk_norm "rms_norm"; false: none

  // The width of both streams.
  int64_t Width() const { return num_attention_heads * attention_head_dim; }
  bool IsDual(int64_t layer) const;
};

// config.json of diffusers' SD3ControlNetModel: the transformer's fields and its own.
struct SD3ControlNetConfig : SD3TransformerConfig {
  int64_t extra_conditioning_channels = 0;  // of the control latent, beyond in_channels
  // The ControlNet sees zeros for the pooled text embedding. Ones made for this also see control
  // latents without the codec's shift.
  bool force_zeros_for_pooled_projection = true;
};

// Read a config.json; every field is honoured or refused. Throw std::runtime_error naming file and
// field.
SD3TransformerConfig ParseSD3Transformer(HfConfig& config);
SD3ControlNetConfig ParseSD3ControlNet(HfConfig& config);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_TRANSFORMER_CONFIG_H_
