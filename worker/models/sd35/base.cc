#include "worker/models/sd35/base.h"

#include <algorithm>
#include <cstdio>
#include <span>
#include <stdexcept>

#include "worker/models/hf/config.h"
#include "worker/models/hf/load_model.h"
#include "worker/models/hf/model_index.h"

namespace alignflow {
namespace {

constexpr size_t kLookedAt = 64;  // bytes of each tensor

// FNV-1a, 64 bits.
class Hash {
 public:
  void Add(std::span<const char> bytes) {
    for (const char byte : bytes) {
      value_ = (value_ ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
    }
  }
  std::string Hex() const {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value_));
    return text;
  }

 private:
  uint64_t value_ = 14695981039346656037ULL;
};

std::string Fingerprint(const WeightFolder& weights) {
  Hash hash;
  for (const auto& [name, tensor] : weights.tensors()) {
    hash.Add(name + " " + c10::str(tensor.sizes()) + "\n");
    hash.Add({static_cast<const char*>(tensor.const_data_ptr()),
              std::min<size_t>(kLookedAt, tensor.nbytes())});
  }
  return hash.Hex();
}

void RequireFit(const std::filesystem::path& folder, const SD3TransformerConfig& transformer,
                const AutoencoderConfig& autoencoder, const TextEmbedding& text) {
  const auto refuse = [&folder](const std::string& what) {
    throw std::runtime_error(folder.string() + ": the components do not fit together: " + what);
  };
  const auto number = [](int64_t value) { return std::to_string(value); };
  if (transformer.in_channels != autoencoder.latent_channels ||
      transformer.out_channels != transformer.in_channels) {
    refuse("vae has latents of " + number(autoencoder.latent_channels) +
           " channels, transformer takes " + number(transformer.in_channels) + " and gives " +
           number(transformer.out_channels));
  }
  if (autoencoder.in_channels != 3 || autoencoder.out_channels != 3) {
    refuse("vae is not for RGB images");
  }
  if (text.pooled.size(1) != transformer.pooled_projection_dim) {
    refuse("the text encoders' pooled width is " + number(text.pooled.size(1)) +
           ", transformer takes " + number(transformer.pooled_projection_dim));
  }
}

}  // namespace

std::vector<int64_t> Sd35Base::LatentShape(int64_t size) const {
  const SD3TransformerConfig& config = transformer->config();
  const int64_t factor = autoencoder->config().Downscale();
  const int64_t multiple = factor * config.patch_size;
  const int64_t most = multiple * config.pos_embed_max_size;
  if (size < multiple || size > most || size % multiple != 0) {
    throw std::invalid_argument("size: this model makes images with sides of multiples of " +
                                std::to_string(multiple) + " pixels up to " + std::to_string(most) +
                                ", not " + std::to_string(size));
  }
  return {autoencoder->config().latent_channels, size / factor, size / factor};
}

Condition Sd35Base::Prompted(int64_t count) const {
  Condition condition;
  condition.context = text.context.narrow(0, 0, 1).expand({count, -1, -1});
  condition.pooled = text.pooled.narrow(0, 0, 1).expand({count, -1});
  return condition;
}

void Sd35Base::DropPrompts(Condition& condition, at::Generator& random) const {
  const at::Tensor dropped =
      at::rand({condition.context.size(0)}, random).lt(0.5).to(options().device());
  condition.context =
      at::where(dropped.view({-1, 1, 1}), text.context.narrow(0, 1, 1), condition.context);
  condition.pooled =
      at::where(dropped.view({-1, 1}), text.pooled.narrow(0, 1, 1), condition.pooled);
}

std::shared_ptr<const Sd35Base> LoadSd35Base(const std::filesystem::path& folder,
                                             const PromptTokens& prompts,
                                             const at::TensorOptions& options) {
  const Sd35ModelIndex index(folder);
  HfConfig scheduler(index.Folder("scheduler") / "scheduler_config.json");
  HfConfig config(index.Folder("transformer") / "config.json");
  const SD3TransformerConfig transformer_config = ParseSD3Transformer(config);
  auto base = std::make_shared<Sd35Base>();
  base->folder = folder;
  base->schedule = ParseFlowMatchSchedule(scheduler);
  base->text = EmbedPrompts(folder, prompts, transformer_config.joint_attention_dim, options);
  base->autoencoder = AutoencoderKL::Load(index.Folder("vae"), options);
  RequireFit(folder, transformer_config, base->autoencoder->config(), base->text);
  const WeightFolder weights(index.Folder("transformer"));
  base->fingerprint = Fingerprint(weights);
  auto transformer = std::make_shared<SD3Transformer>(transformer_config, options);
  LoadWeights(weights, *transformer);
  base->transformer = transformer;
  for (const torch::nn::Module* module :
       {static_cast<const torch::nn::Module*>(base->transformer.get()),
        static_cast<const torch::nn::Module*>(base->autoencoder.get())}) {
    for (at::Tensor& parameter : module->parameters()) parameter.requires_grad_(false);
  }
  return base;
}

}  // namespace alignflow
