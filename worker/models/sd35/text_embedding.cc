#include "worker/models/sd35/text_embedding.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "worker/models/sd35/t5_encoder.h"

namespace alignflow {
namespace {

// [B,L] int64 on the device. Throws std::runtime_error for ids beyond the encoder's vocabulary.
at::Tensor IdTensor(const std::filesystem::path& encoder, int64_t vocab_size,
                    const std::vector<std::vector<int64_t>>& ids, at::Device device) {
  for (const std::vector<int64_t>& row : ids) {
    const int64_t greatest = *std::ranges::max_element(row);
    if (greatest < vocab_size) continue;
    throw std::runtime_error((encoder / "config.json").string() + ": field 'vocab_size' is " +
                             std::to_string(vocab_size) + ": the tokenizer gives the id " +
                             std::to_string(greatest) +
                             "; it is another model's, fetch both again");
  }
  const auto length = static_cast<int64_t>(ids.front().size());
  at::Tensor out = at::empty({static_cast<int64_t>(ids.size()), length}, at::kLong);
  auto* data = out.mutable_data_ptr<int64_t>();
  for (const std::vector<int64_t>& row : ids) data = std::copy(row.begin(), row.end(), data);
  return out.to(device);
}

}  // namespace

TextEmbedding JoinTextEmbedding(const ClipTextModel::Output& clip_l,
                                const ClipTextModel::Output& clip_g, const at::Tensor& t5,
                                int64_t joint_attention_dim) {
  const at::Tensor clip =
      at::cat({clip_l.penultimate_hidden_state, clip_g.penultimate_hidden_state}, -1);
  const at::Tensor tail =
      t5.defined() ? t5 : clip.new_zeros({clip.size(0), kT5Tokens, joint_attention_dim});
  if (tail.size(2) != joint_attention_dim || clip.size(2) > joint_attention_dim) {
    throw std::invalid_argument(
        "text encoders of widths " + std::to_string(clip_l.penultimate_hidden_state.size(2)) +
        ", " + std::to_string(clip_g.penultimate_hidden_state.size(2)) + " and " +
        std::to_string(tail.size(2)) + " do not fit a transformer whose joint_attention_dim is " +
        std::to_string(joint_attention_dim));
  }
  const at::Tensor padded = at::constant_pad_nd(clip, {0, joint_attention_dim - clip.size(2)});
  return {at::cat({padded, tail}, 1), at::cat({clip_l.text_embeds, clip_g.text_embeds}, -1)};
}

TextEmbedding EmbedPrompts(const std::filesystem::path& model_folder, const PromptTokens& prompts,
                           int64_t joint_attention_dim, const at::TensorOptions& options) {
  if (prompts.clip_l.empty()) throw std::invalid_argument("there is no prompt to embed");
  const at::NoGradGuard no_grad;
  const auto clip = [&](const char* name, const std::vector<std::vector<int64_t>>& ids) {
    const auto model = ClipTextModel::Load(model_folder / name, options);
    return model->Forward(
        IdTensor(model_folder / name, model->config().vocab_size, ids, options.device()));
  };
  const ClipTextModel::Output l = clip("text_encoder", prompts.clip_l);
  const ClipTextModel::Output g = clip("text_encoder_2", prompts.clip_g);
  at::Tensor t5;
  if (!prompts.t5.empty()) {
    const auto folder = model_folder / "text_encoder_3";
    const auto model = T5Encoder::Load(folder, options);
    t5 = model->Forward(IdTensor(folder, model->config().vocab_size, prompts.t5, options.device()));
  }
  return JoinTextEmbedding(l, g, t5, joint_attention_dim);
}

}  // namespace alignflow
