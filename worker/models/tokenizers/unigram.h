#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_UNIGRAM_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_UNIGRAM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace alignflow {

// The unigram model of text (Kudo, arXiv:1804.10959): of all ways to cut a text into pieces the
// most probable one. A character that no piece covers costs 10 more than the least probable piece;
// such characters in a row are one unknown piece. Immutable and thread-safe.
class Unigram {
 public:
  struct Piece {
    std::string text;
    double score = 0;       // logarithm of its probability
    bool is_usable = true;  // false: has an id, but is never found in a text
  };
  // What sums of scores are rounded to: what is equal in the reference has to be equal here.
  enum class Sums { kFloat, kDouble };

  // pieces: by id. Throws std::runtime_error for a usable piece that is empty, there twice, or has
  // no finite score, and for an unknown id that is none.
  Unigram(std::vector<Piece> pieces, int64_t unknown, Sums sums);
  Unigram(const Unigram&) = delete;
  Unigram& operator=(const Unigram&) = delete;

  // Adds the ids of a normalized text of UTF-8.
  void Encode(std::string_view text, std::vector<int64_t>* ids) const;

  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  const std::vector<Piece>& pieces() const { return pieces_; }
  int64_t unknown() const { return unknown_; }
  // -1 where there is no such piece.
  int64_t IdOf(const std::string& text) const;

 private:
  double Rounded(double score) const;

  std::vector<Piece> pieces_;
  std::unordered_map<std::string_view, int64_t> usable_;  // views of pieces_
  size_t longest_ = 0;                                    // of them, in bytes
  int64_t unknown_;
  double unknown_score_ = 0;
  Sums sums_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_UNIGRAM_H_
