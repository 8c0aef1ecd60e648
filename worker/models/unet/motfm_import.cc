#include "worker/models/unet/motfm_import.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "common/data/motfm_config.h"
#include "worker/models/safetensors.h"

namespace alignflow {
namespace {

using nlohmann::json;

void RequireOfMotfm(bool condition, const std::string& message) {
  if (!condition) throw std::invalid_argument("the model's configuration: " + message);
}

// Black and white, or the least and greatest value of a mask, as the net sees them.
struct ValueRange {
  double low = 0, high = 1;
};

// A field of data_args: a mode, or an object with mode and range. Without it MOTFM scales to [0,1].
ValueRange RangeOf(const json& data_args, const std::string& field) {
  ValueRange range;
  if (!data_args.is_object() || !data_args.contains(field)) return range;
  const json& norm = data_args[field];
  std::string mode = norm.is_string() ? norm.get<std::string>() : "minmax_0_1";
  if (norm.is_object()) {
    mode = norm.value("mode", mode);
    if (norm.contains("range")) {
      range = {.low = norm["range"].at(0).get<double>(), .high = norm["range"].at(1).get<double>()};
    }
  }
  if (mode == "minmax_0_1" || mode == "0_1") range = {};
  const bool centred = mode == "minmax_-1_1" || mode == "-1_1" || mode == "m1_1";
  if (centred) range = {.low = -1, .high = 1};
  const bool has_range =
      centred || mode == "minmax_0_1" || mode == "0_1" || mode == "minmax" || mode == "auto";
  RequireOfMotfm(has_range && range.low < range.high,
                 "data_args." + field + ": values of " + mode +
                     " have no least and greatest; minmax_0_1, minmax_-1_1, minmax and auto have");
  return range;
}

// Each class's value at the scale of the range, as MOTFM scales masks: the least of the values is
// low and the greatest high.
std::vector<double> MaskValues(const std::vector<int>& values, const ValueRange& range) {
  const auto [least, greatest] = std::ranges::minmax(values);
  std::vector<double> scaled;
  for (const int value : values) {
    const double share = static_cast<double>(value - least) / std::max(greatest - least, 1);
    scaled.push_back(range.low + share * (range.high - range.low));
  }
  return scaled;
}

std::optional<int64_t> ClassOf(const json& config, const UNetConfig& unet) {
  if (!unet.with_conditioning) {
    RequireOfMotfm(!config.contains("class"),
                   "a class is given, but model_args.with_conditioning is false: it knows none");
    return std::nullopt;
  }
  const int64_t classes = *unet.cross_attention_dim;
  RequireOfMotfm(
      config.contains("class"),
      "model_args.with_conditioning is true: say of which class images are to be, 0 to " +
          std::to_string(classes - 1));
  const auto number = config["class"].get<int64_t>();
  RequireOfMotfm(number >= 0 && number < classes,
                 "class " + std::to_string(number) +
                     ": model_args.cross_attention_dim allows 0 to " + std::to_string(classes - 1));
  return number;
}

json ParseConfig(const SafetensorsFile& file) {
  const auto text = file.metadata().find(kMotfmConfig);
  RequireOfMotfm(text != file.metadata().end(),
                 std::string("the file's metadata has no ") + kMotfmConfig);
  try {
    return json::parse(text->second);
  } catch (const json::exception&) {
    throw std::invalid_argument("the model's configuration: is no JSON");
  }
}

// Numbers that such a net has at the least: the second convolution of every residual block on the
// way down, the transformers' feed-forward layers and the mask's embedding.
double LeastNumbers(const UNetConfig& unet) {
  const double kernel = unet.spatial_dims == 3 ? 27 : 9;
  double numbers = 0;
  for (size_t level = 0; level < unet.num_channels.size(); ++level) {
    const auto width = static_cast<double>(unet.num_channels[level]);
    const auto blocks = static_cast<double>(unet.num_res_blocks[level]);
    numbers += blocks * width * width * kernel;
    if (!unet.attention_levels[level] || !unet.with_conditioning) continue;
    numbers += blocks * static_cast<double>(unet.transformer_num_layers) *
               (8 * width * width + width * static_cast<double>(*unet.cross_attention_dim));
  }
  for (const int64_t channels : unet.conditioning_embedding_num_channels) {
    numbers += static_cast<double>(channels) * kernel;
  }
  return numbers;
}

// Before memory is taken for what the file does not hold.
void RequireHeldBy(const SafetensorsFile& file, const UNetConfig& unet) {
  double held = 0;
  for (const std::string& name : file.Names()) held += static_cast<double>(file.Get(name).numel());
  RequireOfMotfm(
      LeastNumbers(unet) <= held,
      "model_args describe a larger net than the file holds; give those of its training");
}

// The state dict without Lightning's prefix.
std::map<std::string, at::Tensor> StateOfFile(const SafetensorsFile& file) {
  constexpr std::string_view kPrefix = "model.";
  std::map<std::string, at::Tensor> state;
  for (const std::string& name : file.Names()) {
    state.emplace(name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name, file.Get(name));
  }
  return state;
}

}  // namespace

UNetBackboneConfig MotfmBackbone(const json& config, const MotfmImport& import) {
  RequireOfMotfm(config.is_object() && config.contains("model_args"), "has no model_args");
  UNetBackboneConfig backbone;
  backbone.preset = import.preset;
  backbone.image_size = import.image_size;
  backbone.block = 1;
  backbone.predicts_velocity = true;
  UNetConfig& unet = backbone.unet;
  unet = UNetConfigFromJson(config["model_args"]);
  RequireOfMotfm(unet.spatial_dims == import.spatial_dims,
                 "model_args.spatial_dims is " + std::to_string(unet.spatial_dims) +
                     ", the preset " + import.preset + " is for " +
                     std::to_string(import.spatial_dims));
  RequireOfMotfm(
      unet.mask_conditioning,
      "model_args.mask_conditioning is false: its images have no masks, so they make no pairs");
  RequireOfMotfm(
      unet.conditioning_embedding_in_channels == 1,
      "model_args.conditioning_embedding_in_channels must be 1: a mask is one plane here");
  RequireOfMotfm(unet.in_channels == unet.out_channels &&
                     (unet.in_channels == 1 || (unet.in_channels == 3 && unet.spatial_dims == 2)),
                 "model_args.in_channels and out_channels must be 1 or, of pictures, 3");
  RequireOfMotfm(!unet.num_class_embeds, "model_args.num_class_embeds must not be given");
  RequireOfMotfm(import.image_size % unet.Downscale() == 0,
                 "images of " + std::to_string(import.image_size) + " do not fit its " +
                     std::to_string(unet.num_channels.size()) + " levels: give a multiple of " +
                     std::to_string(unet.Downscale()));
  backbone.image_channels = unet.in_channels;
  backbone.mask_values =
      MaskValues(import.class_values, RangeOf(config.value("data_args", json()), "mask_norm"));
  backbone.context_class = ClassOf(config, unet);
  return backbone;
}

std::unique_ptr<UNetBackbone> ImportMotfm(const std::filesystem::path& path,
                                          const MotfmImport& import) {
  const SafetensorsFile file(path);
  const json config = ParseConfig(file);
  UNetBackboneConfig backbone;
  ValueRange range;
  try {
    backbone = MotfmBackbone(config, import);
    range = RangeOf(config.value("data_args", json()), "image_norm");
  } catch (const json::exception& error) {
    throw std::invalid_argument(std::string("the model's configuration: ") + error.what());
  }
  RequireHeldBy(file, backbone.unet);
  auto model = std::make_unique<UNetBackbone>(backbone);
  std::map<std::string, at::Tensor> net;  // all but the codec
  for (const auto& [name, tensor] : model->state()) {
    if (!name.starts_with("codec.")) net.emplace(name, tensor);
  }
  try {
    CopyState(StateOfFile(file), net, "the weights");
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument(error.what());
  }
  // A pixel p in [-1,1] is mean + scale z of the net's value z.
  const std::map<std::string, at::Tensor> codec = model->codec().blocks().state();
  const double scale = 2 / (range.high - range.low);
  codec.at("scale").fill_(scale);
  codec.at("mean").fill_(-1 - range.low * scale);
  return model;
}

}  // namespace alignflow
