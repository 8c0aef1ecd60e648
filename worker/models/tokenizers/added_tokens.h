#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_ADDED_TOKENS_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_ADDED_TOKENS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace alignflow {

// Tokens that are found in a text as they stand, before it is cut into words: "<|endoftext|>",
// "<extra_id_0>", and CLIP-G's "!". Of several that match in one place the longest counts.
class AddedTokens {
 public:
  // A second token of the same content replaces the first.
  void Add(const std::string& content, int64_t id);

  // A token's id, or text between tokens; no text is empty.
  using Piece = std::variant<int64_t, std::string_view>;
  // The pieces view `text`.
  std::vector<Piece> Split(std::string_view text) const;

 private:
  struct Token {
    std::string content;
    int64_t id;
  };
  std::vector<Token> tokens_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_ADDED_TOKENS_H_
