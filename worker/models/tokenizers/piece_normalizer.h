#ifndef ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PIECE_NORMALIZER_H_
#define ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PIECE_NORMALIZER_H_

#include <string>
#include <string_view>
#include <utility>

#include "worker/models/tokenizers/charsmap.h"

namespace alignflow {

// SentencePiece's normalization: at each place the longest sequence that the model's table knows is
// replaced (for T5: NFKC and white space), spaces are squeezed and written as U+2581. Immutable and
// thread-safe.
class PieceNormalizer {
 public:
  static constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

  // charsmap: as Charsmap takes it. Throws std::runtime_error where it is broken.
  PieceNormalizer(const std::string& charsmap, bool add_dummy_prefix, bool remove_extra_whitespaces)
      : charsmap_(charsmap),
        add_dummy_prefix_(add_dummy_prefix),
        remove_extra_whitespaces_(remove_extra_whitespaces) {}

  // text: UTF-8.
  std::string Normalize(std::string_view text) const;

 private:
  // What the beginning of a text becomes, and how many of its bytes that replaces.
  std::pair<std::string_view, size_t> NormalizePrefix(std::string_view text) const;

  Charsmap charsmap_;
  bool add_dummy_prefix_, remove_extra_whitespaces_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MODELS_TOKENIZERS_PIECE_NORMALIZER_H_
