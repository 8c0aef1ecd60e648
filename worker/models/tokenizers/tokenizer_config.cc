#include "worker/models/tokenizers/tokenizer_config.h"

#include <algorithm>
#include <charconv>

namespace alignflow {
namespace {

constexpr const char* kSpecial[] = {"bos_token", "eos_token", "unk_token", "pad_token"};

// A token written as an object. Only its content and how it is looked for are left to say.
TokenizerConfig::Added ReadAdded(HfConfig& token) {
  for (const char* flag : {"lstrip", "rstrip", "single_word"}) token.Require(flag, false);
  token.WithoutEffect({"special"});  // whether decoding may leave it out
  return {token.String("content"), -1, token.Bool("normalized", false)};
}

int64_t IdOf(const HfConfig& tokens, const std::string& text) {
  int64_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0) {
    tokens.Refuse(text, "the name of an added token must be its id");
  }
  return id;
}

// The special tokens of either file. Where both name one, they must agree.
void ReadSpecial(HfConfig& config, TokenizerConfig* out) {
  for (const char* name : kSpecial) {
    if (!config.Has(name)) {
      config.WithoutEffect({name});
      continue;
    }
    TokenizerConfig::Added token;
    if (config.IsObject(name)) {
      token = ReadAdded(config.Object(name));
    } else {
      token = {config.String(name), -1, false};
    }
    const auto [known, is_new] = out->special.emplace(name, token.content);
    if (known->second != token.content) {
      config.Refuse(name, "the tokenizer's other file says '" + known->second + "'");
    }
    const bool listed = std::any_of(out->added.begin(), out->added.end(), [&](const auto& added) {
      return added.content == token.content;
    });
    if (!listed) out->added.push_back(token);
  }
  // Repeat what added_tokens_decoder says.
  config.WithoutEffect({"additional_special_tokens", "extra_special_tokens"});
}

}  // namespace

TokenizerConfig ReadTokenizerConfig(const std::filesystem::path& folder,
                                    const std::vector<std::string>& classes, HfConfig& config) {
  TokenizerConfig out;
  config.OneOf("tokenizer_class", classes);
  // Tokenizers without a limit have 1e30 here.
  out.model_max_length =
      static_cast<int64_t>(std::min(config.Double("model_max_length", 1e30), 1e9));
  if (config.Has("added_tokens_decoder")) {
    HfConfig& tokens = config.Object("added_tokens_decoder");
    for (const std::string& id : tokens.Names()) {
      out.added.push_back(ReadAdded(tokens.Object(id)));
      out.added.back().id = IdOf(tokens, id);
    }
  }
  ReadSpecial(config, &out);
  // How ids become text again, and where the files came from.
  config.WithoutEffect({"backend", "clean_up_tokenization_spaces", "errors", "is_local",
                        "name_or_path", "processor_class", "special_tokens_map_file"});
  config.Finish();
  if (std::filesystem::exists(folder / "special_tokens_map.json")) {
    HfConfig map(folder / "special_tokens_map.json");
    ReadSpecial(map, &out);
    map.Finish();
  }
  return out;
}

}  // namespace alignflow
