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

[[noreturn]] void Fail(const std::string& file, const std::string& what) {
  throw std::runtime_error(file + ": " + what);
}

std::unordered_map<std::string, int64_t> ReadIds(HfConfig& tokens) {
  std::unordered_map<std::string, int64_t> ids;
  for (const std::string& token : tokens.Names()) {
    const int64_t id = tokens.Int(token);
    if (id < 0 || id >= INT32_MAX) tokens.Refuse(token, "an id of at least 0 is expected");
    ids.emplace(token, id);
  }
  return ids;
}

// False unless it is "LEFT RIGHT".
bool ReadMerge(const std::string& line, std::pair<std::string, std::string>* merge) {
  const size_t space = line.find(' ');
  if (space == line.npos || line.find(' ', space + 1) != line.npos) return false;
  *merge = {line.substr(0, space), line.substr(space + 1)};
  return true;
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

std::string BytePairTable::PlaceOf(size_t merge) const {
  return ids_file == merges_file ? "field 'model.merges', number " + std::to_string(merge + 1)
                                 : "line " + std::to_string(lines[merge]);
}

BytePairTable ReadBytePairFiles(const std::filesystem::path& vocabulary,
                                const std::filesystem::path& merges) {
  BytePairTable table{vocabulary.string(), merges.string(), {}, {}, {}};
  HfConfig ids(vocabulary);
  table.ids = ReadIds(ids);
  std::ifstream stream(merges, std::ios::binary);
  if (!stream) Fail(table.merges_file, "cannot be read");
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with("#version")) continue;
    table.lines.push_back(number);
    if (!ReadMerge(line, &table.merges.emplace_back())) {
      Fail(table.merges_file, table.PlaceOf(table.merges.size() - 1) + " is not a pair of tokens");
    }
  }
  return table;
}

BytePairTable ReadBytePairModel(HfConfig& model) {
  BytePairTable table{model.file(), model.file(), {}, {}, {}};
  model.Require("type", "BPE");
  if (model.Double("dropout", 0) != 0) model.Refuse("dropout", "only null is supported");
  if (!model.String("continuing_subword_prefix", "").empty()) {
    model.Refuse("continuing_subword_prefix", "only \"\" is supported");
  }
  if (model.String("end_of_word_suffix") != kWordEnd) {
    model.Refuse("end_of_word_suffix", "only \"</w>\" is supported");
  }
  for (const char* name : {"fuse_unk", "byte_fallback", "ignore_merges"}) {
    model.Require(name, false);
  }
  table.ids = ReadIds(model.Object("vocab"));
  const json& merges = model.Value("merges");
  if (!merges.is_array()) model.Refuse("merges", "a list of pairs of tokens is expected");
  for (const json& merge : merges) {
    auto& pair = table.merges.emplace_back();
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      pair = {merge[0].get<std::string>(), merge[1].get<std::string>()};
    } else if (!merge.is_string() || !ReadMerge(merge.get<std::string>(), &pair)) {
      Fail(table.merges_file, table.PlaceOf(table.merges.size() - 1) + " is not a pair of tokens");
    }
  }
  return table;
}

void RequireSame(const BytePairTable& whole, const BytePairTable& other) {
  const std::string remedy =
      "; the files are not of one tokenizer. Take away those that are not the model's: " +
      whole.ids_file + " alone is enough, and so are vocab.json and merges.txt";
  for (const auto& [token, id] : other.ids) {
    const auto found = whole.ids.find(token);
    if (found == whole.ids.end() || found->second != id) {
      Fail(other.ids_file,
           "token '" + token + "' has the id " + std::to_string(id) + ", in " + whole.ids_file +
               (found == whole.ids.end() ? " there is none" : " " + std::to_string(found->second)) +
               remedy);
    }
  }
  for (size_t i = 0; i < std::max(whole.merges.size(), other.merges.size()); ++i) {
    if (i < whole.merges.size() && i < other.merges.size() && whole.merges[i] == other.merges[i]) {
      continue;
    }
    Fail(other.merges_file,
         "merge number " + std::to_string(i + 1) + " is not that of " + whole.merges_file + remedy);
  }
}

BytePairs::BytePairs(const BytePairTable& table) : ids_(table.ids) {
  for (const auto& [token, id] : ids_) size_ = std::max(size_, id + 1);
  for (size_t i = 0; i < table.merges.size(); ++i) {
    const auto& [left, right] = table.merges[i];
    const int64_t left_id = IdOf(left), right_id = IdOf(right), id = IdOf(left + right);
    if (left_id < 0 || right_id < 0 || id < 0) {
      Fail(table.merges_file,
           table.PlaceOf(i) + " is not two tokens of the vocabulary that make a third");
    }
    // Of two that are equal the last one counts, as in the reference.
    merges_.insert_or_assign(PairKey(left_id, right_id), Merge{static_cast<int64_t>(i), id});
  }
}

std::vector<int64_t> BytePairs::Encode(std::string_view word, int64_t unknown) const {
  static const std::array<std::string, 256> kByteNames = ByteNames();
  std::vector<int64_t> ids;
  for (size_t i = 0; i < word.size(); ++i) {
    std::string symbol = kByteNames[static_cast<unsigned char>(word[i])];
    if (i + 1 == word.size()) symbol += kWordEnd;
    const auto found = ids_.find(symbol);
    const int64_t id = found == ids_.end() ? unknown : found->second;
    if (id >= 0) ids.push_back(id);
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
  return found == ids_.end() ? -1 : found->second;
}

}  // namespace alignflow
