#include "worker/models/sd35/backbone.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "worker/models/hf/load_model.h"
#include "worker/models/hf/model_index.h"
#include "worker/models/safetensors.h"
#include "worker/models/sd35/velocity.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

using nlohmann::json;

constexpr char kControlFormatKey[] = "alignflow.format";
constexpr char kControlFormat[] = "sd35-controlnet-1";
constexpr char kBaseKey[] = "alignflow.base";
constexpr char kControlConfigKey[] = "config.json";

// config.json of diffusers' SD3ControlNetModel.
json ToJson(const SD3ControlNetConfig& config) {
  return {{"_class_name", "SD3ControlNetModel"},
          {"sample_size", config.sample_size},
          {"patch_size", config.patch_size},
          {"in_channels", config.in_channels},
          {"num_layers", config.num_layers},
          {"attention_head_dim", config.attention_head_dim},
          {"num_attention_heads", config.num_attention_heads},
          {"joint_attention_dim", config.joint_attention_dim},
          {"caption_projection_dim", config.Width()},
          {"pooled_projection_dim", config.pooled_projection_dim},
          {"out_channels", config.out_channels},
          {"pos_embed_max_size", config.pos_embed_max_size},
          {"dual_attention_layers", config.dual_attention_layers},
          {"qk_norm", config.rms_qk_norm ? json("rms_norm") : json(nullptr)},
          {"extra_conditioning_channels", config.extra_conditioning_channels},
          {"force_zeros_for_pooled_projection", config.force_zeros_for_pooled_projection}};
}

at::TensorOptions MasterOptions(const Sd35Base& base) { return base.options().dtype(at::kFloat); }

std::shared_ptr<SD3ControlNet> FirstControlNet(const Sd35Base& base) {
  const Sd35ModelIndex index(base.folder);
  if (index.Has("controlnet")) {
    return LoadModel<SD3ControlNet>(index.Folder("controlnet"), ParseSD3ControlNet,
                                    MasterOptions(base));
  }
  return SD3ControlNet::FromTransformer(*base.transformer,
                                        NewControlNetBlocks(base.transformer->config()),
                                        /*extra_conditioning_channels=*/0, MasterOptions(base));
}

void RequireFit(const Sd35Base& base, const SD3ControlNetConfig& control) {
  const SD3TransformerConfig& config = base.transformer->config();
  const auto refuse = [](const std::string& field) {
    throw std::runtime_error("the ControlNet does not fit the transformer: " + field);
  };
  if (control.extra_conditioning_channels != 0) {
    refuse("extra_conditioning_channels must be 0, the mask is nothing but a latent");
  }
  if (control.in_channels != config.in_channels) refuse("in_channels differ");
  if (control.patch_size != config.patch_size) refuse("patch_size differs");
  if (control.Width() != config.Width()) refuse("caption_projection_dim differs");
  if (control.joint_attention_dim != config.joint_attention_dim) {
    refuse("joint_attention_dim differs");
  }
  if (control.pooled_projection_dim != config.pooled_projection_dim) {
    refuse("pooled_projection_dim differs");
  }
  if (control.num_layers > config.num_layers) refuse("it has more blocks");
}

}  // namespace

int64_t NewControlNetBlocks(const SD3TransformerConfig& transformer) {
  return std::min<int64_t>(12, transformer.num_layers);
}

Sd35Backbone::Sd35Backbone(std::shared_ptr<const Sd35Base> base, const Sd35Images& images,
                           std::shared_ptr<SD3ControlNet> controlnet)
    : base_(std::move(base)),
      images_(images),
      pictures_(images.greys),
      latent_shape_(base_->LatentShape(images.size)),
      codec_(base_->autoencoder),
      controlnet_(std::move(controlnet)) {
  RequireFit(*base_, controlnet_->config());
}

Sd35Backbone::Sd35Backbone(std::shared_ptr<const Sd35Base> base, const Sd35Images& images)
    : Sd35Backbone(base, images, FirstControlNet(*base)) {}

