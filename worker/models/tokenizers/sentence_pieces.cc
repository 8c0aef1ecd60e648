#include "worker/models/tokenizers/sentence_pieces.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace alignflow {
namespace {

constexpr float kUnknownPenalty = 10.0F;

PieceNormalizer MakeNormalizer(const PieceModel& model, const std::filesystem::path& file) {
  try {
    return PieceNormalizer(model.charsmap, model.add_dummy_prefix, model.remove_extra_whitespaces);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

}  // namespace

SentencePieces::SentencePieces(const std::filesystem::path& file)
    : model_(ReadPieceModel(file)), normalizer_(MakeNormalizer(model_, file)) {
  float least = std::numeric_limits<float>::max();
  for (size_t id = 0; id < model_.pieces.size(); ++id) {
    const PieceModel::Piece& piece = model_.pieces[id];
    if (piece.type == PieceModel::Type::kUnknown) unknown_ = static_cast<int64_t>(id);
    if (piece.type != PieceModel::Type::kNormal) continue;
    least = std::min(least, piece.score);
    longest_ = std::max(longest_, piece.text.size());
    if (!usable_.emplace(piece.text, static_cast<int64_t>(id)).second) {
      throw std::runtime_error(file.string() + ": piece '" + piece.text + "' is there twice");
    }
  }
  unknown_score_ = least - kUnknownPenalty;
}

int64_t SentencePieces::IdOf(const std::string& piece) const {
  const auto found =
      std::find_if(model_.pieces.begin(), model_.pieces.end(),
                   [&](const PieceModel::Piece& other) { return other.text == piece; });
  return found == model_.pieces.end() ? -1 : found - model_.pieces.begin();
}

std::vector<int64_t> SentencePieces::Encode(std::string_view text) const {
  const std::string normalized = normalizer_.Normalize(text);
  const std::string_view rest = normalized;
  // The best way to arrive at each byte. Viterbi's algorithm, in float32 as the reference, so that
  // what is equal there is equal here.
  struct Arrival {
    float score = 0;
    int64_t id = -1;
    size_t from = std::string::npos;
  };
  std::vector<Arrival> best(normalized.size() + 1);
  const auto offer = [&best](size_t from, size_t to, int64_t id, float score) {
    const float total = best[from].score + score;
    if (best[to].from == std::string::npos || total > best[to].score) best[to] = {total, id, from};
  };
  for (size_t at = 0; at < normalized.size();) {
    const size_t character = std::min(Utf8Length(normalized[at]), normalized.size() - at);
    bool is_covered = false;
    for (size_t length = 1; length <= std::min(longest_, normalized.size() - at); ++length) {
      const auto found = usable_.find(rest.substr(at, length));
      if (found == usable_.end()) continue;
      offer(at, at + length, found->second,
            model_.pieces[static_cast<size_t>(found->second)].score);
      is_covered = is_covered || length == character;
    }
    if (!is_covered) offer(at, at + character, unknown_, unknown_score_);
    at += character;
  }
  std::vector<int64_t> ids;
  for (size_t at = normalized.size(); at > 0; at = best[at].from) {
    if (best[at].id != unknown_ || ids.empty() || ids.back() != unknown_)
      ids.push_back(best[at].id);
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

}  // namespace alignflow
