#include "worker/models/tokenizers/clip_tokenizer.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "worker/models/tokenizers/tokenizer_config.h"
#include "worker/models/tokenizers/unicode.h"

namespace alignflow {
namespace {

constexpr const char* kEndOfText =
    "<|endoftext|>";  // the reference's default for all but the begin

enum class Kind { kSpace, kLetter, kNumber, kOther };

Kind KindOf(char32_t c) {
  if (IsWhiteSpace(c)) return Kind::kSpace;
  if (IsLetter(c)) return Kind::kLetter;
  return IsNumber(c) ? Kind::kNumber : Kind::kOther;
}

// The length of the word that begins at `at`, which is no white space.
size_t WordLength(std::u32string_view text, size_t at) {
  const std::u32string_view rest = text.substr(at);
  for (const std::u32string_view contraction :
       {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"}) {
    if (rest.starts_with(contraction)) return contraction.size();
  }
  const Kind kind = KindOf(rest[0]);
  if (kind == Kind::kNumber) return 1;
  size_t length = 1;
  while (length < rest.size() && KindOf(rest[length]) == kind) ++length;
  return length;
}

}  // namespace

ClipTokenizer::ClipTokenizer(const std::filesystem::path& folder)
    : pairs_(folder / "vocab.json", folder / "merges.txt") {
  HfConfig file(folder / "tokenizer_config.json");
  file.Require("add_prefix_space", false);
  file.Require("do_lower_case", true);
  const TokenizerConfig config =
      ReadTokenizerConfig(folder, {"CLIPTokenizer", "CLIPTokenizerFast"}, file);
  model_max_length_ = config.model_max_length;
  const auto id = [&](const char* name, const char* otherwise) {
    const auto found = config.special.find(name);
    return pairs_.IdOf(found == config.special.end() ? otherwise : found->second);
  };
  begin_ = id("bos_token", "<|startoftext|>");
  end_ = id("eos_token", kEndOfText);
  pad_ = id("pad_token", kEndOfText);
  unknown_ = id("unk_token", kEndOfText);
  for (const TokenizerConfig::Added& token : config.added) {
    const int64_t known = pairs_.IdOf(token.content);
    if (token.id >= 0 && token.id != known) {
      throw std::runtime_error((folder / "tokenizer_config.json").string() + ": token '" +
                               token.content + "' has the id " + std::to_string(token.id) +
                               ", in vocab.json it is " + std::to_string(known));
    }
    if (token.normalized) {
      normalized_.Add(EncodeUtf8(ToLower(ComposeNfc(DecodeUtf8(token.content)))), known);
    } else {
      raw_.Add(token.content, known);
    }
  }
}

void ClipTokenizer::EncodeText(std::string_view text, std::vector<int64_t>* ids) const {
  const std::u32string characters = DecodeUtf8(text);
  for (size_t at = 0; at < characters.size();) {
    if (IsWhiteSpace(characters[at])) {
      ++at;
      continue;
    }
    const size_t length = WordLength(characters, at);
    const std::vector<int64_t> word =
        pairs_.Encode(EncodeUtf8(std::u32string_view(characters).substr(at, length)), unknown_);
    ids->insert(ids->end(), word.begin(), word.end());
    at += length;
  }
}

std::vector<int64_t> ClipTokenizer::Encode(std::string_view text, int64_t length) const {
  if (length < 2) throw std::invalid_argument("a text needs room for its begin and its end");
  std::vector<int64_t> ids = {begin_};
  for (const AddedTokens::Piece& piece : raw_.Split(text)) {
    if (const auto* id = std::get_if<int64_t>(&piece)) {
      ids.push_back(*id);
      continue;
    }
    const std::string normalized =
        EncodeUtf8(ToLower(ComposeNfc(DecodeUtf8(std::get<std::string_view>(piece)))));
    for (const AddedTokens::Piece& part : normalized_.Split(normalized)) {
      if (const auto* id = std::get_if<int64_t>(&part)) {
        ids.push_back(*id);
      } else {
        EncodeText(std::get<std::string_view>(part), &ids);
      }
    }
  }
  ids.resize(std::min(ids.size(), static_cast<size_t>(length - 1)));
  ids.push_back(end_);
  ids.resize(static_cast<size_t>(length), pad_);
  return ids;
}

}  // namespace alignflow
