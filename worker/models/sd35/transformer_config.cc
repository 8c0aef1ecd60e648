#include "worker/models/sd35/transformer_config.h"

#include <algorithm>
#include <string>

#include "worker/models/hf/config.h"

namespace alignflow {
namespace {

int64_t NotNull(HfConfig& config, const char* name, int64_t otherwise) {
  if (!config.Has(name)) config.Require(name, otherwise);  // absent will do, null won't
  return config.Positive(name, otherwise);
}

void ReadShared(HfConfig& config, SD3TransformerConfig& out) {
  out.sample_size = config.Positive("sample_size", out.sample_size);
  out.patch_size = config.Positive("patch_size", out.patch_size);
  out.in_channels = config.Positive("in_channels", out.in_channels);
  out.num_layers = config.Positive("num_layers", out.num_layers);
  out.attention_head_dim = config.Positive("attention_head_dim", out.attention_head_dim);
  out.num_attention_heads = config.Positive("num_attention_heads", out.num_attention_heads);
  out.pooled_projection_dim = config.Positive("pooled_projection_dim", out.pooled_projection_dim);
  // null stands for as many as come in, and save_pretrained leaves no field out.
  out.out_channels = config.Positive("out_channels", out.in_channels);
  // With null the reference has other positions, and ControlNets without text.
  out.pos_embed_max_size = NotNull(config, "pos_embed_max_size", out.pos_embed_max_size);
  out.joint_attention_dim = NotNull(config, "joint_attention_dim", out.joint_attention_dim);
  out.dual_attention_layers = config.IntList("dual_attention_layers", {});
  out.rms_qk_norm = !config.String("qk_norm", "").empty();
  if (out.rms_qk_norm) config.Require("qk_norm", "rms_norm");
  if (config.Int("caption_projection_dim", 1152) != out.Width()) {
    config.Refuse("caption_projection_dim",
                  "num_attention_heads times attention_head_dim is expected, which is " +
                      std::to_string(out.Width()));
  }
}

}  // namespace

bool SD3TransformerConfig::IsDual(int64_t layer) const {
  return std::find(dual_attention_layers.begin(), dual_attention_layers.end(), layer) !=
         dual_attention_layers.end();
}

SD3TransformerConfig ParseSD3Transformer(HfConfig& config) {
  SD3TransformerConfig out;
  config.Require("_class_name", "SD3Transformer2DModel");
  ReadShared(config, out);
  config.Finish(HfFile::kModel);
  return out;
}

SD3ControlNetConfig ParseSD3ControlNet(HfConfig& config) {
  SD3ControlNetConfig out;
  config.Require("_class_name", "SD3ControlNetModel");
  ReadShared(config, out);
  out.extra_conditioning_channels = config.Int("extra_conditioning_channels", 0);
  if (out.extra_conditioning_channels < 0) {
    config.Refuse("extra_conditioning_channels", "a number of channels is expected");
  }
  out.force_zeros_for_pooled_projection =
      config.Bool("force_zeros_for_pooled_projection", out.force_zeros_for_pooled_projection);
  // What else the reference has is the layout of SD 3.5 Large's ControlNets, which take tokens from
  // the transformer and no text.
  config.Require("pos_embed_type", "sincos");
  config.Require("use_pos_embed", true);
  config.Finish(HfFile::kModel);
  return out;
}

}  // namespace alignflow
