#include "worker/models/tokenizers/clip_tokenizer.h"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "worker/models/tokenizers/tokenizer_config.h"
#include "worker/models/tokenizers/unicode.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBeginOfText = "<|startoftext|>";
constexpr const char* kEndOfText = "<|endoftext|>";  // the reference's default for all others

// How words are cut. The longer form, of transformers 5, gives the same ids: what it adds has been
// taken out of the text before.
const std::vector<std::string>& Words() {
  static const std::string words = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
  static const std::vector<std::string> both = {words,
                                                R"(<\|startoftext\|>|<\|endoftext\|>|)" + words};
  return both;
}

std::string Normalize(std::string_view text) {
  std::u32string out;
  for (const char32_t c : ToLower(ComposeNfc(DecodeUtf8(text)))) {
    if (!IsWhiteSpace(c)) {
      out += c;
    } else if (!out.ends_with(U' ')) {
      out += U' ';
    }
  }
  return EncodeUtf8(out);
}

// Requires CLIP's own steps.
void CheckSteps(TokenizerJson& json) {
  const std::vector<HfConfig*> normalizers = json.Normalizers();
  if (normalizers.size() != 3) {
    json.Refuse("normalizer", "NFC, Replace and Lowercase are expected, as CLIP has them");
  }
  normalizers[0]->OneOf("type", {"NFC"});
  normalizers[1]->OneOf("type", {"Replace"});
  RequireRegex(*normalizers[1], {R"(\s+)"});
  normalizers[1]->Require("content", " ");
  normalizers[2]->OneOf("type", {"Lowercase"});
  const std::vector<HfConfig*> steps = json.PreTokenizers();
  if (steps.size() != 2) {
    json.Refuse("pre_tokenizer", "Split and ByteLevel are expected, as CLIP has them");
  }
  steps[0]->OneOf("type", {"Split"});
  RequireRegex(*steps[0], Words());
  steps[0]->Require("behavior", "Removed");
  steps[0]->Require("invert", true);
  steps[1]->OneOf("type", {"ByteLevel"});
  steps[1]->Require("add_prefix_space", false);
  // Places in the text, and a way to cut it under which these words stay whole.
  steps[1]->WithoutEffect({"trim_offsets", "use_regex"});
}

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

ClipTokenizer::ClipTokenizer(const fs::path& folder) : added_(Normalize) {
  std::optional<TokenizerJson> json;
  const bool has_files = fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt");
  if (fs::exists(folder / "tokenizer.json")) {
    json.emplace(folder / "tokenizer.json");
    const BytePairTable table = ReadBytePairModel(json->model());
    pairs_ = std::make_unique<BytePairs>(table);
    file_ = table.ids_file;
    if (has_files) {
      RequireSame(table, ReadBytePairFiles(folder / "vocab.json", folder / "merges.txt"));
    }
  } else if (has_files) {
    const BytePairTable table = ReadBytePairFiles(folder / "vocab.json", folder / "merges.txt");
    pairs_ = std::make_unique<BytePairs>(table);
    file_ = table.ids_file;
  } else {
    throw std::runtime_error(
        folder.string() +
        ": there is neither tokenizer.json nor vocab.json with merges.txt; fetch either one");
  }
  HfConfig fields(folder / "tokenizer_config.json");
  RequireIfSet(fields, "add_prefix_space", false);
  RequireIfSet(fields, "add_bos_token", true);
  RequireIfSet(fields, "do_lower_case", true);
  RequireIfSet(fields, "strip_accents", false);
  std::vector<std::string> classes = {"CLIPTokenizer", "CLIPTokenizerFast"};
  if (json) classes.insert(classes.end(), {"PreTrainedTokenizerFast", "TokenizersBackend"});
  const TokenizerConfig config = ReadTokenizerConfig(folder, classes, fields);
  model_max_length_ = config.model_max_length;

  std::vector<AddedToken> added = json ? json->AddedTokens() : std::vector<AddedToken>();
  added.insert(added.end(), config.added.begin(), config.added.end());
  added_.Add(
      added, [this](const std::string& token) { return pairs_->IdOf(token); }, pairs_->size());
  frame_ = {{IdOf(config.Special("bos_token", kBeginOfText))},
            {IdOf(config.Special("eos_token", kEndOfText))}};
  pad_ = IdOf(config.Special("pad_token", kEndOfText));
  unknown_ = IdOf(config.Special("unk_token", kEndOfText));
  if (json) ReadJson(*json, config);
}

void ClipTokenizer::ReadJson(TokenizerJson& json, const TokenizerConfig& config) {
  CheckSteps(json);
  const std::string unknown = json.model().String("unk_token", "");
  unknown_ = unknown.empty() ? -1 : IdOf(unknown);
  const auto frame = json.ReadFrame([this](const std::string& token) { return IdOf(token); });
  if (frame.begin != frame_.begin || frame.end != frame_.end) {
    json.Refuse("post_processor", "the bos_token and eos_token of " + config.file +
                                      " are expected to begin and end a text");
  }
  json.Finish();
}

int64_t ClipTokenizer::IdOf(const std::string& token) const {
  int64_t id = added_.IdOf(token);
  if (id < 0) id = pairs_->IdOf(token);
  if (id < 0) throw std::runtime_error(file_ + ": has no token '" + token + "'");
  return id;
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
        pairs_->Encode(EncodeUtf8(std::u32string_view(characters).substr(at, length)), unknown_);
    ids->insert(ids->end(), word.begin(), word.end());
    at += length;
  }
}

std::vector<int64_t> ClipTokenizer::Encode(std::string_view text, int64_t length) const {
  std::vector<int64_t> ids;
  added_.Split(
      text, [&ids](int64_t id) { ids.push_back(id); },
      [&](std::string_view between) { EncodeText(between, &ids); });
  return Framed(frame_, ids, pad_, length);
}

}  // namespace alignflow
