#include "worker/models/dinov3/dinov3_config.h"

#include "worker/models/hf/config.h"

namespace alignflow {
namespace {

std::vector<double> Rgb(HfConfig& config, const char* name, const std::vector<double>& otherwise) {
  const std::vector<double> values = config.DoubleList(name, otherwise);
  if (values.size() != 3) config.Refuse(name, "a value for each of R, G and B is expected");
  return values;
}

}  // namespace

DinoV3Config ParseDinoV3(HfConfig& config) {
  DinoV3Config out;
  config.Require("model_type", "dinov3_vit");
  out.patch_size = config.Positive("patch_size", out.patch_size);
  out.hidden_size = config.Positive("hidden_size", out.hidden_size);
  out.intermediate_size = config.Positive("intermediate_size", out.intermediate_size);
  out.num_hidden_layers = config.Positive("num_hidden_layers", out.num_hidden_layers);
  out.num_attention_heads = config.Positive("num_attention_heads", out.num_attention_heads);
  if (out.hidden_size % (4 * out.num_attention_heads) != 0) {
    config.Refuse("num_attention_heads",
                  "hidden_size must be a multiple of 4 for each head, which are coordinates of a "
                  "patch by sine and cosine");
  }
  config.Require("num_channels", 3);
  out.num_register_tokens = config.Int("num_register_tokens", 0);
  if (out.num_register_tokens < 0) config.Refuse("num_register_tokens", "a number is expected");
  out.silu = config.OneOf("hidden_act", {"gelu", "silu"}) == "silu";
  out.use_gated_mlp = config.Bool("use_gated_mlp", out.use_gated_mlp);
  out.query_bias = config.Bool("query_bias", out.query_bias);
  out.key_bias = config.Bool("key_bias", out.key_bias);
  out.value_bias = config.Bool("value_bias", out.value_bias);
  out.proj_bias = config.Bool("proj_bias", out.proj_bias);
  out.mlp_bias = config.Bool("mlp_bias", out.mlp_bias);
  out.layer_norm_eps = config.Double("layer_norm_eps", out.layer_norm_eps);
  out.rope_theta = config.Double("rope_theta", out.rope_theta);
  // Initial values, what happens in training alone, and what other classes than the model read.
  config.WithoutEffect({"image_size", "layerscale_value", "pos_embed_shift", "pos_embed_jitter",
                        "pos_embed_rescale", "apply_layernorm", "reshape_hidden_states",
                        "return_class_token", "out_features", "out_indices", "stage_names"});
  config.Finish(HfFile::kModel);
  return out;
}

DinoV3Preprocessing ParseDinoV3Preprocessing(HfConfig& config) {
  DinoV3Preprocessing out;
  config.OneOf("image_processor_type", {"DINOv3ViTImageProcessorFast", "DINOv3ViTImageProcessor"});
  config.Require("do_resize", true);
  config.Require("do_rescale", true);
  config.Require("do_normalize", true);
  config.Require("rescale_factor", 1 / 255.0);
  config.Require("resample", 2);  // bilinear
  for (const char* step : {"do_center_crop", "do_pad"}) {
    if (config.Bool(step, false)) config.Refuse(step, "only false is supported");
  }
  if (config.Has("size")) {
    HfConfig& size = config.Object("size");
    out.height = size.Positive("height", 0);
    out.width = size.Positive("width", 0);
  }
  out.mean = Rgb(config, "image_mean", out.mean);
  out.deviation = Rgb(config, "image_std", out.deviation);
  config.WithoutEffect({"crop_size", "pad_size"});  // of steps that are not taken
  config.Finish(HfFile::kImageProcessor);
  return out;
}

}  // namespace alignflow
