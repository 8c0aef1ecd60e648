#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_SENTENCE_PIECES_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_SENTENCE_PIECES_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "worker/models/tokenizers/piece_model.h"
#include "worker/models/tokenizers/piece_normalizer.h"
#include "worker/models/tokenizers/text_pieces.h"

namespace alignflow {

// SentencePiece's unigram model, from its own file.
class SentencePieces : public TextPieces {
 public:
  // Throws std::runtime_error naming the file.
  explicit SentencePieces(const std::filesystem::path& file);

  const Unigram& unigram() const override { return unigram_; }
  // Normalization goes with the cutting: SentencePiece knows no tokens beside its pieces.
  std::string Normalize(std::string_view text) const override { return std::string(text); }
  // text: UTF-8. Without marks of begin or end.
  void Encode(std::string_view text, std::vector<int64_t>* ids) const override;

 private:
  SentencePieces(const PieceModel& model, const std::string& file);

  PieceNormalizer normalizer_;
  Unigram unigram_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_SENTENCE_PIECES_H_
