#include "worker/models/tokenizers/sentence_pieces.h"

#include <algorithm>
#include <stdexcept>

namespace alignflow {
namespace {

// The pieces by id; those of other types than normal have an id alone.
std::vector<Unigram::Piece> PiecesOf(const PieceModel& model) {
  std::vector<Unigram::Piece> pieces;
  for (const PieceModel::Piece& piece : model.pieces) {
    pieces.push_back({piece.text, piece.score, piece.type == PieceModel::Type::kNormal});
  }
  return pieces;
}

int64_t UnknownOf(const PieceModel& model) {
  const auto found =
      std::ranges::find(model.pieces, PieceModel::Type::kUnknown, &PieceModel::Piece::type);
  return found - model.pieces.begin();
}

}  // namespace

SentencePieces::SentencePieces(const std::filesystem::path& file)
    : SentencePieces(ReadPieceModel(file), file.string()) {}

SentencePieces::SentencePieces(const PieceModel& model, const std::string& file) try
    : normalizer_(model.charsmap, model.add_dummy_prefix, model.remove_extra_whitespaces),
      unigram_(PiecesOf(model), UnknownOf(model), Unigram::Sums::kFloat) {
} catch (const std::runtime_error& error) {
  throw std::runtime_error(file + ": " + error.what());
}

void SentencePieces::Encode(std::string_view text, std::vector<int64_t>* ids) const {
  unigram_.Encode(normalizer_.Normalize(text), ids);
}

}  // namespace alignflow
