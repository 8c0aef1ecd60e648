#include "worker/models/segmenters/segformer.h"

#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>

namespace alignflow {
namespace {

constexpr double kEps = 1e-5;

using ModulePtr = std::shared_ptr<torch::nn::Module>;

ModulePtr ChildOf(torch::nn::Module& owner, const std::string& name) {
  return owner.register_module(name, std::make_shared<torch::nn::Module>());
}

// [B,C,H,W] to [B,HW,C], and back.
at::Tensor TokensOf(const at::Tensor& map) { return map.flatten(2).transpose(1, 2); }
at::Tensor MapOf(const at::Tensor& tokens, int64_t height, int64_t width) {
  return tokens.transpose(1, 2).unflatten(2, {height, width});
}

// A layer of Mix Transformer: x + attention(norm x), then x + mlp(norm x). Keys and values are read
// from a map reduced `ratio` times; a depthwise convolution in the mlp tells positions.
class EncoderLayer : public torch::nn::Module {
 public:
  EncoderLayer(int64_t width, int64_t heads, int64_t ratio, int64_t mlp_ratio,
               const at::TensorOptions& options)
      : heads_(heads) {
    const auto linear = [&](torch::nn::Module& owner, const char* name, int64_t in, int64_t out) {
      return owner.register_module(name, std::make_shared<hf::Linear>(in, out, true, options));
    };
    const auto norm = [&](torch::nn::Module& owner, const char* name) {
      return owner.register_module(name, std::make_shared<hf::LayerNorm>(width, kEps, options));
    };
    norm1_ = norm(*this, "layer_norm_1");
    const ModulePtr attention = ChildOf(*this, "attention");
    const ModulePtr self = ChildOf(*attention, "self");
    query_ = linear(*self, "query", width, width);
    key_ = linear(*self, "key", width, width);
    value_ = linear(*self, "value", width, width);
    if (ratio > 1) {
      reduce_ = self->register_module(
          "sr", std::make_shared<hf::Conv2d>(width, width, ratio, ratio, 0, options));
      reduce_norm_ = norm(*self, "layer_norm");
    }
    output_ = linear(*ChildOf(*attention, "output"), "dense", width, width);
    norm2_ = norm(*this, "layer_norm_2");
    const ModulePtr mlp = ChildOf(*this, "mlp");
    const int64_t wide = width * mlp_ratio;
    dense1_ = linear(*mlp, "dense1", width, wide);
    const ModulePtr depthwise = ChildOf(*ChildOf(*mlp, "dwconv"), "dwconv");
    depthwise_weight_ =
        depthwise->register_parameter("weight", at::empty({wide, 1, 3, 3}, options));
    depthwise_bias_ = depthwise->register_parameter("bias", at::empty({wide}, options));
    dense2_ = linear(*mlp, "dense2", wide, width);
  }

  at::Tensor Forward(const at::Tensor& x, int64_t height, int64_t width) const {
    const at::Tensor h = x + Attention(norm1_->Forward(x), height, width);
    return h + Mlp(norm2_->Forward(h), height, width);
  }

 private:
  at::Tensor Heads(const at::Tensor& x) const {
    return x.unflatten(2, {heads_, -1}).transpose(1, 2);
  }

  at::Tensor Attention(const at::Tensor& x, int64_t height, int64_t width) const {
    at::Tensor source = x;
    if (reduce_) {
      source = reduce_norm_->Forward(TokensOf(reduce_->Forward(MapOf(x, height, width))));
    }
    const at::Tensor seen = at::scaled_dot_product_attention(
        Heads(query_->Forward(x)), Heads(key_->Forward(source)), Heads(value_->Forward(source)));
    return output_->Forward(seen.transpose(1, 2).flatten(2));
  }

  at::Tensor Mlp(const at::Tensor& x, int64_t height, int64_t width) const {
    const at::Tensor map = MapOf(dense1_->Forward(x), height, width);
    const at::Tensor mixed =
        at::conv2d(map, depthwise_weight_, depthwise_bias_, 1, 1, 1, map.size(1));
    return dense2_->Forward(at::gelu(TokensOf(mixed)));
  }

