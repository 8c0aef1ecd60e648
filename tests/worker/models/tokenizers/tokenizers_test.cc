// Our tokenizers against transformers' (tests/reference/make_tokenizer_fixtures.py).
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "tests/common/temp_folder.h"
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
