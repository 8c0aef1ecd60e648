#include "worker/masks/unet_mask_flow.h"

#include <stdexcept>
#include <string>
#include <utility>

namespace alignflow {
namespace {

constexpr int64_t kLatentSide = 16;
constexpr int64_t kUNetSteps = 20;

UNetBackboneConfig ConfigOf(int64_t image_size, int64_t classes) {
  if (image_size < 1 || image_size % (4 * kLatentSide) != 0) {
    throw std::invalid_argument("masks of " + std::to_string(image_size) +
                                " pixels cannot be synthesised: a multiple of 64 is needed");
  }
  UNetBackboneConfig config;
  config.preset = "masks";
  config.image_size = image_size;
  config.image_channels = classes;
  config.block = image_size / kLatentSide;
  UNetConfig& unet = config.unet;
  unet.num_channels = {32, 64, 96};
  unet.num_res_blocks = {1, 1, 1};
  unet.attention_levels = {false, false, false};
  unet.num_head_channels = {32, 32, 32};
  unet.norm_num_groups = 8;
  unet.in_channels = unet.out_channels = classes * config.block * config.block;
  unet.integer_timesteps = false;
  unet.Validate();
  return config;
}

}  // namespace

at::Tensor PlanesOfClasses(const at::Tensor& classes, int64_t count) {
  const at::Tensor numbers = at::arange(count, classes.options()).view({1, count, 1, 1});
  return classes.unsqueeze(1).eq(numbers).to(at::kFloat).mul_(2).sub_(1);
}

at::Tensor ClassesOfPlanes(const at::Tensor& planes) {
  return planes.argmax(1).to(at::kByte).cpu();
}

UNetMaskFlow::UNetMaskFlow(std::unique_ptr<UNetBackbone> model) : model_(std::move(model)) {
  model_->set_compute_dtype(at::kBFloat16);
}

UNetMaskFlow::UNetMaskFlow(const at::Tensor& masks, const at::Tensor& sample, int64_t classes,
                           uint64_t seed, at::Device device)
    : UNetMaskFlow(std::make_unique<UNetBackbone>(ConfigOf(masks.size(1), classes), seed, device)) {
  model_->codec().blocks().Fit(sample.size(0), [&](int64_t i) {
    return PlanesOfClasses(masks.narrow(0, sample[i].item<int64_t>(), 1), classes);
  });
}

std::unique_ptr<UNetMaskFlow> UNetMaskFlow::Load(const std::filesystem::path& file,
                                                 at::Device device,
                                                 std::map<std::string, std::string>* metadata) {
  std::unique_ptr<UNetMaskFlow> flow(new UNetMaskFlow(UNetBackbone::Load(file, device, metadata)));
  if (flow->model_->config().unet.mask_conditioning) {
    throw std::invalid_argument("a model of images was given where a mask model is needed");
  }
  flow->model_->Freeze();
  return flow;
}

at::Tensor UNetMaskFlow::Encode(const at::Tensor& classes) const {
  return model_->codec().Encode(
      PlanesOfClasses(classes, model_->config().image_channels).to(device()));
}

at::Tensor UNetMaskFlow::Decode(const at::Tensor& latents) const {
  return ClassesOfPlanes(model_->codec().blocks().Decode(latents));
}

std::vector<double> UNetMaskFlow::SamplingTimes() const { return UniformTimes(kUNetSteps); }

}  // namespace alignflow
