#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PROMPT_TOKENIZER_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PROMPT_TOKENIZER_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "worker/models/tokenizers/clip_tokenizer.h"
#include "worker/models/tokenizers/prompt_tokens.h"
#include "worker/models/tokenizers/t5_tokenizer.h"

namespace alignflow {

// The tokenizers of a model folder of SD 3.5: tokenizer (CLIP-L), tokenizer_2 (CLIP-G) and
// tokenizer_3 (T5). Immutable and thread-safe.
class PromptTokenizer {
 public:
  // with_t5: whether the model has T5. Throws std::runtime_error naming file and field.
  PromptTokenizer(const std::filesystem::path& model_folder, bool with_t5);

  // Each prompt for each text encoder; "" is the empty prompt of guidance. Throws
  // std::invalid_argument for a prompt that is not UTF-8 or longer than 8 KiB: what a prompt can
  // say is cut to 256 tokens, and a single endless word would take long.
  PromptTokens Encode(const std::vector<std::string>& prompts) const;

 private:
  ClipTokenizer clip_l_, clip_g_;
  std::unique_ptr<T5Tokenizer> t5_;  // null without T5
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PROMPT_TOKENIZER_H_
