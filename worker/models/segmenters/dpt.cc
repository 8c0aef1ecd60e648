#include "worker/models/segmenters/dpt.h"

#include <torch/nn/modules/container/modulelist.h>

#include <cmath>

namespace alignflow {
namespace {

using ModulePtr = std::shared_ptr<torch::nn::Module>;

ModulePtr Child(torch::nn::Module& owner, const std::string& name) {
  return owner.register_module(name, std::make_shared<torch::nn::Module>());
}

std::shared_ptr<hf::Linear> AddLinear(torch::nn::Module& owner, const std::string& name, int64_t in,
                                      int64_t out, const at::TensorOptions& options,
                                      bool bias = true) {
  return owner.register_module(name, std::make_shared<hf::Linear>(in, out, bias, options));
}

// A layer of ViT: x + attention(norm x), then x + mlp(norm x).
class Layer : public torch::nn::Module {
 public:
  Layer(const DptConfig& config, const at::TensorOptions& options)
      : heads_(config.num_attention_heads) {
    const int64_t width = config.hidden_size, wide = config.intermediate_size;
    const auto norm = [&](const char* name) {
      return register_module(
          name, std::make_shared<hf::LayerNorm>(width, config.layer_norm_eps, options));
    };
    const ModulePtr attention = Child(*this, "attention");
    const ModulePtr inner = Child(*attention, "attention");
    query_ = AddLinear(*inner, "query", width, width, options, config.qkv_bias);
    key_ = AddLinear(*inner, "key", width, width, options, config.qkv_bias);
    value_ = AddLinear(*inner, "value", width, width, options, config.qkv_bias);
    attended_ = AddLinear(*Child(*attention, "output"), "dense", width, width, options);
    widen_ = AddLinear(*Child(*this, "intermediate"), "dense", width, wide, options);
    narrow_ = AddLinear(*Child(*this, "output"), "dense", wide, width, options);
    norm1_ = norm("layernorm_before");
    norm2_ = norm("layernorm_after");
  }

  at::Tensor Forward(const at::Tensor& x) const {
    const at::Tensor normed = norm1_->Forward(x);
    const at::Tensor seen = at::scaled_dot_product_attention(
        Heads(*query_, normed), Heads(*key_, normed), Heads(*value_, normed));
    const at::Tensor h = x + attended_->Forward(seen.transpose(1, 2).flatten(2));
    return h + narrow_->Forward(at::gelu(widen_->Forward(norm2_->Forward(h))));
  }

 private:
  at::Tensor Heads(const hf::Linear& linear, const at::Tensor& x) const {
    return linear.Forward(x).unflatten(2, {heads_, -1}).transpose(1, 2);
  }

  int64_t heads_;
  std::shared_ptr<hf::Linear> query_, key_, value_, attended_, widen_, narrow_;
  std::shared_ptr<hf::LayerNorm> norm1_, norm2_;
};

}  // namespace

// ViT; hands out the tokens after some of its layers.
class Dpt::Encoder : public torch::nn::Module {
 public:
  Encoder(const DptConfig& config, const at::TensorOptions& options)
      : patch_(config.patch_size), taken_(config.backbone_out_indices) {
    const int64_t width = config.hidden_size, side = config.image_size / config.patch_size;
    const ModulePtr embeddings = Child(*this, "embeddings");
    class_token_ = embeddings->register_parameter("cls_token", at::empty({1, 1, width}, options));
    positions_ = embeddings->register_parameter("position_embeddings",
                                                at::empty({1, side * side + 1, width}, options));
    project_ = Child(*embeddings, "patch_embeddings")
                   ->register_module("projection", std::make_shared<hf::Conv2d>(
                                                       3, width, patch_, patch_, 0, options));
    torch::nn::ModuleList list;
    for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
      layers_.push_back(std::make_shared<Layer>(config, options));
      list->push_back(layers_.back());
    }
    Child(*this, "encoder")->register_module("layer", list);
    // Of the last layer's tokens, which the head does not read; checkpoints hold it.
    register_module("layernorm",
                    std::make_shared<hf::LayerNorm>(width, config.layer_norm_eps, options));
  }

  int64_t patch_size() const { return patch_; }

