#include <algorithm>
#include <functional>

#include "worker/models/hf/config.h"
#include "worker/models/segmenters/dpt.h"

namespace alignflow {
namespace {

void ParseEncoder(HfConfig& config, DptConfig& out) {
  config.Require("num_channels", 3);
  config.Require("hidden_act", "gelu");
  out.image_size = config.Positive("image_size", out.image_size);
  out.patch_size = config.Positive("patch_size", out.patch_size);
  out.hidden_size = config.Positive("hidden_size", out.hidden_size);
  out.num_hidden_layers = config.Positive("num_hidden_layers", out.num_hidden_layers);
  out.num_attention_heads = config.Positive("num_attention_heads", out.num_attention_heads);
  out.intermediate_size = config.Positive("intermediate_size", out.intermediate_size);
  if (out.hidden_size % out.num_attention_heads != 0) {
    config.Refuse("num_attention_heads", "it must divide hidden_size");
  }
  out.layer_norm_eps = config.Double("layer_norm_eps", out.layer_norm_eps);
  out.qkv_bias = config.Bool("qkv_bias", out.qkv_bias);
}

}  // namespace

DptConfig ParseDpt(HfConfig& config) {
  DptConfig out;
  config.Require("model_type", "dpt");
  config.Require("is_hybrid", false);
  config.Require("backbone_config", nullptr);
  config.Require("head_in_index", -1);
  ParseEncoder(config, out);
  out.backbone_out_indices = config.IntList("backbone_out_indices", out.backbone_out_indices);
  const std::vector<int64_t>& indices = out.backbone_out_indices;
  if (indices.empty() || indices.front() < 0 || indices.back() >= out.num_hidden_layers ||
      std::ranges::adjacent_find(indices, std::greater_equal<>()) != indices.end()) {
    config.Refuse("backbone_out_indices", "rising numbers of layers are expected");
  }
  out.readout_type = config.OneOf("readout_type", {"project", "add", "ignore"});
  out.reassemble_factors = config.DoubleList("reassemble_factors", out.reassemble_factors);
  out.neck_hidden_sizes = config.IntList("neck_hidden_sizes", out.neck_hidden_sizes);
  if (out.neck_hidden_sizes.size() != indices.size() ||
      out.reassemble_factors.size() != indices.size()) {
    config.Refuse("neck_hidden_sizes", "as many as backbone_out_indices and reassemble_factors");
  }
  out.fusion_hidden_size = config.Positive("fusion_hidden_size", out.fusion_hidden_size);
  out.use_batch_norm_in_fusion_residual = config.Bool("use_batch_norm_in_fusion_residual", false);
  out.use_bias_in_fusion_residual =
      config.Bool("use_bias_in_fusion_residual", !out.use_batch_norm_in_fusion_residual);
  // What happens in training alone, other heads, and the hybrid's.
  config.WithoutEffect({"semantic_loss_ignore_index", "use_auxiliary_head", "auxiliary_loss_weight",
                        "add_projection", "pooler_act", "pooler_output_size",
                        "backbone_featmap_shape", "neck_ignore_stages"});
  config.Finish(HfFile::kModel);
  return out;
}

}  // namespace alignflow
