#include "worker/models/tokenizers/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace alignflow {
namespace {

constexpr const char* kSpecial[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};

int64_t IdOf(const HfConfig& tokens, const std::string& text) {
  int64_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0) {
    tokens.Refuse(text, "the name of an added token must be its id");
  }
  return id;
}

void AddUnlessListed(AddedToken token, TokenizerConfig* out) {
  if (std::ranges::find(out->added, token.content, &AddedToken::content) == out->added.end()) {
    out->added.push_back(std::move(token));
  }
}

// A token that is a string or an object.
AddedToken ReadToken(HfConfig& config, const std::string& name) {
  if (config.IsObject(name)) return ReadAddedToken(config.Object(name));
  return {config.String(name), -1, false, config.file()};
}

// Further special tokens: a list of strings or objects, or an object of them.
void ReadExtra(HfConfig& config, const std::string& name, TokenizerConfig* out) {
  if (!config.Has(name)) return;
  if (config.IsObject(name)) {
    HfConfig& named = config.Object(name);
    for (const std::string& key : named.Names()) AddUnlessListed(ReadToken(named, key), out);
    return;
  }
  const nlohmann::json& tokens = config.Value(name);
  if (!tokens.is_array()) config.Refuse(name, "a list of tokens is expected");
  if (!tokens.empty() && tokens.front().is_object()) {
    for (HfConfig* token : config.Objects(name)) AddUnlessListed(ReadAddedToken(*token), out);
    return;
  }
  for (const std::string& content : config.StringList(name)) {
    AddUnlessListed({content, -1, false, config.file()}, out);
  }
}

// The special tokens of either file. Where both name one, they must agree.
void ReadSpecial(HfConfig& config, TokenizerConfig* out) {
  for (const char* name : kSpecial) {
    if (!config.Has(name)) continue;
    const AddedToken token = ReadToken(config, name);
    const auto [known, is_new] = out->special.emplace(name, token.content);
    if (known->second != token.content) {
      config.Refuse(name, "the tokenizer's other file says '" + known->second + "'");
    }
    AddUnlessListed(token, out);
  }
  ReadExtra(config, "additional_special_tokens", out);
  ReadExtra(config, "extra_special_tokens", out);
}

}  // namespace

const std::string& TokenizerConfig::Special(const std::string& name,
                                            const std::string& otherwise) const {
  const auto found = special.find(name);
  return found == special.end() ? otherwise : found->second;
}

AddedToken ReadAddedToken(HfConfig& token) {
  for (const char* flag : {"lstrip", "rstrip", "single_word"}) token.Require(flag, false);
  token.WithoutEffect({"special"});  // whether decoding may leave it out
  return {token.String("content"), token.Int("id", -1), token.Bool("normalized", false),
          token.file()};
}

TokenizerConfig ReadTokenizerConfig(const std::filesystem::path& folder,
                                    const std::vector<std::string>& classes, HfConfig& config) {
  TokenizerConfig out;
  out.file = config.file();
  config.OneOf("tokenizer_class", classes);
  for (const char* side : {"padding_side", "truncation_side"}) RequireIfSet(config, side, "right");
  RequireIfSet(config, "split_special_tokens", false);
  RequireIfSet(config, "add_eos_token", true);
  // Tokenizers without a limit have 1e30 here.
  const double longest = config.Double("model_max_length", 1e30);
  if (!(longest >= 2)) config.Refuse("model_max_length", "at least 2 is expected");
  out.model_max_length = static_cast<int64_t>(std::min(longest, 1e9));
  if (config.Has("added_tokens_decoder")) {
    HfConfig& tokens = config.Object("added_tokens_decoder");
    for (const std::string& id : tokens.Names()) {
      out.added.push_back(ReadAddedToken(tokens.Object(id)));
      out.added.back().id = IdOf(tokens, id);
    }
  }
  if (std::filesystem::exists(folder / "added_tokens.json")) {
    HfConfig ids(folder / "added_tokens.json");
    for (const std::string& content : ids.Names()) {
      const int64_t id = ids.Int(content);
      if (id < 0) ids.Refuse(content, "an id of at least 0 is expected");
      AddUnlessListed({content, id, false, ids.file()}, &out);
    }
  }
  ReadSpecial(config, &out);
  config.Finish(HfFile::kTokenizerNotes);
  if (std::filesystem::exists(folder / "special_tokens_map.json")) {
    HfConfig map(folder / "special_tokens_map.json");
    ReadSpecial(map, &out);
    map.Finish(HfFile::kTokenizerNotes);
  }
  return out;
}

}  // namespace alignflow
