#include "worker/models/unet/memory.h"

#include <ATen/ATen.h>

namespace alignflow {
namespace {

constexpr int64_t kFloat = 4;
// Weights, gradients, AdamW's two moments, the running average.
constexpr int64_t kCopies = 5;
// Tensors of a level's size that a residual block keeps: what its two norms, activations and
// convolutions take, and its shortcut. Those of the decoder take the skip connection besides.
constexpr int64_t kKeptByBlock = 8, kKeptByDecoderBlock = 12;

// Weights of the convolutions, which are nearly all: of U-Net and ControlNet.
int64_t Parameters(const UNetConfig& unet) {
  const int64_t kernel = unet.spatial_dims == 3 ? 27 : 9;
  int64_t encoder = unet.in_channels * unet.num_channels.front() * kernel, decoder = encoder;
  int64_t before = unet.num_channels.front();
  for (size_t level = 0; level < unet.num_channels.size(); ++level) {
    const int64_t own = unet.num_channels[level], blocks = unet.num_res_blocks[level];
    encoder += (before * own + (2 * blocks - 1) * own * own + own * own) * kernel;
    decoder += ((own + before) * own + own * own) * kernel + (blocks + 1) * 3 * own * own * kernel;
    before = own;
  }
  const int64_t middle = 4 * before * before * kernel;
  return 2 * (encoder + middle) + decoder;
}

}  // namespace

MemoryEstimate EstimateUNetMemory(const UNetBackboneConfig& config, int64_t batch) {
  const UNetConfig& unet = config.unet;
  int64_t side = config.image_size / config.block, kept = 0;
  for (size_t level = 0; level < unet.num_channels.size(); ++level) {
    const int64_t places = unet.spatial_dims == 3 ? side * side * side : side * side;
    const int64_t blocks = unet.num_res_blocks[level];
    kept += places * unet.num_channels[level] *
            (2 * kKeptByBlock * blocks + kKeptByDecoderBlock * (blocks + 1));
    side /= 2;
  }
  int64_t image = config.image_channels;
  for (int64_t i = 0; i < unet.spatial_dims; ++i) image *= config.image_size;
  return {.parts = {{"weights and their training", kCopies * kFloat * Parameters(unet)},
                    {"activations", batch * kFloat * (kept + 8 * image)}}};
}

}  // namespace alignflow
