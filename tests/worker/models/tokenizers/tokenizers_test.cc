// Our tokenizers against transformers' (tests/reference/make_tokenizer_fixtures.py).
#include <gmock/gmock.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "tests/common/temp_folder.h"
#include "tests/worker/models/tokenizers/release_folder.h"
#include "worker/models/tokenizers/clip_tokenizer.h"
#include "worker/models/tokenizers/prompt_tokenizer.h"
#include "worker/models/tokenizers/t5_tokenizer.h"
#include "worker/models/tokenizers/unicode.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Ids = std::vector<int64_t>;
namespace fs = std::filesystem;

const fs::path kFolder = fs::path(ALIGNFLOW_TEST_DATA) / "sd35" / "tokenizers";
constexpr int64_t kClipLength = 77;

struct Case {
  std::string text;
  Ids clip_l, clip_g, t5;  // of the padding, one id
};

std::vector<Case> Cases() {
  std::ifstream stream(kFolder / "cases.json");
  std::vector<Case> cases;
  for (const auto& row : nlohmann::json::parse(stream)) {
    cases.push_back({row[0], row[1], row[2], row[3]});
  }
  return cases;
}

Ids Padded(Ids ids, int64_t length) {
  ids.resize(static_cast<size_t>(length), ids.back());
  return ids;
}

std::string ErrorOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(ClipTokenizerTest, IdsAreTheReferencesForBothWaysOfPadding) {
  const ClipTokenizer l(kFolder / "tokenizer"), g(kFolder / "tokenizer_2");
  EXPECT_EQ(l.model_max_length(), kClipLength);
  const std::vector<Case> cases = Cases();
  ASSERT_GT(cases.size(), 200U);
  for (const Case& c : cases) {
    EXPECT_EQ(l.Encode(c.text, kClipLength), Padded(c.clip_l, kClipLength)) << c.text;
    EXPECT_EQ(g.Encode(c.text, kClipLength), Padded(c.clip_g, kClipLength)) << c.text;
  }
}

TEST(T5TokenizerTest, IdsAreTheReferences) {
  const T5Tokenizer tokenizer(kFolder / "tokenizer_3");
  for (const Case& c : Cases()) {
    EXPECT_EQ(tokenizer.Encode(c.text, kT5Tokens), Padded(c.t5, kT5Tokens)) << c.text;
  }
}

TEST(PromptTokenizerTest, EveryPromptForEveryEncoderAndNoT5WithoutIt) {
  const std::vector<Case> cases = Cases();
  const std::vector<std::string> prompts = {cases[3].text, ""};
  const PromptTokens tokens = PromptTokenizer(kFolder, /*with_t5=*/true).Encode(prompts);
  EXPECT_EQ(tokens.clip_l[0], Padded(cases[3].clip_l, kClipLength));
  EXPECT_EQ(tokens.clip_g[1], Padded(cases[0].clip_g, kClipLength));
  EXPECT_EQ(tokens.t5[0], Padded(cases[3].t5, kT5Tokens));
  EXPECT_EQ(tokens.t5.size(), 2U);
  EXPECT_TRUE(PromptTokenizer(kFolder, /*with_t5=*/false).Encode(prompts).t5.empty());
}

TEST(PromptTokenizerTest, EndlessPromptsAreRefused) {
  const PromptTokenizer tokenizer(kFolder, /*with_t5=*/true);
  EXPECT_THROW(tokenizer.Encode({std::string(8193, 'a')}), std::invalid_argument);
  EXPECT_EQ(tokenizer.Encode({std::string(8192, 'a')}).clip_l[0].size(), 77U);
}

TEST(ClipTokenizerTest, TextsThatAreTooLongAreCutBeforeTheirEnd) {
  const ClipTokenizer tokenizer(kFolder / "tokenizer");
  const Ids whole = tokenizer.Encode("a polyp", 20);
  const Ids cut = tokenizer.Encode("a polyp", 3);
  EXPECT_EQ(cut, (Ids{whole[0], whole[1], whole.back()}));
  EXPECT_THROW(tokenizer.Encode("a", 1), std::invalid_argument);
}

