#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_ADDED_TOKENS_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_ADDED_TOKENS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace alignflow {

// A token that one of a tokenizer's files names beside its vocabulary.
struct AddedToken {
  std::string content;
  int64_t id = -1;          // -1: the vocabulary's
  bool normalized = false;  // looked for in the normalized text instead of the text as it stands
  std::string file;         // that names it
};

// Tokens that are found in a text before it is cut into words: "<|endoftext|>", "<extra_id_0>", and
// CLIP-G's "!". Of several that match in one place the longest counts.
class AddedTokens {
 public:
  using Normalize = std::function<std::string(std::string_view)>;

  // What is looked for in the normalized text is normalized, too.
  explicit AddedTokens(Normalize normalize) : normalize_(std::move(normalize)) {}

  // Adds them with the id that a file or the vocabulary gives; of two of the same content the first
  // counts. `known` is a token's id in the vocabulary or -1, `least` the first id that is free for
  // others. Throws std::runtime_error naming file and token where an id is missing, or two differ.
  void Add(const std::vector<AddedToken>& tokens,
           const std::function<int64_t(const std::string&)>& known, int64_t least);

  // -1 where there is no such token.
  int64_t IdOf(const std::string& content) const;

  // Calls these for the parts of a text in their order: ids of added tokens, and normalized text
  // between them, of which none is empty.
  void Split(std::string_view text, const std::function<void(int64_t)>& token,
             const std::function<void(std::string_view)>& between) const;

 private:
  struct Token {
    std::string content;
    int64_t id;
  };
  // A token's id, or text between tokens.
  using Piece = std::variant<int64_t, std::string_view>;
  static std::vector<Piece> SplitAt(const std::vector<Token>& tokens, std::string_view text);

  Normalize normalize_;
  std::vector<Token> named_;  // all, as the files write them
  std::vector<Token> raw_;    // as they are looked for
  std::vector<Token> normalized_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_ADDED_TOKENS_H_
