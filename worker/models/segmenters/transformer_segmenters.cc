#include "worker/models/segmenters/transformer_segmenters.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "worker/models/batch_norm.h"
#include "worker/models/hf/config.h"
#include "worker/models/hf/weights.h"
#include "worker/models/safetensors.h"
#include "worker/models/segmenters/dpt.h"
#include "worker/models/segmenters/initial_weights.h"
#include "worker/models/segmenters/segformer.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

// ImageNet's mean and deviation of R, G and B in [0,1].
constexpr double kMean[] = {0.485, 0.456, 0.406};
constexpr double kPixelDeviation[] = {0.229, 0.224, 0.225};

// images: [B,3,S,S] in [-1,1].
at::Tensor Normalized(const at::Tensor& images) {
  std::vector<at::Tensor> channels;
  for (int64_t i = 0; i < 3; ++i) {
    channels.push_back((images.narrow(1, i, 1) * 0.5 + (0.5 - kMean[i])) / kPixelDeviation[i]);
  }
  return at::cat(channels, 1);
}

template <typename Net>
class TransformerSegmenter : public Segmenter {
 public:
  explicit TransformerSegmenter(std::shared_ptr<Net> net)
      : net_(register_module("net", std::move(net))) {}

  void Settle(const std::function<at::Tensor(int64_t batch)>& images, int64_t batches) override {
    SettleBatchNorms(
        *this, [&](int64_t i) { Logits(images(i)); }, batches);
  }

 protected:
  at::Tensor Predict(const at::Tensor& images) override {
    return at::upsample_bilinear2d(net_->Forward(Normalized(images)).to(at::kFloat),
                                   images.sizes().slice(2), /*align_corners=*/false);
  }

 private:
  std::shared_ptr<Net> net_;
};

// Copies the tensors whose names begin as the encoder's from a folder into the net.
void LoadEncoder(const std::filesystem::path& folder, const std::string& prefix,
                 const torch::nn::Module& net) {
  const WeightFolder weights(folder);
  std::map<std::string, at::Tensor> source, target;
  for (const auto& [name, tensor] : weights.tensors()) {
    if (name.starts_with(prefix) && !name.starts_with(prefix + "pooler.")) {
      source.emplace(name, tensor);
    }
  }
  for (const auto& [name, tensor] : StateOf(net)) {
    if (name.starts_with(prefix)) target.emplace(name, tensor);
  }
  const at::NoGradGuard no_grad;
  CopyState(source, target, weights.source().string());
}

template <typename Net, typename Config>
NewSegmenter Make(const Config& config, int64_t classes, const std::filesystem::path& folder) {
  auto net = std::make_shared<Net>(config, classes);
  DrawInitialWeights(*net);
  if (!folder.empty()) LoadEncoder(folder, Net::kEncoder, *net);
  return {.model = std::make_shared<TransformerSegmenter<Net>>(std::move(net)),
          .pretrained = !folder.empty()};
}

bool HasModel(const std::filesystem::path& folder) {
  return !folder.empty() && std::filesystem::exists(folder / "config.json");
}

}  // namespace

NewSegmenter MakeSegFormer(const std::string& size, int64_t classes,
                           const std::filesystem::path& folder) {
  const SegFormerConfig expected = MiTConfig(size);
  if (!HasModel(folder)) return Make<SegFormer>(expected, classes, {});
  HfConfig file(folder / "config.json");
  SegFormerConfig config = ParseSegFormer(file);
  // A classifier's folder tells nothing true of the head, which is not read from it.
  config.decoder_hidden_size = expected.decoder_hidden_size;
  if (config != expected) {
    throw std::runtime_error(file.file() + ": this is not the encoder MiT-" + size);
  }
  return Make<SegFormer>(config, classes, folder);
}

NewSegmenter MakeDpt(int64_t classes, int64_t image_size, const std::filesystem::path& folder) {
  if (!HasModel(folder)) return Make<Dpt>(DptConfig{.image_size = image_size}, classes, {});
  HfConfig file(folder / "config.json");
  return Make<Dpt>(ParseDpt(file), classes, folder);
}

}  // namespace alignflow
