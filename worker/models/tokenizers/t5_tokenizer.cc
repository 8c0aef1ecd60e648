#include "worker/models/tokenizers/t5_tokenizer.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "worker/models/tokenizers/tokenizer_config.h"
#include "worker/models/tokenizers/unicode.h"

namespace alignflow {

T5Tokenizer::T5Tokenizer(const std::filesystem::path& folder) : pieces_(folder / "spiece.model") {
  HfConfig fields(folder / "tokenizer_config.json");
  fields.Require("add_prefix_space", true);
  if (fields.Has("sp_model_kwargs")) fields.Object("sp_model_kwargs");  // only {} is understood
  const int64_t sentinels = fields.Int("extra_ids", 100);
  fields.WithoutEffect({"legacy"});  // a difference between early releases
  const TokenizerConfig config =
      ReadTokenizerConfig(folder, {"T5Tokenizer", "T5TokenizerFast"}, fields);
  // They follow the pieces, the last one first.
  for (int64_t i = 0; i < sentinels; ++i) {
    added_.Add("<extra_id_" + std::to_string(i) + ">", pieces_.size() + sentinels - 1 - i);
  }
  const auto id_of = [&](const TokenizerConfig::Added& token) {
    const int64_t id = token.id >= 0 ? token.id : pieces_.IdOf(token.content);
    if (id < 0 || (id < pieces_.size() && pieces_.PieceAt(id) != token.content)) {
      throw std::runtime_error((folder / "spiece.model").string() + ": has no piece '" +
                               token.content + "'" +
                               (token.id >= 0 ? " at " + std::to_string(token.id) : ""));
    }
    return id;
  };
  for (const TokenizerConfig::Added& token : config.added) added_.Add(token.content, id_of(token));
  const auto special = [&](const char* name, const char* otherwise) {
    const auto found = config.special.find(name);
    return id_of({found == config.special.end() ? otherwise : found->second, -1, false});
  };
  end_ = special("eos_token", "</s>");
  pad_ = special("pad_token", "<pad>");
}

std::vector<int64_t> T5Tokenizer::Encode(std::string_view text, int64_t length) const {
  if (length < 1) throw std::invalid_argument("a text needs room for its end");
  DecodeUtf8(text);  // checks
  std::vector<int64_t> ids;
  for (const AddedTokens::Piece& piece : added_.Split(text)) {
    if (const auto* id = std::get_if<int64_t>(&piece)) {
      ids.push_back(*id);
      continue;
    }
    const std::vector<int64_t> pieces = pieces_.Encode(std::get<std::string_view>(piece));
    ids.insert(ids.end(), pieces.begin(), pieces.end());
  }
  ids.resize(std::min(ids.size(), static_cast<size_t>(length - 1)));
  ids.push_back(end_);
  ids.resize(static_cast<size_t>(length), pad_);
  return ids;
}

}  // namespace alignflow
