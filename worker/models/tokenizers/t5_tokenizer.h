#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_T5_TOKENIZER_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_T5_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "worker/models/tokenizers/added_tokens.h"
#include "worker/models/tokenizers/text_pieces.h"
#include "worker/models/tokenizers/tokenizer_json.h"

namespace alignflow {

// transformers' T5Tokenizer, from a folder with tokenizer_config.json and tokenizer.json, or else
// spiece.model. Where both are there, tokenizer.json counts, as in the reference, and both must
// have the same pieces. Immutable and thread-safe.
class T5Tokenizer {
 public:
  // Throws std::runtime_error naming file and field.
  explicit T5Tokenizer(const std::filesystem::path& folder);

  // The text, end-of-text, and padding up to `length` ids; a text that is too long is cut before
  // the end-of-text. Throws std::invalid_argument for a text that is not UTF-8 and for a length
  // that has no room for its ends.
  std::vector<int64_t> Encode(std::string_view text, int64_t length) const;

 private:
  int64_t IdOf(const std::string& token) const;

  std::string file_;  // that the pieces are from
  std::unique_ptr<TextPieces> pieces_;
  AddedTokens added_;
  TokenizerJson::Frame frame_;
  int64_t pad_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_T5_TOKENIZER_H_