  // pixels: [B,3,H,W]. Returns tokens [B,1 + patches,D], the class token first.
  std::vector<at::Tensor> Forward(const at::Tensor& pixels) const {
    const at::Tensor patches = project_->Forward(pixels);
    at::Tensor x =
        at::cat({class_token_.expand({pixels.size(0), -1, -1}), patches.flatten(2).transpose(1, 2)},
                1) +
        Positions(patches.size(2), patches.size(3));
    std::vector<at::Tensor> taken;
    for (int64_t i = 0; i <= taken_.back(); ++i) {
      x = layers_[i]->Forward(x);
      if (i == taken_[taken.size()]) taken.push_back(x);
    }
    return taken;
  }

 private:
  // The embeddings of a square grid, stretched to that of the patches.
  at::Tensor Positions(int64_t rows, int64_t columns) const {
    const at::Tensor grid = positions_.narrow(1, 1, positions_.size(1) - 1);
    const auto side = static_cast<int64_t>(std::lround(std::sqrt(grid.size(1))));
    const at::Tensor stretched = at::upsample_bilinear2d(
        grid.transpose(1, 2).unflatten(2, {side, side}), {rows, columns}, /*align_corners=*/false);
    return at::cat({positions_.narrow(1, 0, 1), stretched.flatten(2).transpose(1, 2)}, 1);
  }

  int64_t patch_;
  std::vector<int64_t> taken_;
  at::Tensor class_token_, positions_;
  std::shared_ptr<hf::Conv2d> project_;
  std::vector<std::shared_ptr<Layer>> layers_;
};

// Tokens to a map of another width and resolution.
class Dpt::Reassemble {
 public:
  Reassemble(const DptConfig& config, size_t number, torch::nn::ModuleList& layers,
             torch::nn::ModuleList& readouts, const at::TensorOptions& options)
      : readout_type_(config.readout_type), factor_(config.reassemble_factors[number]) {
    const int64_t width = config.hidden_size, out = config.neck_hidden_sizes[number];
    const auto layer = std::make_shared<torch::nn::Module>();
    project_ = layer->register_module("projection",
                                      std::make_shared<hf::Conv2d>(width, out, 1, 1, 0, options));
    if (factor_ > 1) {
      const ModulePtr resize = Child(*layer, "resize");
      const auto side = static_cast<int64_t>(factor_);
      widen_weight_ =
          resize->register_parameter("weight", at::empty({out, out, side, side}, options));
      widen_bias_ = resize->register_parameter("bias", at::empty({out}, options));
    } else if (factor_ < 1) {
      shrink_ = layer->register_module(
          "resize",
          std::make_shared<hf::Conv2d>(out, out, 3, static_cast<int64_t>(1 / factor_), 1, options));
    }
    layers->push_back(layer);
    if (readout_type_ != "project") return;
    const auto sequence = std::make_shared<torch::nn::Module>();
    readout_ = AddLinear(*sequence, "0", 2 * width, width, options);
    readouts->push_back(sequence);
  }

  at::Tensor Forward(const at::Tensor& tokens, int64_t rows, int64_t columns) const {
    const at::Tensor class_token = tokens.narrow(1, 0, 1);
    at::Tensor x = tokens.narrow(1, 1, tokens.size(1) - 1);
    if (readout_) {
      x = at::gelu(readout_->Forward(at::cat({x, class_token.expand_as(x)}, 2)));
    } else if (readout_type_ == "add") {
      x = x + class_token;
    }
    x = project_->Forward(x.transpose(1, 2).unflatten(2, {rows, columns}).contiguous());
    if (shrink_) return shrink_->Forward(x);
    if (!widen_weight_.defined()) return x;
    const auto side = static_cast<int64_t>(factor_);
    return at::conv_transpose2d(x, widen_weight_, widen_bias_, side);
  }

 private:
  std::string readout_type_;
  double factor_;
  std::shared_ptr<hf::Linear> readout_;  // null unless the type is project
  std::shared_ptr<hf::Conv2d> project_, shrink_;
  at::Tensor widen_weight_, widen_bias_;
};

// Adds a finer map to what came from coarser ones and doubles the sides.
class Dpt::Fusion : public torch::nn::Module {
 public:
  Fusion(const DptConfig& config, std::vector<std::shared_ptr<BatchNorm>>& norms,
         const at::TensorOptions& options) {
    const int64_t width = config.fusion_hidden_size;
    project_ =
        register_module("projection", std::make_shared<hf::Conv2d>(width, width, 1, 1, 0, options));
    for (int unit = 0; unit < 2; ++unit) {
      const ModulePtr residual = Child(*this, "residual_layer" + std::to_string(unit + 1));
      for (int i = 0; i < 2; ++i) {
        const std::string number = std::to_string(i + 1);
        const ModulePtr convolution = Child(*residual, "convolution" + number);
        Part& part = parts_[unit][i];
        part.weight =
            convolution->register_parameter("weight", at::empty({width, width, 3, 3}, options));
        if (config.use_bias_in_fusion_residual) {
          part.bias = convolution->register_parameter("bias", at::empty({width}, options));
        }
        if (!config.use_batch_norm_in_fusion_residual) continue;
        part.norm =
            residual->register_module("batch_norm" + number, std::make_shared<BatchNorm>(width));
        norms.push_back(part.norm);
      }
    }
  }

