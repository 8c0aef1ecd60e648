#include "worker/models/segmenters/segmenter.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <vector>

#include "worker/models/scoped_autocast.h"
#include "worker/models/scoped_seed.h"
#include "worker/models/segmenters/lite_unet_segmenter.h"
#include "worker/models/segmenters/transformer_segmenters.h"
#include "worker/models/segmenters/unet_segmenter.h"

namespace alignflow {
namespace {

constexpr int64_t kSegmentBatch = 16;
constexpr int64_t kSegmentPixels = int64_t{2} << 20;  // at most, or one image
constexpr double kSmooth = 1;  // pixels; defines the Dice of a class that a batch does not hold

}  // namespace

at::Tensor Segmenter::Logits(const at::Tensor& images) {
  std::optional<ScopedAutocast> scope;
  if (!images.is_cpu() || CpuHasBfloat16()) scope.emplace(images.device().type(), at::kBFloat16);
  return Predict(images).to(at::kFloat);
}

NewSegmenter MakeSegmenter(const std::string& name, int64_t classes, int64_t size, uint64_t seed,
                           at::Device device, const std::filesystem::path& weights, int64_t dims) {
  static const std::string kSegFormer = "segformer-";
  const ScopedSeed scope(seed);
  NewSegmenter made;
  if (name == "unet") {
    made.model = std::make_shared<UNetSegmenter>(classes, size, dims);
  } else if (dims != 2) {
    throw std::invalid_argument("the segmenter '" + name + "' takes pictures, no volumes");
  } else if (name == "unet-lite0") {
    made.pretrained = !weights.empty() && std::filesystem::exists(weights);
    made.model = std::make_shared<LiteUNetSegmenter>(
        classes, size, made.pretrained ? weights : std::filesystem::path());
  } else if (name == "dpt") {
    made = MakeDpt(classes, size, weights);
  } else if (name.starts_with(kSegFormer)) {
    made = MakeSegFormer(name.substr(kSegFormer.size()), classes, weights);
  } else {
    throw std::invalid_argument("there is no segmenter '" + name + "'");
  }
  made.model->to(device);
  return made;
}

at::Tensor SegmentationLoss(const at::Tensor& logits, const at::Tensor& classes) {
  const int64_t count = logits.size(1);
  const at::Tensor log_probabilities = at::log_softmax(logits, 1);
  const at::Tensor target = classes.to(at::kLong);
  const at::Tensor entropy = at::nll_loss_nd(log_probabilities, target);
  std::vector<int64_t> per_class(logits.dim(), 1), all_but_classes{0};
  per_class[1] = count;
  for (int64_t dim = 2; dim < logits.dim(); ++dim) all_but_classes.push_back(dim);
  const at::Tensor wanted =
      classes.unsqueeze(1).eq(at::arange(count, classes.options()).view(per_class));
  const at::Tensor probabilities = log_probabilities.exp();
  const at::Tensor overlap = (probabilities * wanted).sum(all_but_classes);
  const at::Tensor total = probabilities.sum(all_but_classes) + wanted.sum(all_but_classes);
  const at::Tensor dice = (2 * overlap + kSmooth) / (total + kSmooth);
  return entropy + (1 - dice.narrow(0, 1, count - 1)).mean();
}

at::Tensor Segment(Segmenter& model, const at::Tensor& images, at::Device device) {
  const at::NoGradGuard no_grad;
  model.eval();
  std::vector<at::Tensor> parts;
  const int64_t together =
      std::clamp<int64_t>(kSegmentPixels / images[0][0].numel(), 1, kSegmentBatch);
  for (const at::Tensor& batch : images.split(together)) {
    const at::Tensor input = batch.to(device).to(at::kFloat).div_(127.5).sub_(1);
    parts.push_back(model.Logits(input).argmax(1).to(at::kByte).cpu());
  }
  return at::cat(parts);
}

}  // namespace alignflow
