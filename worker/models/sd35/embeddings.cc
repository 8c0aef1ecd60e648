#include "worker/models/sd35/embeddings.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace alignflow {
namespace {

constexpr int64_t kTimeChannels = 256;

// [B] to [B,256]: cosines, then sines, at 128 frequencies from 1 down to nearly 1/10000.
at::Tensor Sinusoids(const at::Tensor& timestep) {
  const auto options = timestep.options().dtype(at::kFloat);
  const at::Tensor exponents = at::arange(kTimeChannels / 2, options);
  const at::Tensor frequencies =
      (exponents * (-std::log(10000.0) / (static_cast<double>(kTimeChannels) / 2))).exp();
  const at::Tensor angles = timestep.to(at::kFloat).unsqueeze(1) * frequencies;
  return at::cat({angles.cos(), angles.sin()}, 1);
}

std::shared_ptr<hf::Linear> AddLinear(torch::nn::Module& owner, const char* name, int64_t in,
                                      int64_t out, const at::TensorOptions& options) {
  return owner.register_module(name, std::make_shared<hf::Linear>(in, out, true, options));
}

}  // namespace

PatchEmbedding::PatchEmbedding(int64_t channels, int64_t patch, int64_t width, int64_t table_side,
                               const at::TensorOptions& options)
    : patch_(patch), table_side_(table_side) {
  proj_ = register_module("proj", std::make_shared<hf::Conv2d>(channels, width, patch, patch,
                                                               /*padding=*/0, options));
  if (table_side > 0) {
    pos_embed_ =
        register_buffer("pos_embed", at::empty({1, table_side * table_side, width}, options));
  }
}

at::Tensor PatchEmbedding::Positions(int64_t rows, int64_t columns) const {
  const int64_t top = (table_side_ - rows) / 2, left = (table_side_ - columns) / 2;
  return pos_embed_.view({1, table_side_, table_side_, -1})
      .narrow(1, top, rows)
      .narrow(2, left, columns)
      .flatten(1, 2);
}

at::Tensor PatchEmbedding::Forward(const at::Tensor& latent) const {
  const auto fail = [&](const std::string& message) {
    throw std::invalid_argument("a latent of " + c10::str(latent.sizes()) + " " + message);
  };
  if (latent.dim() != 4) fail("has not four dimensions");
  const int64_t rows = latent.size(2) / patch_, columns = latent.size(3) / patch_;
  if (rows * patch_ != latent.size(2) || columns * patch_ != latent.size(3)) {
    fail("cannot be cut into patches of " + std::to_string(patch_));
  }
  if (table_side_ > 0 && std::max(rows, columns) > table_side_) {
    fail("has more patches a side than the model knows positions, " + std::to_string(table_side_));
  }
  // Contiguous, or the order of the channels in memory would go through all blocks.
  const at::Tensor tokens = proj_->Forward(latent).flatten(2).transpose(1, 2).contiguous();
  return table_side_ > 0 ? tokens + Positions(rows, columns) : tokens;
}

TimeTextEmbedding::TimeTextEmbedding(int64_t width, int64_t pooled_width,
                                     const at::TensorOptions& options) {
  auto time = register_module("timestep_embedder", std::make_shared<torch::nn::Module>());
  time1_ = AddLinear(*time, "linear_1", kTimeChannels, width, options);
  time2_ = AddLinear(*time, "linear_2", width, width, options);
  auto text = register_module("text_embedder", std::make_shared<torch::nn::Module>());
  text1_ = AddLinear(*text, "linear_1", pooled_width, width, options);
  text2_ = AddLinear(*text, "linear_2", width, width, options);
}

at::Tensor TimeTextEmbedding::Forward(const at::Tensor& timestep, const at::Tensor& pooled) const {
  const at::ScalarType type = time1_->weight().scalar_type();
  const at::Tensor time = time2_->Forward(at::silu(time1_->Forward(Sinusoids(timestep).to(type))));
  return time + text2_->Forward(at::silu(text1_->Forward(pooled.to(type))));
}

}  // namespace alignflow
