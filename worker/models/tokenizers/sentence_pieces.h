#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_SENTENCE_PIECES_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_SENTENCE_PIECES_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "worker/models/tokenizers/piece_model.h"
#include "worker/models/tokenizers/piece_normalizer.h"

namespace alignflow {

// SentencePiece's unigram model (Kudo, arXiv:1804.10959): of all ways to cut the normalized text
// into pieces the most probable one. A character that no piece covers costs 10 more than the least
// probable piece; such characters in a row are one unknown piece. Immutable and thread-safe.
class SentencePieces {
 public:
  // Throws std::runtime_error naming the file.
  explicit SentencePieces(const std::filesystem::path& file);
  SentencePieces(const SentencePieces&) = delete;
  SentencePieces& operator=(const SentencePieces&) = delete;

  // text: UTF-8. Without marks of begin or end.
  std::vector<int64_t> Encode(std::string_view text) const;

  int64_t size() const { return static_cast<int64_t>(model_.pieces.size()); }
  const std::string& PieceAt(int64_t id) const {
    return model_.pieces.at(static_cast<size_t>(id)).text;
  }
  // -1 where there is no such piece.
  int64_t IdOf(const std::string& piece) const;

 private:
  PieceModel model_;
  PieceNormalizer normalizer_;
  std::unordered_map<std::string_view, int64_t> usable_;  // views of model_'s pieces
  size_t longest_ = 0;                                    // of them, in bytes
  int64_t unknown_ = 0;
  float unknown_score_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_SENTENCE_PIECES_H_
