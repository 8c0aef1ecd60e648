#include "worker/models/tokenizers/piece_normalizer.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace alignflow {
namespace {

// A unit of a double-array trie as the Darts-clone library lays it out.
bool HasLeaf(uint32_t unit) { return (unit >> 8 & 1) == 1; }
uint32_t Label(uint32_t unit) { return unit & (0x80000000U | 0xFFU); }
uint32_t Offset(uint32_t unit) { return unit >> 10 << ((unit & 0x200U) >> 6); }
uint32_t Value(uint32_t leaf) { return leaf & 0x7FFFFFFFU; }

}  // namespace

size_t Utf8Length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

PieceNormalizer::PieceNormalizer(const std::string& charsmap, bool add_dummy_prefix,
                                 bool remove_extra_whitespaces)
    : add_dummy_prefix_(add_dummy_prefix), remove_extra_whitespaces_(remove_extra_whitespaces) {
  if (charsmap.empty()) return;
  uint32_t size = 0;
  if (charsmap.size() > sizeof(size)) std::memcpy(&size, charsmap.data(), sizeof(size));
  const size_t rest = charsmap.size() < sizeof(size) ? 0 : charsmap.size() - sizeof(size);
  if (size == 0 || size % 4 != 0 || size >= rest || charsmap.back() != '\0') {
    throw std::runtime_error("the table of normalization is broken");
  }
  trie_.resize(size / 4);
  std::memcpy(trie_.data(), charsmap.data() + sizeof(size), size);
  replacements_ = charsmap.substr(sizeof(size) + size);
}

std::pair<std::string_view, size_t> PieceNormalizer::NormalizePrefix(std::string_view text) const {
  size_t longest = 0;
  uint32_t value = 0;
  uint32_t node = trie_.empty() ? 0 : Offset(trie_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (node >= trie_.size() || Label(trie_[node]) != byte) break;
    const uint32_t unit = trie_[node];
    node ^= Offset(unit);
    if (HasLeaf(unit) && node < trie_.size()) {
      longest = i + 1;
      value = Value(trie_[node]);
    }
  }
  if (longest == 0 || value >= replacements_.size()) {
    const size_t length = std::min(Utf8Length(text[0]), text.size());
    return {text.substr(0, length), length};
  }
  return {replacements_.c_str() + value, longest};  // ends at the zero
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
