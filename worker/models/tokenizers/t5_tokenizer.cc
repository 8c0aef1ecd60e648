#include "worker/models/tokenizers/t5_tokenizer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "worker/models/tokenizers/json_pieces.h"
#include "worker/models/tokenizers/sentence_pieces.h"
#include "worker/models/tokenizers/tokenizer_config.h"
#include "worker/models/tokenizers/unicode.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;

std::string Sentinel(int64_t i) { return "<extra_id_" + std::to_string(i) + ">"; }

// The file of SentencePiece's pieces under either name; empty if there is none.
fs::path PieceFile(const fs::path& folder) {
  for (const char* name : {"spiece.model", "tokenizer.model"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  return {};
}

// tokenizer.json has the sentinels as pieces, too.
void RequireSame(const std::string& json, const Unigram& whole, const fs::path& file) {
  const SentencePieces other(file);
  for (size_t id = 0; id < other.unigram().pieces().size(); ++id) {
    const Unigram::Piece& piece = other.unigram().pieces()[id];
    const Unigram::Piece* found = id < whole.pieces().size() ? &whole.pieces()[id] : nullptr;
    // Scores have become longer decimal numbers.
    if (found != nullptr && found->text == piece.text &&
        (!piece.is_usable ||
         std::abs(found->score - piece.score) <= 1e-6 * std::abs(piece.score))) {
      continue;
    }
    throw std::runtime_error(file.string() + ": piece " + std::to_string(id) + " '" + piece.text +
                             "' is not that of " + json +
                             "; the files are not of one tokenizer. Take away the one that is not "
                             "the model's: either is enough");
  }
}

}  // namespace

T5Tokenizer::T5Tokenizer(const fs::path& folder)
    : added_([this](std::string_view text) { return pieces_->Normalize(text); }) {
  std::optional<TokenizerJson> json;
  const fs::path piece_file = PieceFile(folder);
  if (fs::exists(folder / "tokenizer.json")) {
    json.emplace(folder / "tokenizer.json");
    file_ = json->file();
    pieces_ = std::make_unique<JsonPieces>(*json);
    if (!piece_file.empty()) RequireSame(file_, pieces_->unigram(), piece_file);
  } else if (!piece_file.empty()) {
    file_ = piece_file.string();
    pieces_ = std::make_unique<SentencePieces>(piece_file);
  } else {
    throw std::runtime_error(
        folder.string() + ": there is neither tokenizer.json nor spiece.model; fetch either one");
  }
  HfConfig fields(folder / "tokenizer_config.json");
  RequireIfSet(fields, "add_prefix_space", true);
  RequireIfSet(fields, "add_bos_token", false);
  if (fields.IsObject("sp_model_kwargs")) {  // of SentencePiece's sampling
    fields.Object("sp_model_kwargs").Finish(HfFile::kTokenizer);
  }
  if (fields.Has("unk_id") && fields.Int("unk_id") != pieces_->unigram().unknown()) {
    fields.Refuse("unk_id",
                  "it is " + std::to_string(pieces_->unigram().unknown()) + " in " + file_);
  }
  // tokenizer.json says by itself what this changes about texts with sentinels.
  if (!json) RequireIfSet(fields, "legacy", true);
  const bool names_sentinels = fields.Has("extra_ids");
  const int64_t sentinels = fields.Int("extra_ids", 100);
  if (sentinels < 0 || sentinels > 10000) fields.Refuse("extra_ids", "0 to 10000 are expected");
  std::vector<std::string> classes = {"T5Tokenizer", "T5TokenizerFast"};
  if (json) classes.insert(classes.end(), {"PreTrainedTokenizerFast", "TokenizersBackend"});
  const TokenizerConfig config = ReadTokenizerConfig(folder, classes, fields);

  std::vector<AddedToken> added = json ? json->AddedTokens() : std::vector<AddedToken>();
  added.insert(added.end(), config.added.begin(), config.added.end());
  const int64_t size = pieces_->unigram().size();
  for (int64_t i = 0; i < sentinels && (!json || names_sentinels); ++i) {
    // Beside SentencePiece's file they follow the pieces, the last one first.
    added.push_back({Sentinel(i), json ? -1 : size + sentinels - 1 - i, false, config.file});
  }
  added_.Add(
      added, [this](const std::string& token) { return pieces_->unigram().IdOf(token); }, size);
  pad_ = IdOf(config.Special("pad_token", "<pad>"));
  const int64_t end = IdOf(config.Special("eos_token", "</s>"));
  if (!json) {
    frame_.end = {end};
    return;
  }
  frame_ = json->ReadFrame([this](const std::string& token) { return IdOf(token); });
  if (frame_.end != std::vector<int64_t>{end}) {
    json->Refuse("post_processor", "the eos_token of " + config.file + ", '" +
                                       config.Special("eos_token", "</s>") +
                                       "', is expected to end a text");
  }
  json->Finish();
}

int64_t T5Tokenizer::IdOf(const std::string& token) const {
  int64_t id = added_.IdOf(token);
  if (id < 0) id = pieces_->unigram().IdOf(token);
  if (id < 0) throw std::runtime_error(file_ + ": has no piece '" + token + "'");
  return id;
}

std::vector<int64_t> T5Tokenizer::Encode(std::string_view text, int64_t length) const {
  DecodeUtf8(text);  // checks
  std::vector<int64_t> ids;
  added_.Split(
      text, [&ids](int64_t id) { ids.push_back(id); },
      [&](std::string_view between) { pieces_->Encode(between, &ids); });
  return Framed(frame_, ids, pad_, length);
}

}  // namespace alignflow
