// Prompts from text to embedding against StableDiffusion3ControlNetPipeline.encode_prompt
// (tests/reference/make_pipeline_fixture.py).
#include "worker/models/sd35/text_embedding.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/worker/forward/model_folder.h"
#include "worker/models/hf/model_index.h"
#include "worker/models/tokenizers/prompt_tokenizer.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kJointWidth = 16;

class TextEmbeddingTest : public testing::Test {
 protected:
  TextEmbeddingTest() { folder_.AddSd35(fixture_); }

  TextEmbedding Embed(const std::vector<std::string>& prompts, bool with_t5) const {
    const PromptTokenizer tokenizer(folder_.path(), with_t5);
    return EmbedPrompts(folder_.path(), tokenizer.Encode(prompts), kJointWidth, at::kFloat);
  }

  ReferenceFixture fixture_{"sd35/model_folder"};
  ModelFolder folder_;
};

TEST_F(TextEmbeddingTest, PromptsOfOneBatchAreEachTheReferences) {
  const auto prompts =
      nlohmann::json::parse(fixture_.Text("prompts")).get<std::vector<std::string>>();
  ASSERT_EQ(prompts.size(), 3U);
  const TextEmbedding embedding = Embed(prompts, /*with_t5=*/true);
  for (int64_t i = 0; i < 3; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_LT(
        RelativeError(embedding.context.narrow(0, i, 1), fixture_.Get("out.context." + number)),
        1e-4);
    EXPECT_LT(RelativeError(embedding.pooled.narrow(0, i, 1), fixture_.Get("out.pooled." + number)),
              1e-4);
  }
}

TEST_F(TextEmbeddingTest, WithoutT5ItIsTheReferencesWithoutTextEncoder3) {
  const auto prompts =
      nlohmann::json::parse(fixture_.Text("prompts")).get<std::vector<std::string>>();
  const TextEmbedding embedding = Embed({prompts[0]}, /*with_t5=*/false);
  EXPECT_LT(RelativeError(embedding.context, fixture_.Get("out.context_without_t5")), 1e-4);
  EXPECT_LT(RelativeError(embedding.pooled, fixture_.Get("out.pooled.0")), 1e-4);
}

TEST_F(TextEmbeddingTest, BfloatWeightsGiveNearlyTheSame) {
  const PromptTokenizer tokenizer(folder_.path(), /*with_t5=*/true);
  const PromptTokens tokens = tokenizer.Encode({"An image of a polyp"});
  const TextEmbedding wide = EmbedPrompts(folder_.path(), tokens, kJointWidth, at::kFloat);
  const TextEmbedding half = EmbedPrompts(folder_.path(), tokens, kJointWidth, at::kBFloat16);
  EXPECT_EQ(half.context.scalar_type(), at::kBFloat16);
  EXPECT_LT(RelativeError(half.context.to(at::kFloat), wide.context), 0.05);
  EXPECT_GT(RelativeError(half.context.to(at::kFloat), wide.context), 0);
}

TEST_F(TextEmbeddingTest, TheIndexSaysWhichComponentsThereAre) {
  EXPECT_TRUE(Sd35ModelIndex(folder_.path()).Has("text_encoder_3"));
  const std::filesystem::path file = folder_.path() / "model_index.json";
  const nlohmann::json index = nlohmann::json::parse(fixture_.Text("model_index"));
  const nlohmann::json none = {nullptr, nullptr};
  const auto error_of = [&](const nlohmann::json& changes) -> std::string {
    nlohmann::json changed = index;
    changed.update(changes);
    WriteFile(file, changed.dump());
    try {
      const Sd35ModelIndex read(folder_.path());
      EXPECT_FALSE(read.Has("text_encoder_3"));
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of({{"text_encoder_3", none}, {"tokenizer_3", none}}), "");
  EXPECT_THAT(error_of({{"text_encoder_3", none}}),
              AllOf(HasSubstr(file.string()), HasSubstr("'tokenizer_3'")));
  EXPECT_THAT(error_of({{"vae", none}}), HasSubstr("'vae'"));
  EXPECT_THAT(error_of({{"vae", {"diffusers", "AutoencoderTiny"}}}), HasSubstr("AutoencoderTiny"));
  EXPECT_THAT(error_of({{"unet", {"diffusers", "UNet2DModel"}}}), HasSubstr("'unet'"));
  EXPECT_THAT(error_of({{"image_encoder", {"transformers", "SiglipVisionModel"}}}),
              HasSubstr("'image_encoder'"));
  std::filesystem::remove_all(folder_.path() / "text_encoder_3");
  EXPECT_THAT(error_of(nlohmann::json::object()), HasSubstr("text_encoder_3"));
}

}  // namespace
}  // namespace alignflow
