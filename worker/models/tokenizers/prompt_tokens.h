#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PROMPT_TOKENS_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PROMPT_TOKENS_H_

#include <cstdint>
#include <vector>

namespace alignflow {

// Ids per prompt for T5; longer prompts are cut, and where there is no T5 as many zeros stand for
// it.
inline constexpr int64_t kT5Tokens = 256;

// Prompts as the text encoders of SD 3.5 take them: one row of token ids per prompt, all rows of
// one encoder equally long. Between the tokenizers, which know no tensors, and the encoders, which
// know no text.
struct PromptTokens {
  std::vector<std::vector<int64_t>> clip_l;
  std::vector<std::vector<int64_t>> clip_g;
  std::vector<std::vector<int64_t>> t5;  // empty: the model has no T5
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PROMPT_TOKENS_H_
