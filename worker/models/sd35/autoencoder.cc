#include "worker/models/sd35/autoencoder.h"

#include <torch/nn/modules/container/modulelist.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "worker/models/hf/load_model.h"
#include "worker/models/sd35/autoencoder_blocks.h"

namespace alignflow {

class AutoencoderEncoder : public torch::nn::Module {
 public:
  AutoencoderEncoder(const AutoencoderConfig& config, const at::TensorOptions& options) {
    const std::vector<int64_t>& widths = config.block_out_channels;
    conv_in_ = register_module(
        "conv_in", std::make_shared<hf::Conv2d>(config.in_channels, widths[0], 3, 1, 1, options));
    torch::nn::ModuleList list;
    for (size_t i = 0; i < widths.size(); ++i) {
      levels_.push_back(std::make_shared<AutoencoderLevel>(
          config.norm_num_groups, widths[i == 0 ? 0 : i - 1], widths[i], config.layers_per_block,
          i + 1 < widths.size() ? AutoencoderResize::kHalve : AutoencoderResize::kNone, options));
      list->push_back(levels_.back());
    }
    register_module("down_blocks", list);
    mid_ = register_module("mid_block",
                           std::make_shared<AutoencoderMid>(config, widths.back(), options));
    norm_ = register_module("conv_norm_out", std::make_shared<AutoencoderNorm>(
                                                 config.norm_num_groups, widths.back(), options));
    conv_out_ = register_module(
        "conv_out",
        std::make_shared<hf::Conv2d>(widths.back(), 2 * config.latent_channels, 3, 1, 1, options));
  }

  at::Tensor Forward(const at::Tensor& image) const {
    at::Tensor h = conv_in_->Forward(image);
    for (const auto& level : levels_) h = level->Forward(h);
    return conv_out_->Forward(norm_->Forward(mid_->Forward(h), /*silu=*/true));
  }

 private:
  std::shared_ptr<hf::Conv2d> conv_in_, conv_out_;
  std::vector<std::shared_ptr<AutoencoderLevel>> levels_;
  std::shared_ptr<AutoencoderMid> mid_;
  std::shared_ptr<AutoencoderNorm> norm_;
};

class AutoencoderDecoder : public torch::nn::Module {
 public:
  AutoencoderDecoder(const AutoencoderConfig& config, const at::TensorOptions& options) {
    const std::vector<int64_t> widths(config.block_out_channels.rbegin(),
                                      config.block_out_channels.rend());
    conv_in_ = register_module("conv_in", std::make_shared<hf::Conv2d>(
                                              config.latent_channels, widths[0], 3, 1, 1, options));
    torch::nn::ModuleList list;
    for (size_t i = 0; i < widths.size(); ++i) {
      levels_.push_back(std::make_shared<AutoencoderLevel>(
          config.norm_num_groups, widths[i == 0 ? 0 : i - 1], widths[i],
          config.layers_per_block + 1,
          i + 1 < widths.size() ? AutoencoderResize::kDouble : AutoencoderResize::kNone, options));
      list->push_back(levels_.back());
    }
    mid_ =
        register_module("mid_block", std::make_shared<AutoencoderMid>(config, widths[0], options));
    register_module("up_blocks", list);
    norm_ = register_module("conv_norm_out", std::make_shared<AutoencoderNorm>(
                                                 config.norm_num_groups, widths.back(), options));
    conv_out_ = register_module(
        "conv_out",
        std::make_shared<hf::Conv2d>(widths.back(), config.out_channels, 3, 1, 1, options));
  }

  at::Tensor Forward(const at::Tensor& latent) const {
    at::Tensor h = mid_->Forward(conv_in_->Forward(latent));
    for (const auto& level : levels_) h = level->Forward(h);
    return conv_out_->Forward(norm_->Forward(h, /*silu=*/true));
  }

 private:
  std::shared_ptr<hf::Conv2d> conv_in_, conv_out_;
  std::vector<std::shared_ptr<AutoencoderLevel>> levels_;
  std::shared_ptr<AutoencoderMid> mid_;
  std::shared_ptr<AutoencoderNorm> norm_;
};

namespace {

void RequireShape(const at::Tensor& x, int64_t channels, int64_t least_side, const char* what) {
  if (x.dim() != 4 || x.size(1) != channels || x.size(2) < least_side || x.size(3) < least_side) {
    throw std::invalid_argument(std::string(what) + " is " + c10::str(x.sizes()) +
                                ", the autoencoder needs [B," + std::to_string(channels) +
                                ",H,W] with sides of at least " + std::to_string(least_side));
  }
}

}  // namespace

AutoencoderKL::AutoencoderKL(const AutoencoderConfig& config, const at::TensorOptions& options)
    : config_(config),
      encoder_(register_module("encoder", std::make_shared<AutoencoderEncoder>(config, options))),
      decoder_(register_module("decoder", std::make_shared<AutoencoderDecoder>(config, options))) {
  const auto pointwise = [&](const char* name, int64_t channels) {
    return register_module(name,
                           std::make_shared<hf::Conv2d>(channels, channels, 1, 1, 0, options));
  };
  if (config.use_quant_conv) quant_conv_ = pointwise("quant_conv", 2 * config.latent_channels);
  if (config.use_post_quant_conv) {
    post_quant_conv_ = pointwise("post_quant_conv", config.latent_channels);
  }
}

std::shared_ptr<AutoencoderKL> AutoencoderKL::Load(const std::filesystem::path& folder,
                                                   const at::TensorOptions& options) {
  return LoadModel<AutoencoderKL>(folder, ParseAutoencoderConfig, options);
}

AutoencoderKL::Moments AutoencoderKL::Encode(const at::Tensor& image) const {
  RequireShape(image, config_.in_channels, config_.Downscale(), "the image");
  at::Tensor moments = encoder_->Forward(image.contiguous(at::MemoryFormat::ChannelsLast));
  if (quant_conv_) moments = quant_conv_->Forward(moments);
  const std::vector<at::Tensor> halves = moments.chunk(2, 1);
  return {halves[0], halves[1].clamp(-30.0, 20.0)};
}

at::Tensor AutoencoderKL::Decode(const at::Tensor& latent) const {
  RequireShape(latent, config_.latent_channels, 1, "the latent");
  const at::Tensor z = latent.contiguous(at::MemoryFormat::ChannelsLast);
  return decoder_->Forward(post_quant_conv_ ? post_quant_conv_->Forward(z) : z);
}

AutoencoderCodec::AutoencoderCodec(std::shared_ptr<const AutoencoderKL> autoencoder)
    : autoencoder_(std::move(autoencoder)),
      dtype_(autoencoder_->parameters().front().scalar_type()) {}

at::Tensor AutoencoderCodec::Encode(const at::Tensor& image) const {
  const AutoencoderConfig& config = autoencoder_->config();
  const at::Tensor mean = autoencoder_->Encode(image.to(dtype_)).mean.to(at::kFloat);
  return (mean - config.shift_factor) * config.scaling_factor;
}

at::Tensor AutoencoderCodec::Decode(const at::Tensor& latent) const {
  const AutoencoderConfig& config = autoencoder_->config();
  const at::Tensor unscaled = latent / config.scaling_factor + config.shift_factor;
  return autoencoder_->Decode(unscaled.to(dtype_)).to(at::kFloat);
}

}  // namespace alignflow
