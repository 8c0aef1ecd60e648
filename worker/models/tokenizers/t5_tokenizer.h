#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_T5_TOKENIZER_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_T5_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "worker/models/tokenizers/added_tokens.h"
#include "worker/models/tokenizers/sentence_pieces.h"

namespace alignflow {

// transformers' T5Tokenizer, from a folder with spiece.model and tokenizer_config.json. Immutable
// and thread-safe.
class T5Tokenizer {
 public:
  // Throws std::runtime_error naming file and field.
  explicit T5Tokenizer(const std::filesystem::path& folder);

  // The text, end-of-text, and padding up to `length` ids; a text that is too long is cut before
  // the end-of-text. Throws std::invalid_argument for a text that is not UTF-8 and for a length
  // below 1.
  std::vector<int64_t> Encode(std::string_view text, int64_t length) const;

 private:
  SentencePieces pieces_;
  AddedTokens added_;
  int64_t end_ = 0, pad_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_T5_TOKENIZER_H_
