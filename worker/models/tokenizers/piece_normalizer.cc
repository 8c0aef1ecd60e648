#include "worker/models/tokenizers/piece_normalizer.h"

#include <algorithm>
#include <optional>

#include "worker/models/tokenizers/unicode.h"

namespace alignflow {

std::pair<std::string_view, size_t> PieceNormalizer::NormalizePrefix(std::string_view text) const {
  const std::optional<Charsmap::Match> match = charsmap_.Longest(text);
  if (match) return {match->replacement, match->length};
  const size_t length = std::min(Utf8Length(text[0]), text.size());
  return {text.substr(0, length), length};
}

std::string PieceNormalizer::Normalize(std::string_view text) const {
  std::string out;
  bool after_space = remove_extra_whitespaces_;
  bool is_empty = true;  // no character that is not white space yet
  while (!text.empty()) {
    auto [piece, length] = NormalizePrefix(text);
    text.remove_prefix(length);
    while (after_space && piece.starts_with(' ')) piece.remove_prefix(1);
    if (piece.empty()) continue;
    if (is_empty && add_dummy_prefix_) out += kSpace;
    is_empty = false;
    for (const char c : piece) {
      if (c == ' ') {
        out += kSpace;
      } else {
        out += c;
      }
    }
    after_space = remove_extra_whitespaces_ && piece.ends_with(' ');
  }
  while (remove_extra_whitespaces_ && out.ends_with(kSpace)) out.resize(out.size() - kSpace.size());
  return out;
}

}  // namespace alignflow
