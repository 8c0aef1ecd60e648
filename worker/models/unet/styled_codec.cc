#include "worker/models/unet/styled_codec.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "worker/framing/field_of_view.h"

namespace alignflow {
namespace {

constexpr int64_t kHidden = 16;
constexpr double kMostGain = 4;

struct ColourMoments {
  at::Tensor mean, deviation;  // [C]
};

// Of each channel of a latent [N,C,...], weighted [N,1,...].
ColourMoments WeightedMoments(const at::Tensor& latent, const at::Tensor& weight) {
  const at::Tensor values = latent.movedim(1, -1).reshape({-1, latent.size(1)});
  const at::Tensor share = weight.reshape({-1, 1}) / weight.sum().clamp_min(1);
  const at::Tensor mean = (values * share).sum(0);
  return {mean, ((values - mean).square() * share).sum(0).sqrt()};
}

// 1 for the blocks of an image that lie in the field of view wholly, 0 for the others: [N,1,...].
// Even a little black would outweigh all texture.
at::Tensor BlocksInView(const at::Tensor& image, int64_t block) {
  const at::Tensor least = BlocksToChannels(FieldOfView(image), block).amin(1, /*keepdim=*/true);
  return least.gt(0.5).to(image.scalar_type());
}

}  // namespace

StyledCodec::StyledCodec(int64_t channels, int64_t block, int64_t spatial_dims)
    : blocks_(channels, block, spatial_dims), grey_(channels == 1 && spatial_dims == 2) {
  const int64_t width = blocks_.latent_channels();
  gain_ = at::zeros({width});
  offset_ = at::zeros({width});
  centre_ = at::zeros({width});
  hidden_ = at::zeros({kHidden, channels});
  hidden_bias_ = at::zeros({kHidden});
  colour_ = at::zeros({channels, kHidden});
  colour_bias_ = at::zeros({channels});
}

at::Tensor StyledCodec::Encode(const at::Tensor& image) const {
  return blocks_.Encode(grey_ ? image.mean(1, /*keepdim=*/true) : image);
}

at::Tensor StyledCodec::Decode(const at::Tensor& latent) const {
  const at::Tensor plain = blocks_.Decode(latent);
  const at::Tensor moved =
      (latent.movedim(1, -1) - centre_) * gain_.exp() + centre_ + offset_ * blocks_.deviation();
  const at::Tensor pixels = blocks_.Decode(moved.movedim(-1, 1)).movedim(1, -1);
  const at::Tensor colour =
      at::linear(at::silu(at::linear(pixels, hidden_, hidden_bias_)), colour_, colour_bias_);
  const at::Tensor image = at::lerp(plain, (pixels + colour).movedim(-1, 1), FieldOfView(plain));
  return grey_ ? image.expand({-1, 3, -1, -1}) : image;
}

void StyledCodec::MatchMoments(const at::Tensor& latents, const at::Tensor& references,
                               at::Generator generator) {
  const at::NoGradGuard no_grad;
  const int64_t block = blocks_.block();
  const ColourMoments from = WeightedMoments(latents, BlocksInView(blocks_.Decode(latents), block));
  const ColourMoments to =
      WeightedMoments(blocks_.Encode(references), BlocksInView(references, block));
  centre_.copy_(from.mean);
  gain_.copy_(
      (to.deviation / from.deviation.clamp_min(1e-6)).clamp(1 / kMostGain, kMostGain).log());
  offset_.copy_((to.mean - from.mean) / blocks_.deviation());
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_.size(1)));
  hidden_.copy_(at::empty(hidden_.sizes()).uniform_(-bound, bound, generator));
  hidden_bias_.copy_(at::empty(hidden_bias_.sizes()).uniform_(-bound, bound, generator));
  colour_.zero_();
  colour_bias_.zero_();
}

std::vector<at::Tensor> StyledCodec::style_parameters() const {
  return {gain_, offset_, hidden_, hidden_bias_, colour_, colour_bias_};
}

std::map<std::string, at::Tensor> StyledCodec::state() const {
  std::map<std::string, at::Tensor> state = blocks_.state();
  state.insert({{"style_gain", gain_},
                {"style_offset", offset_},
                {"style_centre", centre_},
                {"style_colour.0.weight", hidden_},
                {"style_colour.0.bias", hidden_bias_},
                {"style_colour.1.weight", colour_},
                {"style_colour.1.bias", colour_bias_}});
  return state;
}

void StyledCodec::To(at::Device device) {
  blocks_.To(device);
  for (at::Tensor* tensor :
       {&gain_, &offset_, &centre_, &hidden_, &hidden_bias_, &colour_, &colour_bias_}) {
    *tensor = tensor->to(device);
  }
}

}  // namespace alignflow
