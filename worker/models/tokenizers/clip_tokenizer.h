#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CLIP_TOKENIZER_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CLIP_TOKENIZER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "worker/models/tokenizers/added_tokens.h"
#include "worker/models/tokenizers/byte_pairs.h"
#include "worker/models/tokenizers/tokenizer_json.h"

namespace alignflow {

struct TokenizerConfig;

// transformers' CLIPTokenizer, from a folder with tokenizer_config.json and tokenizer.json, or else
// vocab.json and merges.txt. Where both are there, tokenizer.json counts, as in the reference, and
// both must have the same tokens and merges. The text is brought to normalization form C and lower
// case and cut into runs of letters, single digits, runs of other signs and English contractions;
// each is a word for BytePairs. Immutable and thread-safe.
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
  // Throws where there is no such token.
  int64_t IdOf(const std::string& token) const;
  // What tokenizer.json says beside the table of byte pairs.
  void ReadJson(TokenizerJson& json, const TokenizerConfig& config);
  void EncodeText(std::string_view text, std::vector<int64_t>* ids) const;

  std::string file_;  // that the tokens are from
  std::unique_ptr<BytePairs> pairs_;
  AddedTokens added_;
  TokenizerJson::Frame frame_;
  int64_t model_max_length_ = 0;
  int64_t pad_ = 0, unknown_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CLIP_TOKENIZER_H_