TEST(TokenizersTest, TextsThatAreNotUtf8AreRefused) {
  const ClipTokenizer clip(kFolder / "tokenizer");
  const T5Tokenizer t5(kFolder / "tokenizer_3");
  for (const char* text : {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_THROW(clip.Encode(text, kClipLength), std::invalid_argument) << text;
    EXPECT_THROW(t5.Encode(text, 9), std::invalid_argument) << text;
  }
}

TEST(TokenizersTest, ErrorsNameFileAndField) {
  const TempFolder temp;
  const fs::path folder = temp.path() / "tokenizer";
  const auto open = [&] { return ErrorOf([&] { const ClipTokenizer tokenizer(folder); }); };
  const auto spoil = [&](const std::string& file, const std::string& from, const std::string& to) {
    fs::remove_all(folder);
    fs::copy(kFolder / "tokenizer", folder);
    std::string text = ReadFile(folder / file);
    const size_t position = text.find(from);
    EXPECT_NE(position, text.npos) << from;
    WriteFile(folder / file, text.replace(position, from.size(), to));
    return open();
  };
  EXPECT_THAT(open(), HasSubstr("vocab.json"));
  EXPECT_EQ(spoil("merges.txt", "", ""), "");
  // What a constructor was called with and that no id depends on.
  EXPECT_EQ(spoil("tokenizer_config.json", "\"errors\"", "\"local_files_only\""), "");
  EXPECT_THAT(spoil("merges.txt", "\n", "\nnothing here\n"),
              AllOf(HasSubstr("merges.txt"), HasSubstr("line 2")));
  EXPECT_THAT(spoil("merges.txt", "\n", "\nlonely\n"), HasSubstr("line 2"));
  EXPECT_THAT(spoil("vocab.json", "{", "["), HasSubstr("vocab.json"));
  EXPECT_THAT(spoil("vocab.json", ": 7,", ": -7,"), HasSubstr("vocab.json"));
  EXPECT_THAT(spoil("tokenizer_config.json", "\"do_lower_case\": true", "\"do_lower_case\": false"),
              AllOf(HasSubstr("tokenizer_config.json"), HasSubstr("'do_lower_case'")));
  EXPECT_THAT(spoil("tokenizer_config.json", "\"lstrip\": false", "\"lstrip\": true"),
              HasSubstr("lstrip"));
  EXPECT_THAT(
      spoil("tokenizer_config.json", "\"errors\": \"replace\"", "\"padding_side\": \"left\""),
      AllOf(HasSubstr("'padding_side'"), HasSubstr("only \"right\" is supported")));
  EXPECT_THAT(spoil("tokenizer_config.json", "CLIPTokenizer", "GPT2Tokenizer"),
              HasSubstr("'tokenizer_class'"));
  EXPECT_THAT(
      spoil("special_tokens_map.json", "\"pad_token\": \"<|endoftext|>\"", "\"pad_token\": \"!\""),
      AllOf(HasSubstr("special_tokens_map.json"), HasSubstr("'pad_token'")));
  EXPECT_THAT(ErrorOf([&] { const T5Tokenizer tokenizer(folder); }), HasSubstr("spiece.model"));
  WriteFile(folder / "spiece.model", "not a model");
  EXPECT_THAT(ErrorOf([&] { const T5Tokenizer tokenizer(folder); }), HasSubstr("spiece.model"));
}

// A folder of transformers 5.24, in which tokenizer.json is all there is beside its config.
class TokenizerJsonTest : public testing::Test {
 protected:
  static constexpr char kRelease[] = "transformers-5.24.0-diffusers-0.42.1";

  // What opening the folder says once `from` in its tokenizer.json is `to`.
  template <typename Tokenizer>
  std::string Spoil(const std::string& folder, const std::string& from, const std::string& to) {
    const ReleaseFolder release(kRelease);
    const fs::path file = release.path() / folder / "tokenizer.json";
    std::string text = ReadFile(file);
    const size_t place = text.find(from);
    EXPECT_NE(place, text.npos) << from;
    WriteFile(file, text.replace(place, from.size(), to));
    return ErrorOf([&] { const Tokenizer tokenizer(file.parent_path()); });
  }
  std::string Clip(const std::string& from, const std::string& to) {
    return Spoil<ClipTokenizer>("tokenizer", from, to);
  }
  std::string T5(const std::string& from, const std::string& to) {
    return Spoil<T5Tokenizer>("tokenizer_3", from, to);
  }
};

TEST_F(TokenizerJsonTest, EveryPartThatIdsDependOnIsRefusedByNameAndValueWhereItIsAnother) {
  const std::vector<std::array<const char*, 3>> clip = {
      {"\"NFC\"", "\"NFKC\"", "'normalizer.normalizers[0].type' is \"NFKC\""},
      {"\"Lowercase\"", "\"StripAccents\"", "normalizers[2].type"},
      {"[\\\\p{N}]|", "[\\\\p{N}]+|", "pattern.Regex"},
      {"\"Removed\"", "\"Isolated\"", "behavior"},
      {"\"invert\": true", "\"invert\": false", "invert"},
      {"\"dropout\": null", "\"dropout\": 0.1", "'model.dropout' is 0.1"},
      {"\"</w>\",", "\"\",", "end_of_word_suffix"},
      {"\"fuse_unk\": false", "\"fuse_unk\": true", "fuse_unk"},
      {"\"ignore_merges\": false", "\"ignore_merges\": true", "ignore_merges"},
      {"\"byte_fallback\": false", "\"byte_fallback\": true", "byte_fallback"},
      {"\"lstrip\": false", "\"lstrip\": true", "'added_tokens[0].lstrip' is true"},
      {"\"id\": 772", "\"id\": 771", "'<|startoftext|>' has the id 771"},
      {"\"RobertaProcessing\"", "\"Ours\"", "'post_processor.type' is \"Ours\""},
      {"\"padding\": null", "\"padding\": {\"direction\": \"Left\"}", "'padding.direction'"},
      {"\"version\": \"1.0\"", "\"version\": \"2.0\"", "'version' is \"2.0\""},
      {"\"padding\": null", "\"of_tomorrow\": 3", "'of_tomorrow' is 3"},
      {"\"BPE\"", "\"WordPiece\"", "'model.type'"}};
  for (const auto& [from, to, expected] : clip) {
    EXPECT_THAT(Clip(from, to), AllOf(HasSubstr("tokenizer.json"), HasSubstr(expected))) << to;
  }
  const std::vector<std::array<const char*, 3>> t5 = {
      {"\"Precompiled\"", "\"Lowercase\"", "'normalizer.type'"},
      {"\"precompiled_charsmap\": \"", "\"precompiled_charsmap\": \"?", "base64"},
      {"\"WhitespaceSplit\"", "\"Digits\"", "pretokenizers[0].type"},
      {"\"prepend_scheme\": \"always\"", "\"prepend_scheme\": \"first\"", "prepend_scheme"},
      {"\"split\": true", "\"split\": false", "split"},
      {"\"Unigram\"", "\"BPE\"", "'model.type' is \"BPE\""},
      {"\"unk_id\": 2", "\"unk_id\": 200000", "unknown"},
      {"\"byte_fallback\": false", "\"byte_fallback\": true", "byte_fallback"}};
  for (const auto& [from, to, expected] : t5) {
    EXPECT_THAT(T5(from, to), AllOf(HasSubstr("tokenizer.json"), HasSubstr(expected))) << to;
  }
}

TEST_F(TokenizerJsonTest, WhatNoIdDependsOnIsLeftAside) {
  EXPECT_EQ(Clip("\"trim_offsets\": true", "\"trim_offsets\": false"), "");
  EXPECT_EQ(Clip("\"padding\": null",
                 "\"padding\": {\"direction\": \"Right\", \"strategy\": {\"Fixed\": 7}}"),
            "");
  EXPECT_EQ(Clip("\"padding\": null", "\"of_tomorrow\": false"), "");
}

// A folder patched from two sources.
TEST_F(TokenizerJsonTest, BothFormsMustBeOneTokenizer) {
  const ReleaseFolder release("transformers-4.57.6-diffusers-0.36.0");
  const fs::path clip = release.path() / "tokenizer.CLIPTokenizerFast";
  const auto open_clip = [&] { return ErrorOf([&] { const ClipTokenizer tokenizer(clip); }); };
  EXPECT_EQ(open_clip(), "");
  const std::string merges = ReadFile(clip / "merges.txt");
  WriteFile(clip / "merges.txt", merges.substr(0, merges.rfind('\n', merges.size() - 2) + 1));
  EXPECT_THAT(open_clip(),
              AllOf(HasSubstr("merges.txt"), HasSubstr("tokenizer.json"), HasSubstr("Take away")));
  WriteFile(clip / "merges.txt", merges);
  fs::copy_file(release.path() / "tokenizer_2" / "tokenizer_config.json",
                clip / "tokenizer_config.json", fs::copy_options::overwrite_existing);
  EXPECT_THAT(open_clip(), HasSubstr("'pad_token'"));  // special_tokens_map.json says otherwise

  const fs::path t5 = release.path() / "tokenizer_3";
  std::string json = ReadFile(t5 / "tokenizer.json");
  const std::string piece = "\u2581patient";
  const size_t place = json.find(piece);
  ASSERT_NE(place, json.npos);
  WriteFile(t5 / "tokenizer.json", json.replace(place, piece.size(), "\u2581tneitap"));
  EXPECT_THAT(ErrorOf([&] { const T5Tokenizer tokenizer(t5); }),
              AllOf(HasSubstr("spiece.model"), HasSubstr("patient"), HasSubstr("Take away")));
}

TEST(UnicodeTest, PropertiesAreTheStandards) {
  EXPECT_EQ(ComposeNfc(U"e\u0301"), U"\u00e9");
  EXPECT_EQ(ComposeNfc(U"\u212b\uac00"), U"\u00c5\uac00");
  EXPECT_EQ(ToLower(U"ΑΣ İ"), U"ασ i\u0307");
  EXPECT_TRUE(IsLetter(U'ª') && IsLetter(U'한') && !IsLetter(U'\u0301'));
  EXPECT_TRUE(IsNumber(U'½') && IsNumber(U'Ⅻ') && !IsNumber(U'x'));
  EXPECT_TRUE(IsWhiteSpace(U'\u3000') && IsWhiteSpace(U'\u0085') && !IsWhiteSpace(U'\u200b'));
}

}  // namespace
}  // namespace alignflow