std::unique_ptr<Sd35Backbone> Sd35Backbone::Load(const std::filesystem::path& path,
                                                 std::shared_ptr<const Sd35Base> base,
                                                 const Sd35Images& images,
                                                 std::map<std::string, std::string>* metadata) {
  const SafetensorsFile file(path);
  std::map<std::string, std::string> strings = file.metadata();
  if (strings[kControlFormatKey] != kControlFormat) {
    throw std::runtime_error(path.string() + ": not an AlignFlow ControlNet for SD 3.5");
  }
  if (strings[kBaseKey] != base->fingerprint) {
    throw std::runtime_error(path.string() + ": trained on other weights (" + strings[kBaseKey] +
                             ") than this folder's transformer has (" + base->fingerprint + ")");
  }
  HfConfig config = HfConfig::FromText(strings[kControlConfigKey], path.string());
  auto controlnet =
      std::make_shared<SD3ControlNet>(ParseSD3ControlNet(config), MasterOptions(*base));
  std::map<std::string, at::Tensor> tensors;
  for (const std::string& name : file.Names()) tensors.emplace(name, file.Get(name));
  {
    const at::NoGradGuard no_grad;
    CopyState(tensors, StateOf(*controlnet), path.string());
  }
  if (metadata) {
    for (const char* key : {kControlFormatKey, kBaseKey, kControlConfigKey, "format"})
      strings.erase(key);
    *metadata = std::move(strings);
  }
  return std::unique_ptr<Sd35Backbone>(
      new Sd35Backbone(std::move(base), images, std::move(controlnet)));
}

at::Tensor Sd35Backbone::Velocity(const at::Tensor& x, const at::Tensor& t,
                                  const Condition& condition) {
  return Sd35Velocity(*base_->transformer, controlnet_.get()).Velocity(x, t, condition);
}

at::Tensor Sd35Backbone::EncodeMasks(const at::Tensor& classes) const {
  const at::Tensor latents = codec_.Encode(pictures_.Of(classes, device()));
  // ControlNets that see no pooled text are made for latents without the autoencoder's shift.
  if (!controlnet_->config().force_zeros_for_pooled_projection) return latents;
  const AutoencoderConfig& config = base_->autoencoder->config();
  return latents + config.shift_factor * config.scaling_factor;
}

Condition Sd35Backbone::ConditionOn(const at::Tensor& encoded_masks,
                                    const at::Tensor& /*image_classes*/) const {
  Condition condition = base_->Prompted(encoded_masks.size(0));
  condition.control = encoded_masks;
  return condition;
}

void Sd35Backbone::DropPrompts(Condition& condition, at::Generator& random) const {
  base_->DropPrompts(condition, random);
}

std::unique_ptr<VelocityModel> Sd35Backbone::Guided(double scale) {
  return std::make_unique<TextGuidedVelocity>(*this, scale, base_->text.context.narrow(0, 1, 1),
                                              base_->text.pooled.narrow(0, 1, 1));
}

std::vector<double> Sd35Backbone::SamplingTimes(int64_t steps, double start) const {
  std::vector<double> times = base_->schedule.Times(steps);
  // From the time nearest to the start on, which leaves at least one step.
  const auto nearest = std::min_element(
      times.begin(), times.end() - 1,
      [start](double a, double b) { return std::abs(a - start) < std::abs(b - start); });
  times.erase(times.begin(), nearest);
  return times;
}

void Sd35Backbone::Freeze() {
  auto frozen = std::make_shared<SD3ControlNet>(controlnet_->config(), base_->options());
  const at::NoGradGuard no_grad;
  CopyState(state(), StateOf(*frozen), "the frozen ControlNet");
  for (at::Tensor& parameter : frozen->parameters()) parameter.requires_grad_(false);
  controlnet_ = std::move(frozen);
}

std::map<std::string, at::Tensor> Sd35Backbone::state() { return StateOf(*controlnet_); }

std::unique_ptr<Backbone> Sd35Backbone::Clone() {
  std::unique_ptr<Sd35Backbone> copy(new Sd35Backbone(base_, images_, controlnet_));
  copy->Freeze();
  return copy;
}

void Sd35Backbone::Save(const std::filesystem::path& file,
                        const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::string> strings = metadata;
  strings["format"] = "pt";
  strings[kControlFormatKey] = kControlFormat;
  strings[kBaseKey] = base_->fingerprint;
  strings[kControlConfigKey] = ToJson(controlnet_->config()).dump();
  WriteSafetensors(file, state(), strings);
}

}  // namespace alignflow
