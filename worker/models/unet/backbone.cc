#include "worker/models/unet/backbone.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "worker/flow/guidance.h"
#include "worker/models/safetensors.h"
#include "worker/models/scoped_autocast.h"
#include "worker/models/scoped_seed.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

using nlohmann::json;

constexpr char kFormatKey[] = "alignflow.format";
constexpr char kFormat[] = "unet-2";
constexpr char kConfigKey[] = "alignflow.config";
constexpr double kLeastRest = 1e-3;  // of 1 - t, where the velocity is divided by it

struct PresetNet {
  const char* name;
  int64_t dims, size, block;
  int64_t channels[3];
};
// Volumes of 32 and 64 voxels a side both have latents of 16^3.
constexpr PresetNet kPresetNets[] = {{"unet-64", 2, 64, 4, {64, 96, 128}},
                                     {"unet-128", 2, 128, 4, {64, 96, 128}},
                                     {"unet3d-32", 3, 32, 2, {32, 64, 96}},
                                     {"unet3d-64", 3, 64, 4, {64, 96, 128}},
                                     {"unet3d-96", 3, 96, 4, {64, 96, 128}}};

json ToJson(const UNetBackboneConfig& config) {
  json out{{"preset", config.preset},
           {"image_size", config.image_size},
           {"image_channels", config.image_channels},
           {"block", config.block},
           {"unet", ToJson(config.unet)}};
  if (config.predicts_velocity) out["predicts_velocity"] = true;
  if (!config.mask_values.empty()) out["mask_values"] = config.mask_values;
  if (config.context_class) out["context_class"] = *config.context_class;
  if (!config.image_classes.empty()) out["image_classes"] = config.image_classes;
  return out;
}

UNetBackboneConfig ConfigFromJson(const json& source) {
  UNetBackboneConfig config;
  source.at("preset").get_to(config.preset);
  source.at("image_size").get_to(config.image_size);
  source.at("image_channels").get_to(config.image_channels);
  source.at("block").get_to(config.block);
  config.unet = UNetConfigFromJson(source.at("unet"));
  config.predicts_velocity = source.value("predicts_velocity", false);
  config.mask_values = source.value("mask_values", std::vector<double>());
  if (source.contains("context_class")) config.context_class = source["context_class"];
  config.image_classes = source.value("image_classes", std::vector<std::string>());
  return config;
}

}  // namespace

int64_t UNetBackboneConfig::BlockValues() const {
  return unet.spatial_dims == 3 ? block * block * block : block * block;
}

std::vector<std::string> UNetPresetNames() {
  std::vector<std::string> names;
  for (const PresetNet& net : kPresetNets) names.emplace_back(net.name);
  return names;
}

UNetBackboneConfig UNetPreset(const std::string& preset, int64_t classes,
                              const std::vector<std::string>& image_classes) {
  const auto net = std::ranges::find(kPresetNets, preset, &PresetNet::name);
  if (net == std::end(kPresetNets)) {
    std::string known;
    for (const std::string& name : UNetPresetNames()) known += (known.empty() ? "" : ", ") + name;
    throw std::invalid_argument("unknown preset '" + preset + "': known are " + known);
  }
  UNetBackboneConfig config;
  config.preset = preset;
  UNetConfig& unet = config.unet;
  config.image_size = net->size;
  config.block = net->block;
  config.image_channels = net->dims == 3 ? 1 : 3;
  unet.spatial_dims = net->dims;
  unet.num_channels = {net->channels[0], net->channels[1], net->channels[2]};
  unet.num_res_blocks = {1, 1, 1};
  unet.attention_levels = {false, false, false};
  unet.num_head_channels = {32, 32, 32};
  unet.norm_num_groups = 8;
  unet.in_channels = unet.out_channels = config.image_channels * config.BlockValues();
  unet.mask_conditioning = true;
  unet.conditioning_embedding_in_channels = classes * config.BlockValues();
  unet.conditioning_embedding_num_channels = {unet.num_channels[0]};
  unet.integer_timesteps = false;
  config.image_classes = image_classes;
  if (!image_classes.empty()) {
    unet.num_class_embeds = static_cast<int64_t>(image_classes.size()) + 1;
  }
  unet.Validate();
  return config;
}

UNetBackbone::UNetBackbone(const UNetBackboneConfig& config, uint64_t seed, at::Device device)
    : config_(config), codec_(config.image_channels, config.block, config.unet.spatial_dims) {
  if (config.unet.in_channels != codec_.blocks().latent_channels() ||
      config.unet.out_channels != codec_.blocks().latent_channels()) {
    throw std::invalid_argument("the U-Net's in_channels and out_channels must be the codec's " +
                                std::to_string(codec_.blocks().latent_channels()));
  }
  if (!config.image_classes.empty() && config.unet.num_class_embeds.value_or(0) !=
                                           static_cast<int64_t>(config.image_classes.size()) + 1) {
    throw std::invalid_argument("num_class_embeds must be one more than there are image classes");
  }
  if (config.image_size < 1 || config.image_size % (config.block * config.unet.Downscale()) != 0) {
    throw std::invalid_argument("image_size must be a multiple of " +
                                std::to_string(config.block * config.unet.Downscale()));
  }
  const ScopedSeed scope(seed);
  model_ = std::make_shared<MergedModel>(config.unet);
  model_->to(device);
  codec_.To(device);
}

UNetBackbone::~UNetBackbone() = default;

