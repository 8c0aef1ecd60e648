#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_BYTE_PAIRS_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_BYTE_PAIRS_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "worker/models/hf/config.h"

namespace alignflow {

// What byte pairs are read from, in either form: ids of tokens and the pairs that are merged.
struct BytePairTable {
  std::string ids_file;
  std::string merges_file;
  std::unordered_map<std::string, int64_t> ids;
  std::vector<std::pair<std::string, std::string>> merges;  // the first one comes first
  // Where in merges_file a merge stands: "line 3", "field 'model.merges', number 2".
  std::vector<int> lines;

  std::string PlaceOf(size_t merge) const;
};

// vocab.json ({token: id}) and merges.txt (one "LEFT RIGHT" a line).
BytePairTable ReadBytePairFiles(const std::filesystem::path& vocabulary,
                                const std::filesystem::path& merges);
// The "model" of a tokenizer.json, all of whose other fields must be CLIP's.
BytePairTable ReadBytePairModel(HfConfig& model);
// Throws std::runtime_error naming both files and the first difference, unless both are the same
// but for tokens that only `whole`, which has the added ones, knows.
void RequireSame(const BytePairTable& whole, const BytePairTable& other);

// CLIP's byte-pair encoding: a word's bytes, each written as one printable character, the last one
// marked "</w>", are merged pair by pair, the pair that comes first among the merges first.
// Immutable and thread-safe. All errors of this file are std::runtime_error naming file and place.
class BytePairs {
 public:
  explicit BytePairs(const BytePairTable& table);

  // Ids of a word of UTF-8; `unknown` stands for bytes that the vocabulary lacks, or nothing where
  // it is below 0.
  std::vector<int64_t> Encode(std::string_view word, int64_t unknown) const;

  // -1 where there is no such token.
  int64_t IdOf(const std::string& token) const;
  int64_t size() const { return size_; }  // the greatest id and 1

 private:
  struct Merge {
    int64_t rank;
    int64_t id;  // of the merged token
  };

  std::unordered_map<std::string, int64_t> ids_;
  std::unordered_map<uint64_t, Merge> merges_;  // by both ids, the left one in the upper half
  int64_t size_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_BYTE_PAIRS_H_
