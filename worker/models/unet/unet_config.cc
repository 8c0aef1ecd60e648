#include "worker/models/unet/unet_config.h"

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace alignflow {
namespace {

using nlohmann::json;

void Require(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument("U-Net configuration: " + message);
}

template <typename T>
void Read(const json& value, T& out) {
  value.get_to(out);
}
template <typename T>
void Read(const json& value, std::optional<T>& out) {
  out = value.is_null() ? std::nullopt : std::optional<T>(value.get<T>());
}
json Write(const std::optional<int64_t>& value) { return value ? json(*value) : json(nullptr); }
template <typename T>
json Write(const T& value) {
  return value;
}

// One list of the fields for reading and writing, so that the two cannot drift apart.
template <typename Config, typename Visitor>
void VisitFields(Config& config, Visitor&& visit) {
  visit("spatial_dims", config.spatial_dims);
  visit("in_channels", config.in_channels);
  visit("out_channels", config.out_channels);
  visit("num_res_blocks", config.num_res_blocks);
  visit("num_channels", config.num_channels);
  visit("attention_levels", config.attention_levels);
  visit("norm_num_groups", config.norm_num_groups);
  visit("norm_eps", config.norm_eps);
  visit("resblock_updown", config.resblock_updown);
  visit("num_head_channels", config.num_head_channels);
  visit("with_conditioning", config.with_conditioning);
  visit("transformer_num_layers", config.transformer_num_layers);
  visit("cross_attention_dim", config.cross_attention_dim);
  visit("num_class_embeds", config.num_class_embeds);
  visit("dropout_cattn", config.dropout_cattn);
  visit("mask_conditioning", config.mask_conditioning);
  visit("conditioning_embedding_in_channels", config.conditioning_embedding_in_channels);
  visit("conditioning_embedding_num_channels", config.conditioning_embedding_num_channels);
  visit("max_timestep", config.max_timestep);
  visit("integer_timesteps", config.integer_timesteps);
  visit("attention_projection", config.attention_projection);
}

}  // namespace

void UNetConfig::Validate() const {
  Require(spatial_dims == 2 || spatial_dims == 3, "spatial_dims must be 2 or 3");
  Require(in_channels > 0 && out_channels > 0, "in_channels and out_channels must be positive");
  Require(!num_channels.empty() && num_channels.size() < 16,
          "num_channels must have 1 to 15 levels");
  Require(norm_num_groups > 0, "norm_num_groups must be positive");
  Require(norm_eps > 0, "norm_eps must be positive");
  const size_t levels = num_channels.size();
  Require(attention_levels.size() == levels, "attention_levels must be as long as num_channels");
  Require(num_res_blocks.size() == levels, "num_res_blocks must be as long as num_channels");
  Require(num_head_channels.size() == levels, "num_head_channels must be as long as num_channels");
  for (size_t i = 0; i < levels; ++i) {
    Require(num_channels[i] > 0 && num_channels[i] % norm_num_groups == 0,
            "num_channels must be positive multiples of norm_num_groups");
    Require(num_res_blocks[i] > 0, "num_res_blocks must be positive");
    // The middle block attends at the coarsest level whatever attention_levels says.
    if (!attention_levels[i] && i + 1 < levels) continue;
    Require(num_head_channels[i] > 0 && num_channels[i] % num_head_channels[i] == 0,
            "num_head_channels must divide num_channels where there is attention");
  }
  Require(with_conditioning == cross_attention_dim.has_value(),
          "cross_attention_dim must be given with with_conditioning, and only then");
  Require(cross_attention_dim.value_or(1) > 0, "cross_attention_dim must be positive");
  Require(num_class_embeds.value_or(1) > 0, "num_class_embeds must be positive");
  Require(transformer_num_layers > 0, "transformer_num_layers must be positive");
  Require(dropout_cattn >= 0 && dropout_cattn < 1, "dropout_cattn must be in [0, 1)");
  Require(conditioning_embedding_in_channels > 0,
          "conditioning_embedding_in_channels must be positive");
  Require(!conditioning_embedding_num_channels.empty(),
          "conditioning_embedding_num_channels must not be empty");
  for (int64_t channels : conditioning_embedding_num_channels) {
    Require(channels > 0, "conditioning_embedding_num_channels must be positive");
  }
  Require(max_timestep > 1, "max_timestep must be at least 2");
}

UNetConfig UNetConfigFromJson(const json& source) {
  Require(source.is_object(), "a JSON object is expected");
  UNetConfig config;
  std::map<std::string, std::function<void(const json&)>> readers;
  VisitFields(config, [&](const char* name, auto& field) {
    readers[name] = [&field](const json& value) { Read(value, field); };
  });
  readers["use_flash_attention"] = readers["upcast_attention"] = [](const json&) {};
  json lists = source;
  if (source.contains("num_channels") && source["num_channels"].is_array()) {
    for (const char* name : {"num_res_blocks", "num_head_channels"}) {
      const json single = source.contains(name) ? source[name] : json(name[4] == 'h' ? 8 : 2);
      if (single.is_number_integer()) {
        lists[name] = std::vector<int64_t>(source["num_channels"].size(), single.get<int64_t>());
      }
    }
  }
  for (const auto& [key, value] : lists.items()) {
    const auto reader = readers.find(key);
    Require(reader != readers.end(), "unknown key '" + key + "'");
    try {
      reader->second(value);
    } catch (const json::exception&) {
      Require(false, "wrong type of '" + key + "': " + value.dump());
    }
  }
  config.Validate();
  return config;
}

json ToJson(const UNetConfig& config) {
  json out = json::object();
  VisitFields(config, [&](const char* name, const auto& field) { out[name] = Write(field); });
  return out;
}

}  // namespace alignflow