std::unique_ptr<UNetBackbone> UNetBackbone::Load(const std::filesystem::path& path,
                                                 at::Device device,
                                                 std::map<std::string, std::string>* metadata) {
  const SafetensorsFile file(path);
  std::map<std::string, std::string> strings = file.metadata();
  std::unique_ptr<UNetBackbone> model;
  try {
    if (strings[kFormatKey] != kFormat) throw std::invalid_argument("not an AlignFlow U-Net model");
    model =
        std::make_unique<UNetBackbone>(ConfigFromJson(json::parse(strings[kConfigKey])), 0, device);
  } catch (const std::exception& error) {
    throw std::runtime_error(path.string() + ": " + error.what());
  }
  std::map<std::string, at::Tensor> tensors;
  for (const std::string& name : file.Names()) tensors.emplace(name, file.Get(name));
  CopyState(tensors, model->state(), path.string());
  if (metadata) {
    strings.erase(kFormatKey);
    strings.erase(kConfigKey);
    *metadata = std::move(strings);
  }
  return model;
}

at::Tensor UNetBackbone::Velocity(const at::Tensor& x, const at::Tensor& t,
                                  const Condition& condition) {
  if (config_.predicts_velocity) return Net(x, t, condition);
  Condition inner = condition;
  if (condition.mask.defined()) {
    inner.mask = BlocksToChannels(condition.mask, config_.block).mul(2).sub(1);
  }
  // The variance of x_t = t x1 + (1-t) eps, where x1 has the codec's deviation per channel and eps
  // is standard normal.
  std::vector<int64_t> per_sample(x.dim(), 1), per_channel(x.dim(), 1);
  per_sample[0] = t.numel();
  per_channel[1] = x.size(1);
  const at::Tensor time = t.reshape(per_sample);
  const at::Tensor rest = 1 - time;
  const at::Tensor deviation = codec_.blocks().deviation().reshape(per_channel);
  const at::Tensor input = x * ((time * deviation).square() + rest.square()).rsqrt();
  return (Net(input, t, inner) * deviation - x) / rest.clamp_min(kLeastRest);
}

at::Tensor UNetBackbone::Net(const at::Tensor& input, const at::Tensor& t,
                             const Condition& condition) {
  if (compute_dtype_ == at::kFloat) return model_->Velocity(input, t, condition);
  const ScopedAutocast scope(input.device().type(), compute_dtype_);
  return model_->Velocity(input, t, condition);
}

std::vector<int64_t> UNetBackbone::latent_shape() const {
  std::vector<int64_t> shape(1 + config_.unet.spatial_dims, config_.image_size / config_.block);
  shape[0] = codec_.blocks().latent_channels();
  return shape;
}

at::Device UNetBackbone::device() const { return codec_.blocks().deviation().device(); }

at::Tensor UNetBackbone::EncodeMasks(const at::Tensor& classes) const {
  if (!config_.mask_values.empty()) {
    const at::Tensor values = at::tensor(config_.mask_values, at::kFloat).to(device());
    return values.index_select(0, classes.to(device()).flatten().to(at::kLong))
        .view(classes.sizes())
        .unsqueeze(1);
  }
  const int64_t count = config_.unet.conditioning_embedding_in_channels / config_.BlockValues();
  const at::Tensor numbers = at::arange(count, at::TensorOptions(device()).dtype(at::kByte));
  std::vector<int64_t> per_class(2 + config_.unet.spatial_dims, 1);
  per_class[1] = count;
  return classes.to(device()).unsqueeze(1).eq(numbers.view(per_class)).to(at::kFloat);
}

Condition UNetBackbone::ConditionOn(const at::Tensor& encoded_masks,
                                    const at::Tensor& image_classes) const {
  Condition condition;
  condition.mask = encoded_masks;
  if (!config_.image_classes.empty()) {
    condition.no_class = static_cast<int64_t>(config_.image_classes.size());
    condition.class_labels = image_classes.defined()
                                 ? image_classes.to(device())
                                 : at::full({encoded_masks.size(0)}, condition.no_class,
                                            at::TensorOptions(device()).dtype(at::kLong));
  }
  if (config_.context_class) {
    condition.context = at::zeros({encoded_masks.size(0), 1, *config_.unet.cross_attention_dim},
                                  encoded_masks.options());
    condition.context.select(2, *config_.context_class).fill_(1);
  }
  return condition;
}

std::unique_ptr<VelocityModel> UNetBackbone::Guided(double scale) {
  return std::make_unique<GuidedVelocity>(*this, scale);
}

std::vector<at::Tensor> UNetBackbone::fit_parameters() { return model_->parameters(); }

std::vector<at::Tensor> UNetBackbone::align_parameters() {
  return model_->controlnet() ? model_->controlnet()->parameters() : std::vector<at::Tensor>();
}

std::map<std::string, at::Tensor> UNetBackbone::state() {
  std::map<std::string, at::Tensor> state = StateOf(*model_);
  for (const auto& [name, tensor] : codec_.state()) state.emplace("codec." + name, tensor);
  return state;
}

std::unique_ptr<Backbone> UNetBackbone::Clone() {
  auto copy = std::make_unique<UNetBackbone>(config_, 0, device());
  CopyState(state(), copy->state(), "the copy");
  copy->compute_dtype_ = compute_dtype_;
  copy->Freeze();
  return copy;
}

void UNetBackbone::Save(const std::filesystem::path& file,
                        const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::string> strings = metadata;
  strings[kFormatKey] = kFormat;
  strings[kConfigKey] = ToJson(config_).dump();
  WriteSafetensors(file, state(), strings);
}

void UNetBackbone::Freeze() { model_->Freeze(); }

void UNetBackbone::set_compute_dtype(at::ScalarType dtype) {
  if (dtype != at::kFloat && dtype != at::kBFloat16) {
    throw std::invalid_argument("the compute type must be float32 or bfloat16");
  }
  const bool slow = device().is_cpu() && !CpuHasBfloat16();
  compute_dtype_ = slow ? at::kFloat : dtype;
}

}  // namespace alignflow
