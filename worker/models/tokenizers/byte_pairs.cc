#include "worker/models/tokenizers/byte_pairs.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "worker/models/tokenizers/unicode.h"

namespace alignflow {
namespace {

using nlohmann::json;

constexpr const char* kWordEnd = "</w>";

[[noreturn]] void Fail(const std::filesystem::path& file, const std::string& what) {
  throw std::runtime_error(file.string() + ": " + what);
}

std::ifstream Open(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) Fail(file, "cannot be read");
  return stream;
}

uint64_t PairKey(int64_t left, int64_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint64_t>(right);
}

// Printable bytes stand for themselves; the others, in order, for the characters from U+0100 on.
std::array<std::string, 256> ByteNames() {
  std::array<std::string, 256> names;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    names[byte] = EncodeUtf8(std::u32string(1, printable ? char32_t(byte) : next++));
  }
  return names;
}

}  // namespace

BytePairs::BytePairs(const std::filesystem::path& vocabulary, const std::filesystem::path& merges)
    : file_(vocabulary.string()) {
  std::ifstream vocabulary_stream = Open(vocabulary);
  const json ids = json::parse(vocabulary_stream, nullptr, /*allow_exceptions=*/false);
  if (!ids.is_object()) Fail(vocabulary, "is not a JSON object");
  for (const auto& [token, id] : ids.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > uint64_t{INT32_MAX}) {
      Fail(vocabulary, "token '" + token + "': its id must be an integer of at least 0");
    }
    ids_.emplace(token, id.get<int64_t>());
  }
  std::ifstream merges_stream = Open(merges);
  std::string line;
  for (int number = 1; std::getline(merges_stream, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with("#version")) continue;
    const size_t space = line.find(' ');
    const auto id = [&](const std::string& token) {
      const auto found = ids_.find(token);
      if (space == line.npos || line.find(' ', space + 1) != line.npos || found == ids_.end()) {
        Fail(merges, "line " + std::to_string(number) +
                         " is not two tokens of the vocabulary that make a third");
      }
      return found->second;
    };
    const std::string left = line.substr(0, space);
    const std::string right = space == line.npos ? "" : line.substr(space + 1);
    merges_.try_emplace(PairKey(id(left), id(right)),
                        Merge{static_cast<int64_t>(merges_.size()), id(left + right)});
  }
}

std::vector<int64_t> BytePairs::Encode(std::string_view word, int64_t unknown) const {
  static const std::array<std::string, 256> kByteNames = ByteNames();
  std::vector<int64_t> ids;
  for (size_t i = 0; i < word.size(); ++i) {
    std::string symbol = kByteNames[static_cast<unsigned char>(word[i])];
    if (i + 1 == word.size()) symbol += kWordEnd;
    const auto found = ids_.find(symbol);
    ids.push_back(found == ids_.end() ? unknown : found->second);
  }
  while (true) {
    const Merge* best = nullptr;
    size_t best_at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = merges_.find(PairKey(ids[i], ids[i + 1]));
      if (found != merges_.end() && (best == nullptr || found->second.rank < best->rank)) {
        best = &found->second;
        best_at = i;
      }
    }
    if (best == nullptr) return ids;
    ids[best_at] = best->id;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

int64_t BytePairs::IdOf(const std::string& token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) throw std::runtime_error(file_ + ": has no token '" + token + "'");
  return found->second;
}

}  // namespace alignflow
