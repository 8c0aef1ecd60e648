#include "worker/models/tokenizers/prompt_tokenizer.h"

#include <stdexcept>

namespace alignflow {
namespace {

constexpr size_t kMaxPromptBytes = 8192;

}  // namespace

PromptTokenizer::PromptTokenizer(const std::filesystem::path& model_folder, bool with_t5)
    : clip_l_(model_folder / "tokenizer"), clip_g_(model_folder / "tokenizer_2") {
  if (with_t5) t5_ = std::make_unique<T5Tokenizer>(model_folder / "tokenizer_3");
}

PromptTokens PromptTokenizer::Encode(const std::vector<std::string>& prompts) const {
  // The first tokenizer's limit holds for both CLIPs, as in the reference.
  const int64_t clip_length = clip_l_.model_max_length();
  PromptTokens tokens;
  for (const std::string& prompt : prompts) {
    if (prompt.size() > kMaxPromptBytes) {
      throw std::invalid_argument("a prompt of " + std::to_string(prompt.size()) +
                                  " bytes; at most " + std::to_string(kMaxPromptBytes) +
                                  " are allowed");
    }
    tokens.clip_l.push_back(clip_l_.Encode(prompt, clip_length));
    tokens.clip_g.push_back(clip_g_.Encode(prompt, clip_length));
    if (t5_) tokens.t5.push_back(t5_->Encode(prompt, kT5Tokens));
  }
  return tokens;
}

}  // namespace alignflow
