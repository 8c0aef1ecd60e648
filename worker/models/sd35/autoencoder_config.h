#ifndef ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_CONFIG_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_CONFIG_H_

#include <cstdint>
#include <vector>

#include "worker/models/hf/config.h"

namespace alignflow {

// diffusers' AutoencoderKL, under its names and with its defaults.
struct AutoencoderConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  std::vector<int64_t> block_out_channels = {64};  // from the finest level to the coarsest
  int64_t layers_per_block = 1;
  int64_t latent_channels = 4;
  int64_t norm_num_groups = 32;
  double scaling_factor = 0.18215;
  double shift_factor = 0.0;
  bool use_quant_conv = true;
  bool use_post_quant_conv = true;
  bool mid_block_add_attention = true;

  // The factor between image and latent.
  int64_t Downscale() const { return int64_t{1} << (block_out_channels.size() - 1); }
};

// Throws std::runtime_error naming file and field.
AutoencoderConfig ParseAutoencoderConfig(HfConfig& config);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_AUTOENCODER_CONFIG_H_
