#include "worker/models/sd35/autoencoder_config.h"

#include <string>

namespace alignflow {
namespace {

// The lists of block types must be as long as block_out_channels and of one kind.
void RequireBlocks(HfConfig& config, const char* field, const std::string& type, size_t levels) {
  for (const std::string& block : config.StringList(field, {type})) {
    if (block != type) config.Refuse(field, "only '" + type + "' is supported");
  }
  if (config.StringList(field, {type}).size() != levels) {
    config.Refuse(field, "must be as long as block_out_channels");
  }
}

}  // namespace

AutoencoderConfig ParseAutoencoderConfig(HfConfig& config) {
  AutoencoderConfig out;
  config.Require("_class_name", "AutoencoderKL");
  const auto positive = [&config](const char* name, int64_t otherwise) {
    const int64_t value = config.Int(name, otherwise);
    if (value < 1) config.Refuse(name, "must be at least 1");
    return value;
  };
  out.in_channels = positive("in_channels", out.in_channels);
  out.out_channels = positive("out_channels", out.out_channels);
  out.layers_per_block = positive("layers_per_block", out.layers_per_block);
  out.latent_channels = positive("latent_channels", out.latent_channels);
  out.norm_num_groups = positive("norm_num_groups", out.norm_num_groups);
  out.block_out_channels = config.IntList("block_out_channels", out.block_out_channels);
  if (out.block_out_channels.empty() || out.block_out_channels.size() > 8) {
    config.Refuse("block_out_channels", "1 to 8 levels are supported");
  }
  for (const int64_t channels : out.block_out_channels) {
    if (channels < 1 || channels % out.norm_num_groups != 0) {
      config.Refuse("block_out_channels", "must be positive multiples of norm_num_groups");
    }
  }
  RequireBlocks(config, "down_block_types", "DownEncoderBlock2D", out.block_out_channels.size());
  RequireBlocks(config, "up_block_types", "UpDecoderBlock2D", out.block_out_channels.size());
  out.scaling_factor = config.Double("scaling_factor", out.scaling_factor);
  if (!(out.scaling_factor > 0)) config.Refuse("scaling_factor", "must be positive");
  out.shift_factor = config.Double("shift_factor", 0.0);
  out.use_quant_conv = config.Bool("use_quant_conv", true);
  out.use_post_quant_conv = config.Bool("use_post_quant_conv", true);
  out.mid_block_add_attention = config.Bool("mid_block_add_attention", true);
  config.Require("act_fn", "silu");
  config.Require("latents_mean", nullptr);
  config.Require("latents_std", nullptr);
  // Tile sizes and the reference pipeline's precision.
  config.WithoutEffect({"sample_size", "force_upcast"});
  config.Finish(HfFile::kModel);
  return out;
}

}  // namespace alignflow
