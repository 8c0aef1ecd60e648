#ifndef ALIGNFLOW_WORKER_MODELS_SD35_TEXT_EMBEDDING_H_
#define ALIGNFLOW_WORKER_MODELS_SD35_TEXT_EMBEDDING_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>

#include "worker/models/sd35/clip_text.h"
#include "worker/models/tokenizers/prompt_tokens.h"

namespace alignflow {

// What SD 3.5's transformer knows of a text.
struct TextEmbedding {
  at::Tensor context;  // [B,Lc+Lt,joint]: both CLIPs' tokens side by side and zeros, then T5's
  at::Tensor pooled;   // [B,PL+PG]: both CLIPs' text_embeds
};

// SD 3's rule for joining the encoders' outputs. `t5` is [B,Lt,joint], or undefined: kT5Tokens
// rows of zeros of width `joint_attention_dim` then, as the reference does. Throws
// std::invalid_argument when the CLIPs together are wider than joint_attention_dim or T5's width
// differs from it.
TextEmbedding JoinTextEmbedding(const ClipTextModel::Output& clip_l,
                                const ClipTextModel::Output& clip_g, const at::Tensor& t5,
                                int64_t joint_attention_dim);

// The embeddings of tokenized prompts by a model folder's text_encoder, text_encoder_2 and, where
// the prompts have T5 tokens, text_encoder_3. The encoders are loaded, used and let go one after
// the other: T5-XXL alone takes 19 GB in float32, and nothing needs them once the embeddings exist.
// Results are of options' device and type. Throws std::runtime_error naming file and field or
// tensor.
TextEmbedding EmbedPrompts(const std::filesystem::path& model_folder, const PromptTokens& prompts,
                           int64_t joint_attention_dim, const at::TensorOptions& options);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_SD35_TEXT_EMBEDDING_H_
