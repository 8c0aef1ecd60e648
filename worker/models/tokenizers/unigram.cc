#include "worker/models/tokenizers/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "worker/models/tokenizers/unicode.h"

namespace alignflow {
namespace {

constexpr double kUnknownPenalty = 10;

}  // namespace

Unigram::Unigram(std::vector<Piece> pieces, int64_t unknown, Sums sums)
    : pieces_(std::move(pieces)), unknown_(unknown), sums_(sums) {
  if (unknown < 0 || unknown >= size()) {
    throw std::runtime_error("the piece for what is unknown is not among its " +
                             std::to_string(size()) + " pieces");
  }
  double least = std::numeric_limits<float>::max();
  for (size_t id = 0; id < pieces_.size(); ++id) {
    const Piece& piece = pieces_[id];
    if (!piece.is_usable) continue;
    if (piece.text.empty() || !std::isfinite(piece.score)) {
      throw std::runtime_error("piece " + std::to_string(id) + " is empty or its score no number");
    }
    least = std::min(least, piece.score);
    longest_ = std::max(longest_, piece.text.size());
    if (!usable_.emplace(piece.text, static_cast<int64_t>(id)).second) {
      throw std::runtime_error("piece '" + piece.text + "' is there twice");
    }
  }
  unknown_score_ = Rounded(least - kUnknownPenalty);
}

double Unigram::Rounded(double score) const {
  return sums_ == Sums::kFloat ? static_cast<double>(static_cast<float>(score)) : score;
}

int64_t Unigram::IdOf(const std::string& text) const {
  const auto found = std::ranges::find(pieces_, text, &Piece::text);
  return found == pieces_.end() ? -1 : found - pieces_.begin();
}

void Unigram::Encode(std::string_view text, std::vector<int64_t>* ids) const {
  // The best way to arrive at each byte, by Viterbi's algorithm.
  struct Arrival {
    double score = 0;
    int64_t id = -1;
    size_t from = std::string::npos;
  };
  std::vector<Arrival> best(text.size() + 1);
  const auto offer = [&](size_t from, size_t to, int64_t id, double score) {
    const double total = Rounded(best[from].score + score);
    if (best[to].from == std::string::npos || total > best[to].score) best[to] = {total, id, from};
  };
  for (size_t at = 0; at < text.size();) {
    const size_t character = std::min(Utf8Length(text[at]), text.size() - at);
    bool is_covered = false;
    for (size_t length = 1; length <= std::min(longest_, text.size() - at); ++length) {
      const auto found = usable_.find(text.substr(at, length));
      if (found == usable_.end()) continue;
      offer(at, at + length, found->second, pieces_[static_cast<size_t>(found->second)].score);
      is_covered = is_covered || length == character;
    }
    if (!is_covered) offer(at, at + character, unknown_, unknown_score_);
    at += character;
  }
  const size_t begin = ids->size();
  for (size_t at = text.size(); at > 0; at = best[at].from) {
    if (best[at].id != unknown_ || ids->size() == begin || ids->back() != unknown_) {
      ids->push_back(best[at].id);
    }
  }
  std::reverse(ids->begin() + static_cast<std::ptrdiff_t>(begin), ids->end());
}

}  // namespace alignflow
