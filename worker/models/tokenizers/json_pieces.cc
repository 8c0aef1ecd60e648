#include "worker/models/tokenizers/json_pieces.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "worker/models/tokenizers/tokenizer_config.h"
#include "worker/models/tokenizers/unicode.h"

namespace alignflow {
namespace {

constexpr std::string_view kSpace = "\xE2\x96\x81";  // U+2581

// Empty where it is no base64.
std::optional<std::string> DecodeBase64(const std::string& text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int8_t, 256> values;
  values.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<int8_t>(i);
  }
  std::string_view digits = text;
  for (int i = 0; i < 2 && digits.ends_with('='); ++i) digits.remove_suffix(1);
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char digit : digits) {
    const int8_t value = values[static_cast<unsigned char>(digit)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xFF));
  }
  return bytes;
}

std::vector<Unigram::Piece> ReadPieces(HfConfig& model) {
  const nlohmann::json& vocabulary = model.Value("vocab");
  if (!vocabulary.is_array()) model.Refuse("vocab", "a list of pieces is expected");
  std::vector<Unigram::Piece> pieces;
  for (const nlohmann::json& piece : vocabulary) {
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number()) {
      model.Refuse("vocab",
                   "piece " + std::to_string(pieces.size()) + " is not a text and its score");
    }
    pieces.push_back({piece[0].get<std::string>(), piece[1].get<double>()});
  }
  return pieces;
}

Unigram ReadModel(TokenizerJson& json) {
  HfConfig& model = json.model();
  if (model.String("type", "Unigram") != "Unigram") {
    model.Refuse("type", "only \"Unigram\" is supported");
  }
  RequireIfSet(model, "byte_fallback", false);
  RequireIfSet(model, "fuse_unk", true);
  const int64_t unknown = model.Int("unk_id");
  try {
    return Unigram(ReadPieces(model), unknown, Unigram::Sums::kDouble);
  } catch (const std::runtime_error& error) {
    const std::string what = error.what();
    if (what.starts_with(json.file())) throw;
    throw std::runtime_error(json.file() + ": model: " + what);
  }
}

// The tokenizers library looks a whole grapheme up if it is short, else its characters, and takes
// the first entry that fits their beginning for the whole.
std::string ByGraphemes(const Charsmap& charsmap, std::string_view text) {
  constexpr size_t kLong = 6;
  std::string out;
  for (const std::string_view grapheme : Graphemes(text)) {
    if (grapheme.size() < kLong) {
      if (const auto match = charsmap.Shortest(grapheme)) {
        out += match->replacement;
        continue;
      }
    }
    for (size_t at = 0; at < grapheme.size();) {
      const std::string_view character = grapheme.substr(at, Utf8Length(grapheme[at]));
      const auto match = charsmap.Shortest(character);
      out += match ? match->replacement : character;
      at += character.size();
    }
  }
  return out;
}

std::u32string Strip(std::u32string_view text, bool left, bool right) {
  while (left && !text.empty() && IsWhiteSpace(text.front())) text.remove_prefix(1);
  while (right && !text.empty() && IsWhiteSpace(text.back())) text.remove_suffix(1);
  return std::u32string(text);
}

std::string ReplaceSpaces(std::string_view text, const std::string& by) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && text[end] == ' ') ++end;
    if (end - at >= 2) {
      out += by;
      at = end;
    } else {
      out += text[at++];
    }
  }
  return out;
}

// The words of a text; white space is dropped.
std::vector<std::string> SplitAtWhiteSpace(std::string_view text) {
  std::vector<std::string> words(1);
  size_t at = 0;
  for (const char32_t c : DecodeUtf8(text)) {
    const size_t length = Utf8Length(text[at]);
    if (!IsWhiteSpace(c)) {
      words.back() += text.substr(at, length);
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
    at += length;
  }
  return words;
}

}  // namespace

JsonPieces::JsonPieces(TokenizerJson& json) : unigram_(ReadModel(json)) {
  for (HfConfig* step : json.Normalizers()) normalizer_.push_back(ReadStep(*step));
  ReadPreTokenizers(json);
}

JsonPieces::Step JsonPieces::ReadStep(HfConfig& step) {
  const std::string type = step.OneOf("type", {"Precompiled", "Strip", "Replace"});
  if (type == "Strip") {
    return {.kind = Step::Kind::kStrip,
            .left = step.Bool("strip_left", true),
            .right = step.Bool("strip_right", true)};
  }
  if (type == "Replace") {
    RequireRegex(step, {" {2,}"});
    return {.kind = Step::Kind::kSpaces, .spaces = step.String("content")};
  }
  const std::optional<std::string> bytes = DecodeBase64(step.String("precompiled_charsmap", ""));
  if (!bytes) step.Refuse("precompiled_charsmap", "it is no base64; fetch the file again");
  try {
    return {.kind = Step::Kind::kCharsmap, .charsmap = Charsmap(*bytes)};
  } catch (const std::runtime_error& error) {
    step.Refuse("precompiled_charsmap", error.what());
  }
}

void JsonPieces::ReadPreTokenizers(TokenizerJson& json) {
  bool is_marked = false;
  for (HfConfig* step : json.PreTokenizers()) {
    const std::string type = step->OneOf("type", {"Metaspace", "WhitespaceSplit"});
    if (is_marked) json.Refuse("pre_tokenizer", "nothing is supported after Metaspace");
    if (type == "WhitespaceSplit") {
      splits_at_space_ = true;
      continue;
    }
    is_marked = true;
    step->Require("replacement", std::string(kSpace).c_str());
    step->Require("str_rep", std::string(kSpace).c_str());
    step->Require("add_prefix_space", true);
    step->Require("prepend_scheme", "always");
    step->Require("split", true);
  }
  if (!is_marked) json.Refuse("pre_tokenizer", "Metaspace is expected, as T5 has it");
}

std::string JsonPieces::Normalize(std::string_view text) const {
  std::string out(text);
  for (const Step& step : normalizer_) {
    switch (step.kind) {
      case Step::Kind::kCharsmap:
        out = ByGraphemes(*step.charsmap, out);
        break;
      case Step::Kind::kStrip:
        out = EncodeUtf8(Strip(DecodeUtf8(out), step.left, step.right));
        break;
      case Step::Kind::kSpaces:
        out = ReplaceSpaces(out, step.spaces);
        break;
    }
  }
  return out;
}

void JsonPieces::Encode(std::string_view text, std::vector<int64_t>* ids) const {
  const std::vector<std::string> words =
      splits_at_space_ ? SplitAtWhiteSpace(text) : std::vector<std::string>{std::string(text)};
  for (const std::string& word : words) {
    if (word.empty()) continue;
    std::string marked;
    for (const char c : word) {
      if (c == ' ') {
        marked += kSpace;
      } else {
        marked += c;
      }
    }
    if (!marked.starts_with(kSpace)) marked.insert(0, kSpace);
    // Every mark begins a part that is cut by itself.
    for (size_t begin = 0; begin < marked.size();) {
      const size_t end = std::min(marked.find(kSpace, begin + 1), marked.size());
      unigram_.Encode(std::string_view(marked).substr(begin, end - begin), ids);
      begin = end;
    }
  }
}

}  // namespace alignflow
