#include "worker/masks/mask_flow.h"

#include <stdexcept>

namespace alignflow {
namespace {

constexpr int64_t kLatentSide = 16;

}  // namespace

UNetBackboneConfig MaskFlowConfig(int64_t image_size, int64_t classes) {
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

at::Tensor PlanesOfClasses(const at::Tensor& classes, int64_t count) {
  const at::Tensor numbers = at::arange(count, classes.options()).view({1, count, 1, 1});
  return classes.unsqueeze(1).eq(numbers).to(at::kFloat).mul_(2).sub_(1);
}

at::Tensor ClassesOfPlanes(const at::Tensor& planes) {
  return planes.argmax(1).to(at::kByte).cpu();
}

}  // namespace alignflow
