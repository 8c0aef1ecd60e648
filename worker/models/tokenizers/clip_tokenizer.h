#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CLIP_TOKENIZER_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CLIP_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "worker/models/tokenizers/added_tokens.h"
#include "worker/models/tokenizers/byte_pairs.h"

namespace alignflow {

// transformers' CLIPTokenizer, from a folder with vocab.json, merges.txt and tokenizer_config.json.
// The text is brought to normalization form C and lower case and cut into runs of letters, single
// digits, runs of other signs and English contractions; each is a word for BytePairs. Immutable and
// thread-safe.
class ClipTokenizer {
 public:
  // Throws std::runtime_error naming file and field.
  explicit ClipTokenizer(const std::filesystem::path& folder);

  // Begin-of-text, the text, end-of-text, and padding up to `length` ids; a text that is too long
  // is cut before the end-of-text. Throws std::invalid_argument for a text that is not UTF-8 and
  // for a length below 2.
  std::vector<int64_t> Encode(std::string_view text, int64_t length) const;

  // The longest input that the model was made for, 77 for both CLIPs of SD 3.5.
  int64_t model_max_length() const { return model_max_length_; }

 private:
  void EncodeText(std::string_view text, std::vector<int64_t>* ids) const;

  BytePairs pairs_;
  AddedTokens raw_;         // looked for in the text as it stands
  AddedTokens normalized_;  // looked for in the normalized text
  int64_t model_max_length_ = 0;
  int64_t begin_ = 0, end_ = 0, pad_ = 0, unknown_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CLIP_TOKENIZER_H_