  // finer: undefined for the coarsest map, which is x itself.
  at::Tensor Forward(at::Tensor x, const at::Tensor& finer) const {
    if (finer.defined()) {
      const bool same = finer.sizes() == x.sizes();
      x = x + Residual(0, same ? finer
                               : at::upsample_bilinear2d(finer, x.sizes().slice(2),
                                                         /*align_corners=*/false));
    }
    x = Residual(1, x);
    return project_->Forward(
        at::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, /*align_corners=*/true));
  }

 private:
  struct Part {
    at::Tensor weight, bias;
    std::shared_ptr<BatchNorm> norm;  // may be null
  };

  at::Tensor Residual(int unit, const at::Tensor& x) const {
    at::Tensor h = x;
    for (const Part& part : parts_[unit]) {
      h = at::conv2d(at::relu(h), part.weight, part.bias, 1, 1);
      if (part.norm) h = part.norm->Forward(h);
    }
    return h + x;
  }

  std::shared_ptr<hf::Conv2d> project_;
  Part parts_[2][2];
};

Dpt::Dpt(const DptConfig& config, int64_t classes, const at::TensorOptions& options) {
  encoder_ = register_module("dpt", std::make_shared<Encoder>(config, options));
  const ModulePtr neck = Child(*this, "neck");
  const ModulePtr reassemble = Child(*neck, "reassemble_stage");
  torch::nn::ModuleList layers, readouts, convolutions, fusions;
  const int64_t width = config.fusion_hidden_size;
  for (size_t i = 0; i < config.neck_hidden_sizes.size(); ++i) {
    reassemble_.push_back(std::make_shared<Reassemble>(config, i, layers, readouts, options));
    const auto convolution = std::make_shared<torch::nn::Module>();
    convolutions_.push_back(convolution->register_parameter(
        "weight", at::empty({width, config.neck_hidden_sizes[i], 3, 3}, options)));
    convolutions->push_back(convolution);
    fusions_.push_back(std::make_shared<Fusion>(config, batch_norms_, options));
    fusions->push_back(fusions_.back());
  }
  reassemble->register_module("layers", layers);
  if (config.readout_type == "project") reassemble->register_module("readout_projects", readouts);
  neck->register_module("convs", convolutions);
  Child(*neck, "fusion_stage")->register_module("layers", fusions);
  const ModulePtr head = Child(*Child(*this, "head"), "head");
  head_convolution_ =
      Child(*head, "0")->register_parameter("weight", at::empty({width, width, 3, 3}, options));
  batch_norms_.push_back(head->register_module("1", std::make_shared<BatchNorm>(width)));
  classifier_ =
      head->register_module("4", std::make_shared<hf::Conv2d>(width, classes, 1, 1, 0, options));
}

Dpt::~Dpt() = default;

at::Tensor Dpt::Forward(const at::Tensor& pixels) const {
  const std::vector<at::Tensor> tokens = encoder_->Forward(pixels);
  const int64_t patch = encoder_->patch_size();
  const int64_t rows = pixels.size(2) / patch, columns = pixels.size(3) / patch;
  at::Tensor x;
  for (size_t i = tokens.size(); i-- > 0;) {  // the coarsest first
    const at::Tensor map =
        at::conv2d(reassemble_[i]->Forward(tokens[i], rows, columns), convolutions_[i], {}, 1, 1);
    // The fusions are numbered from the coarsest.
    const Fusion& fusion = *fusions_[tokens.size() - 1 - i];
    x = x.defined() ? fusion.Forward(x, map) : fusion.Forward(map, {});
  }
  x = at::relu(batch_norms_.back()->Forward(at::conv2d(x, head_convolution_, {}, 1, 1)));
  x = classifier_->Forward(x);
  return at::upsample_bilinear2d(x, {2 * x.size(2), 2 * x.size(3)}, /*align_corners=*/true);
}

}  // namespace alignflow
