#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_BYTE_PAIRS_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_BYTE_PAIRS_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace alignflow {

// CLIP's byte-pair encoding: a word's bytes, each written as one printable character, the last one
// marked "</w>", are merged pair by pair, the pair that comes first in merges.txt first. Immutable
// and thread-safe.
class BytePairs {
 public:
  // Reads vocab.json ({token: id}) and merges.txt (one "LEFT RIGHT" a line). Throws
  // std::runtime_error naming file and line.
  BytePairs(const std::filesystem::path& vocabulary, const std::filesystem::path& merges);

  // Ids of a word of UTF-8; `unknown` stands for bytes that the vocabulary lacks.
  std::vector<int64_t> Encode(std::string_view word, int64_t unknown) const;

  // Throws std::runtime_error naming the vocabulary's file when there is no such token.
  int64_t IdOf(const std::string& token) const;

 private:
  struct Merge {
    int64_t rank;
    int64_t id;  // of the merged token
  };

  std::string file_;
  std::unordered_map<std::string, int64_t> ids_;
  std::unordered_map<uint64_t, Merge> merges_;  // by both ids, the left one in the upper half
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_BYTE_PAIRS_H_
