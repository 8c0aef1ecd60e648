#include "worker/alignment/efficientnet_features.h"

#include <utility>
#include <vector>

#include "worker/framing/field_of_view.h"

namespace alignflow {
namespace {

constexpr double kVarianceFloor = 1e-3;  // channels' values are of order 1

int64_t StyleWidth(const EfficientNetConfig& config) {
  int64_t width = 0;
  for (const int64_t channels : config.LevelChannels()) width += 2 * channels;
  return width - config.LevelChannels().back();
}

}  // namespace

at::Tensor EfficientNetFeatures::Features(const at::Tensor& image) const {
  const int64_t side = net_->config().side;
  const at::Tensor resized =
      at::_upsample_bilinear2d_aa(image.contiguous(), {side, side}, /*align_corners=*/false);
  return net_->Pooled(net_->Levels(EfficientNet::Pixels(resized)).back());
}

EfficientNetStyle::EfficientNetStyle(std::shared_ptr<const EfficientNet> net)
    : net_(std::move(net)), standardisation_(StyleWidth(net_->config())) {}

at::Tensor EfficientNetStyle::Raw(const at::Tensor& image) const {
  const at::Tensor view = FieldOfView(image);
  const std::vector<at::Tensor> levels = net_->Levels(EfficientNet::Pixels(image));
  std::vector<at::Tensor> features;
  for (const at::Tensor& level : levels) {
    const at::Tensor x = level.to(at::kFloat);
    const at::Tensor weight = at::adaptive_avg_pool2d(view, x.sizes().slice(2));
    const at::Tensor mean = MeanInView(x, weight);
    features.push_back(mean);
    if (&level == &levels.back()) continue;  // of few places
    const at::Tensor centred = x - mean.unsqueeze(2).unsqueeze(3);
    features.push_back((MeanInView(centred.square(), weight) + kVarianceFloor).log());
  }
  return at::cat(features, 1);
}

}  // namespace alignflow
