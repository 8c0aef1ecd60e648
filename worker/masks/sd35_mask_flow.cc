#include "worker/masks/sd35_mask_flow.h"

#include <ATen/core/grad_mode.h>

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "worker/models/safetensors.h"
#include "worker/models/scoped_autocast.h"
#include "worker/models/sd35/velocity.h"
#include "worker/models/unet/merged_model.h"

namespace alignflow {
namespace {

constexpr char kFlowFormatKey[] = "alignflow.format";
constexpr char kFlowFormat[] = "sd35-masks-1";
constexpr char kBaseKey[] = "alignflow.base";
constexpr char kRankKey[] = "alignflow.adapter_rank";
constexpr int64_t kSd35Steps = 28;  // the paper's for images
constexpr int64_t kMostRank =
    256;  // as masks.adapter_rank; a file's number sizes what is allocated

int64_t RankIn(const SafetensorsFile& file, const std::filesystem::path& path) {
  const auto value = [&file](const char* key) {
    const auto entry = file.metadata().find(key);
    return entry == file.metadata().end() ? std::string() : entry->second;
  };
  const std::string text = value(kRankKey);
  int64_t rank = -1;
  std::from_chars(text.data(), text.data() + text.size(), rank);
  if (value(kFlowFormatKey) != kFlowFormat || rank < 0 || rank > kMostRank) {
    throw std::runtime_error(path.string() + ": not an AlignFlow mask model for SD 3.5");
  }
  return rank;
}

}  // namespace

Sd35MaskFlow::Sd35MaskFlow(std::shared_ptr<const Sd35Base> base, const Sd35Images& images,
                           int64_t adapter_rank, const at::TensorOptions& options)
    : base_(std::move(base)),
      pictures_(images.greys),
      latent_shape_(base_->LatentShape(images.size)),
      codec_(base_->autoencoder),
      adapter_rank_(adapter_rank) {
  const SD3TransformerConfig& config = base_->transformer->config();
  if (adapter_rank > 0) {
    adapters_ = std::make_shared<SD3Adapters>(config, adapter_rank, options);
  } else {
    transformer_ = std::make_shared<SD3Transformer>(config, options);
  }
}

Sd35MaskFlow::Sd35MaskFlow(std::shared_ptr<const Sd35Base> base, const Sd35Images& images,
                           int64_t adapter_rank, at::Generator random)
    : Sd35MaskFlow(base, images, adapter_rank, base->options().dtype(at::kFloat)) {
  if (adapters_) {
    adapters_->Start(std::move(random));
    return;
  }
  const at::NoGradGuard no_grad;
  CopyState(StateOf(*base_->transformer), StateOf(*transformer_), "the mask model");
}

std::unique_ptr<Sd35MaskFlow> Sd35MaskFlow::Load(const std::filesystem::path& path,
                                                 std::shared_ptr<const Sd35Base> base,
                                                 const Sd35Images& images,
                                                 std::map<std::string, std::string>* metadata) {
  const SafetensorsFile file(path);
  const int64_t rank = RankIn(file, path);
  std::map<std::string, std::string> strings = file.metadata();
  if (strings[kBaseKey] != base->fingerprint) {
    throw std::runtime_error(path.string() + ": trained on other weights (" + strings[kBaseKey] +
                             ") than this folder's transformer has (" + base->fingerprint + ")");
  }
  const at::TensorOptions options = base->options();
  std::unique_ptr<Sd35MaskFlow> flow(new Sd35MaskFlow(std::move(base), images, rank, options));
  std::map<std::string, at::Tensor> tensors;
  for (const std::string& name : file.Names()) tensors.emplace(name, file.Get(name));
  {
    const at::NoGradGuard no_grad;
    CopyState(tensors, flow->State(), path.string());
  }
  for (at::Tensor& parameter : flow->parameters()) parameter.requires_grad_(false);
  for (const char* key : {kFlowFormatKey, kBaseKey, kRankKey, "format"}) strings.erase(key);
  *metadata = std::move(strings);
  return flow;
}

int64_t Sd35MaskFlow::AdapterRank(const std::filesystem::path& path) {
  return RankIn(SafetensorsFile(path), path);
}

at::Tensor Sd35MaskFlow::Velocity(const at::Tensor& x, const at::Tensor& t,
                                  const Condition& condition) {
  const SD3Transformer& transformer = transformer_ ? *transformer_ : *base_->transformer;
  const at::ScalarType type = base_->transformer->dtype();
  std::optional<ScopedAutocast> scope;
  if (transformer.dtype() != type) scope.emplace(x.device().type(), type);
  return Sd35Velocity(transformer, /*controlnet=*/nullptr, /*control_scale=*/1, adapters_.get())
      .Velocity(x, t, condition);
}

at::Tensor Sd35MaskFlow::Encode(const at::Tensor& classes) const {
  return codec_.Encode(pictures_.Of(classes, device()));
}

at::Tensor Sd35MaskFlow::Decode(const at::Tensor& latents) const {
  return pictures_.Classes(codec_.Decode(latents));
}

Condition Sd35MaskFlow::TrainingCondition(int64_t count, at::Generator& random) const {
  Condition condition = base_->Prompted(count);
  base_->DropPrompts(condition, random);
  return condition;
}

std::vector<double> Sd35MaskFlow::SamplingTimes() const {
  return base_->schedule.Times(kSd35Steps);
}

void Sd35MaskFlow::Save(const std::filesystem::path& file,
                        const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::string> strings = metadata;
  strings["format"] = "pt";
  strings[kFlowFormatKey] = kFlowFormat;
  strings[kBaseKey] = base_->fingerprint;
  strings[kRankKey] = std::to_string(adapter_rank_);
  std::map<std::string, at::Tensor> tensors = State();
  if (transformer_) {
    for (auto& [name, tensor] : tensors) tensor = tensor.detach().to(base_->transformer->dtype());
  }
  WriteSafetensors(file, tensors, strings);
}

const torch::nn::Module& Sd35MaskFlow::trained() const {
  if (transformer_) return *transformer_;
  return *adapters_;
}

std::map<std::string, at::Tensor> Sd35MaskFlow::State() const {
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : StateOf(trained())) {
    state.emplace((adapters_ ? "transformer." : "") + name, tensor);
  }
  return state;
}

}  // namespace alignflow