  int64_t heads_;
  std::shared_ptr<hf::LayerNorm> norm1_, norm2_, reduce_norm_;
  std::shared_ptr<hf::Linear> query_, key_, value_, output_, dense1_, dense2_;
  std::shared_ptr<hf::Conv2d> reduce_;  // null where nothing is reduced
  at::Tensor depthwise_weight_, depthwise_bias_;
};

}  // namespace

// Overlapping patches, layers and a norm. Published files keep the parts of all stages in lists of
// their own, so the stage itself is no module.
class SegFormer::Stage {
 public:
  Stage(const SegFormerConfig& config, size_t stage, torch::nn::ModuleList& embeddings,
        torch::nn::ModuleList& blocks, torch::nn::ModuleList& norms,
        const at::TensorOptions& options) {
    const int64_t width = config.hidden_sizes[stage];
    const auto embedding = std::make_shared<torch::nn::Module>();
    project_ = embedding->register_module(
        "proj", std::make_shared<hf::Conv2d>(stage == 0 ? 3 : config.hidden_sizes[stage - 1], width,
                                             config.patch_sizes[stage], config.strides[stage],
                                             config.patch_sizes[stage] / 2, options));
    patch_norm_ = embedding->register_module("layer_norm",
                                             std::make_shared<hf::LayerNorm>(width, kEps, options));
    embeddings->push_back(embedding);
    torch::nn::ModuleList layers;
    for (int64_t i = 0; i < config.depths[stage]; ++i) {
      layers_.push_back(std::make_shared<EncoderLayer>(width, config.num_attention_heads[stage],
                                                       config.sr_ratios[stage],
                                                       config.mlp_ratios[stage], options));
      layers->push_back(layers_.back());
    }
    blocks->push_back(layers);
    norm_ = std::make_shared<hf::LayerNorm>(width, kEps, options);
    norms->push_back(norm_);
  }

  at::Tensor Forward(const at::Tensor& map) const {
    const at::Tensor patches = project_->Forward(map);
    const int64_t height = patches.size(2), width = patches.size(3);
    at::Tensor x = patch_norm_->Forward(TokensOf(patches));
    for (const auto& layer : layers_) x = layer->Forward(x, height, width);
    return MapOf(norm_->Forward(x), height, width).contiguous();
  }

 private:
  std::shared_ptr<hf::Conv2d> project_;
  std::shared_ptr<hf::LayerNorm> patch_norm_, norm_;
  std::vector<std::shared_ptr<EncoderLayer>> layers_;
};

SegFormer::SegFormer(const SegFormerConfig& config, int64_t classes,
                     const at::TensorOptions& options) {
  const ModulePtr encoder = ChildOf(*ChildOf(*this, "segformer"), "encoder");
  const ModulePtr head = ChildOf(*this, "decode_head");
  torch::nn::ModuleList embeddings, blocks, norms, projections;
  const int64_t width = config.decoder_hidden_size;
  for (size_t i = 0; i < config.hidden_sizes.size(); ++i) {
    stages_.push_back(std::make_shared<Stage>(config, i, embeddings, blocks, norms, options));
    const auto projection = std::make_shared<torch::nn::Module>();
    projections_.push_back(projection->register_module(
        "proj", std::make_shared<hf::Linear>(config.hidden_sizes[i], width, true, options)));
    projections->push_back(projection);
  }
  encoder->register_module("patch_embeddings", embeddings);
  encoder->register_module("block", blocks);
  encoder->register_module("layer_norm", norms);
  head->register_module("linear_c", projections);
  const int64_t joined = width * static_cast<int64_t>(stages_.size());
  fuse_ = ChildOf(*head, "linear_fuse")
              ->register_parameter("weight", at::empty({width, joined, 1, 1}, options));
  batch_norm_ = head->register_module("batch_norm", std::make_shared<BatchNorm>(width));
  classifier_ = head->register_module(
      "classifier", std::make_shared<hf::Conv2d>(width, classes, 1, 1, 0, options));
}

SegFormer::~SegFormer() = default;

at::Tensor SegFormer::Forward(const at::Tensor& pixels) const {
  std::vector<at::Tensor> maps;
  at::Tensor map = pixels;
  for (size_t i = 0; i < stages_.size(); ++i) {
    map = stages_[i]->Forward(map);
    const at::Tensor projected =
        MapOf(projections_[i]->Forward(TokensOf(map)), map.size(2), map.size(3));
    const at::IntArrayRef finest = maps.empty() ? map.sizes() : maps.front().sizes();
    maps.push_back(at::upsample_bilinear2d(projected, finest.slice(2), /*align_corners=*/false));
  }
  std::reverse(maps.begin(), maps.end());
  const at::Tensor fused = at::conv2d(at::cat(maps, 1), fuse_);
  return classifier_->Forward(at::relu(batch_norm_->Forward(fused)));
}

}  // namespace alignflow
