// Folders as releases of transformers and diffusers from 4.37 to 5.24 have saved them: all are
// read, and prompts have the ids that the release itself gives them
// (tests/reference/make_release_fixtures.py).
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "tests/worker/models/tokenizers/release_folder.h"
#include "worker/models/hf/model_index.h"
#include "worker/models/tokenizers/clip_tokenizer.h"
#include "worker/models/tokenizers/prompt_tokenizer.h"
#include "worker/models/tokenizers/t5_tokenizer.h"

namespace alignflow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Ids = std::vector<int64_t>;

constexpr int64_t kClipTextLength = 77;

json Texts() { return json::parse(ReadFile(ReleasesFolder() / "texts.json")); }

// {"tokenizer", "CLIPTokenizerFast"} of "tokenizer.CLIPTokenizerFast".
std::pair<std::string, std::string> PartsOf(const std::string& folder) {
  const size_t dot = folder.find('.');
  return {folder.substr(0, dot), dot == folder.npos ? "" : folder.substr(dot + 1)};
}

class ReleasesTest : public testing::TestWithParam<std::string> {
 protected:
  // What the release gives to a text, whole.
  Ids Expected(const std::string& folder, size_t text) const {
    const int column =
        1 + std::map<std::string, int>{{"tokenizer", 0}, {"tokenizer_2", 1}, {"tokenizer_3", 2}}.at(
                PartsOf(folder).first);
    const json& differing = release_.ids().at(folder);
    const auto found = differing.find(std::to_string(text));
    Ids ids = found == differing.end() ? texts_[text][column].get<Ids>() : found->get<Ids>();
    ids.resize(static_cast<size_t>(column == 3 ? kT5Tokens : kClipTextLength), ids.back());
    return ids;
  }

  const ReleaseFolder release_{GetParam()};
  const json texts_ = Texts();
};

TEST_P(ReleasesTest, EveryTokenizerIsReadAndGivesTheReleasesIds) {
  for (const auto& [folder, differing] : release_.ids().items()) {
    const auto [name, class_name] = PartsOf(folder);
    // Before 5.0 there were two classes of each tokenizer that agree on plain text alone. We are
    // held to the one that reads tokenizer.json, which is the only one now: the other one of CLIP
    // rewrites quotes, ligatures and wide letters first, T5's adds no end to a text that ends in
    // one.
    const bool has_json = fs::exists(release_.path() / folder / "tokenizer.json");
    std::function<Ids(const std::string&)> encode;
    if (name == "tokenizer_3") {
      const auto tokenizer = std::make_shared<T5Tokenizer>(release_.path() / folder);
      encode = [=](const std::string& text) { return tokenizer->Encode(text, kT5Tokens); };
    } else {
      const auto tokenizer = std::make_shared<ClipTokenizer>(release_.path() / folder);
      EXPECT_EQ(tokenizer->model_max_length(), kClipTextLength);
      encode = [=](const std::string& text) { return tokenizer->Encode(text, kClipTextLength); };
    }
    for (size_t i = 0; i < texts_.size(); ++i) {
      const std::string text = texts_[i][0];
      const bool is_ascii = std::ranges::all_of(text, [](char c) { return c > 0; });
      if (!has_json && (!is_ascii || text.find("</s>") != text.npos)) continue;
      EXPECT_EQ(encode(text), Expected(folder, i)) << folder << ": text " << i << ": " << text;
    }
  }
}

TEST_P(ReleasesTest, ThePipelinesIndexAndPromptsAreRead) {
  if (fs::exists(release_.path() / "model_index.json")) {  // SD 3 came with diffusers 0.29
    const Sd35ModelIndex index(release_.path());
    EXPECT_TRUE(index.Has("controlnet") && index.Has("tokenizer_3"));
  }
  const PromptTokens tokens =
      PromptTokenizer(release_.path(), /*with_t5=*/true).Encode({texts_[3][0]});
  EXPECT_EQ(tokens.clip_l[0], Expected("tokenizer", 3));
  EXPECT_EQ(tokens.clip_g[0], Expected("tokenizer_2", 3));
  EXPECT_EQ(tokens.t5[0], Expected("tokenizer_3", 3));
}

// Whoever copies tokenizer.json and tokenizer_config.json alone has the same tokenizer.
TEST_P(ReleasesTest, TokenizerJsonAloneIsEnough) {
  for (const auto& [folder, differing] : release_.ids().items()) {
    const fs::path path = release_.path() / folder;
    if (!fs::exists(path / "tokenizer.json")) continue;
    for (const char* file : {"vocab.json", "merges.txt", "spiece.model", "added_tokens.json",
                             "special_tokens_map.json"}) {
      fs::remove(path / file);
    }
    for (const size_t i : {3U, 30U, 60U}) {
      const std::string text = texts_[i][0];
      const Ids ids = PartsOf(folder).first == "tokenizer_3"
                          ? T5Tokenizer(path).Encode(text, kT5Tokens)
                          : ClipTokenizer(path).Encode(text, kClipTextLength);
      EXPECT_EQ(ids, Expected(folder, i)) << folder;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ReleasesTest, testing::ValuesIn(Releases()), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace_if(
      name, [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

}  // namespace
}  // namespace alignflow
