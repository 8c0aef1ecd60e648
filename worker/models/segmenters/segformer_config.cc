#include <map>
#include <stdexcept>

#include "worker/models/hf/config.h"
#include "worker/models/segmenters/segformer.h"

namespace alignflow {
namespace {

// A list of positive numbers, one a stage.
std::vector<int64_t> PerStage(HfConfig& config, const char* name,
                              const std::vector<int64_t>& otherwise, size_t stages) {
  const std::vector<int64_t> values = config.IntList(name, otherwise);
  if (values.size() != stages) config.Refuse(name, "one number for each stage is expected");
  for (const int64_t value : values) {
    if (value < 1) config.Refuse(name, "positive numbers are expected");
  }
  return values;
}

}  // namespace

SegFormerConfig ParseSegFormer(HfConfig& config) {
  SegFormerConfig out;
  config.Require("model_type", "segformer");
  config.Require("num_channels", 3);
  config.Require("hidden_act", "gelu");
  config.Require("reshape_last_stage", true);
  const int64_t stages = config.Int("num_encoder_blocks", 4);
  if (stages < 1) config.Refuse("num_encoder_blocks", "a positive number is expected");
  const auto read = [&](const char* name, std::vector<int64_t>& values) {
    values = PerStage(config, name, values, static_cast<size_t>(stages));
  };
  read("depths", out.depths);
  read("sr_ratios", out.sr_ratios);
  read("hidden_sizes", out.hidden_sizes);
  read("patch_sizes", out.patch_sizes);
  read("strides", out.strides);
  read("num_attention_heads", out.num_attention_heads);
  read("mlp_ratios", out.mlp_ratios);
  for (size_t i = 0; i < out.hidden_sizes.size(); ++i) {
    if (out.hidden_sizes[i] % out.num_attention_heads[i] != 0) {
      config.Refuse("num_attention_heads", "each must divide its stage's hidden size");
    }
  }
  out.decoder_hidden_size = config.Int("decoder_hidden_size", out.decoder_hidden_size);
  if (out.decoder_hidden_size < 1) config.Refuse("decoder_hidden_size", "must be positive");
  // What happens in training alone, what older releases wrote, and an epsilon that the reference
  // does not read either.
  config.WithoutEffect(
      {"layer_norm_eps", "semantic_loss_ignore_index", "image_size", "downsampling_rates"});
  config.Finish(HfFile::kModel);
  return out;
}

SegFormerConfig MiTConfig(const std::string& size) {
  static const std::map<std::string, std::vector<int64_t>> depths{
      {"b0", {2, 2, 2, 2}},  {"b1", {2, 2, 2, 2}},  {"b2", {3, 4, 6, 3}},
      {"b3", {3, 4, 18, 3}}, {"b4", {3, 8, 27, 3}}, {"b5", {3, 6, 40, 3}}};
  const auto found = depths.find(size);
  if (found == depths.end()) throw std::invalid_argument("there is no MiT-" + size);
  SegFormerConfig config{.depths = found->second};
  if (size != "b0") config.hidden_sizes = {64, 128, 320, 512};
  if (size > "b1") config.decoder_hidden_size = 768;
  return config;
}

}  // namespace alignflow
