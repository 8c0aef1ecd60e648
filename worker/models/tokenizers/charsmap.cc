#include "worker/models/tokenizers/charsmap.h"

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

Charsmap::Charsmap(const std::string& bytes) {
  if (bytes.empty()) return;
  uint32_t size = 0;
  if (bytes.size() > sizeof(size)) std::memcpy(&size, bytes.data(), sizeof(size));
  const size_t rest = bytes.size() < sizeof(size) ? 0 : bytes.size() - sizeof(size);
  if (size == 0 || size % 4 != 0 || size >= rest || bytes.back() != '\0') {
    throw std::runtime_error("the table of normalization is broken");
  }
  trie_.resize(size / 4);
  std::memcpy(trie_.data(), bytes.data() + sizeof(size), size);
  replacements_ = bytes.substr(sizeof(size) + size);
}

std::optional<Charsmap::Match> Charsmap::Find(std::string_view text, bool longest) const {
  size_t length = 0;
  uint32_t value = 0;
  uint32_t node = trie_.empty() ? 0 : Offset(trie_[0]);
  for (size_t i = 0; i < text.size() && (longest || length == 0); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    node ^= byte;
    if (node >= trie_.size() || Label(trie_[node]) != byte) break;
    const uint32_t unit = trie_[node];
    node ^= Offset(unit);
    if (HasLeaf(unit) && node < trie_.size()) {
      length = i + 1;
      value = Value(trie_[node]);
    }
  }
  if (length == 0 || value >= replacements_.size()) return std::nullopt;
  return Match{replacements_.c_str() + value, length};  // ends at the zero
}

}  // namespace alignflow
