#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CHARSMAP_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CHARSMAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace alignflow {

// The table of replacements that a SentencePiece model normalizes with; for T5 NFKC and white
// space. Immutable and thread-safe.
class Charsmap {
 public:
  struct Match {
    std::string_view replacement;
    size_t length;  // of what it replaces, in bytes
  };

  // bytes: the size of a double-array trie, its units of 4 bytes, and the replacements, each ended
  // by a zero; or empty. Throws std::runtime_error where they are broken.
  explicit Charsmap(const std::string& bytes);

  // For the beginning of a text: the longest sequence that the table knows, and the shortest.
  std::optional<Match> Longest(std::string_view text) const { return Find(text, true); }
  std::optional<Match> Shortest(std::string_view text) const { return Find(text, false); }

 private:
  std::optional<Match> Find(std::string_view text, bool longest) const;

  std::vector<uint32_t> trie_;
  std::string replacements_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_CHARSMAP_H_
