// CLIP and T5 against transformers' own outputs (tests/reference/make_clip_fixtures.py,
// make_t5_fixtures.py).
#include <gmock/gmock.h>

#include "tests/common/temp_folder.h"
#include "tests/worker/models/reference_fixture.h"
#include "tests/worker/models/tiny_sd35.h"
#include "worker/models/sd35/clip_text.h"
#include "worker/models/sd35/t5_encoder.h"
#include "worker/models/sd35/text_embedding.h"

namespace alignflow {
namespace {

using testing::HasSubstr;

class ClipTextParityTest : public testing::TestWithParam<const char*> {};

TEST_P(ClipTextParityTest, OutputsAreTheReferences) {
  const ReferenceFixture fixture(std::string("sd35/clip_") + GetParam());
  HfConfig config = fixture.Config("text_encoder");
  ClipTextModel net(ParseClipTextConfig(config));
  fixture.Load("text_encoder", net);
  const c10::InferenceMode guard;
  const ClipTextModel::Output out = net.Forward(fixture.Get("in.input_ids"));
  EXPECT_LT(
      RelativeError(out.penultimate_hidden_state, fixture.Get("out.penultimate_hidden_state")),
      1e-4);
  EXPECT_LT(RelativeError(out.text_embeds, fixture.Get("out.text_embeds")), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Reference, ClipTextParityTest, testing::Values("quick", "gelu", "short"),
                         [](const auto& info) { return info.param; });

class T5ParityTest : public testing::TestWithParam<const char*> {};

TEST_P(T5ParityTest, LastHiddenStateIsTheReferences) {
  const ReferenceFixture fixture(std::string("sd35/t5_") + GetParam());
  HfConfig config = fixture.Config("text_encoder_3");
  T5Encoder net(ParseT5Config(config));
  fixture.Load("text_encoder_3", net);
  const c10::InferenceMode guard;
  EXPECT_LT(
      RelativeError(net.Forward(fixture.Get("in.input_ids")), fixture.Get("out.last_hidden_state")),
      1e-4);
}

INSTANTIATE_TEST_SUITE_P(Reference, T5ParityTest, testing::Values("gated", "relu", "long"),
                         [](const auto& info) { return info.param; });

TEST(TextEncoderTest, FullSizesHaveTheReferencesNamesAndShapes) {
  const auto check = [](const torch::nn::Module& net, const std::string& file) {
    const NamesAndShapes ours = NamesOf(net);
    const NamesAndShapes reference = ReferenceNames("sd35/" + file + ".names");
    EXPECT_EQ(ours.shapes, reference.shapes) << file;
    EXPECT_EQ(ours.parameters, reference.parameters) << file;
  };
  ClipTextConfig large;
  large.hidden_size = large.projection_dim = 768;
  large.intermediate_size = 3072;
  large.num_attention_heads = 12;
  check(ClipTextModel(large, at::kMeta), "clip_l");
  ClipTextConfig giant;
  giant.hidden_size = giant.projection_dim = 1280;
  giant.intermediate_size = 5120;
  giant.num_attention_heads = 20;
  giant.num_hidden_layers = 32;
  check(ClipTextModel(giant, at::kMeta), "clip_g");
  T5Config xxl;
  xxl.d_model = 4096;
  xxl.d_ff = 10240;
  xxl.num_layers = 24;
  xxl.num_heads = 64;
  xxl.gated_gelu = true;
  check(T5Encoder(xxl, at::kMeta), "t5_xxl");
}

TEST(TextEncoderTest, RefusesIdsOutsideTheVocabularyAndTextsThatAreTooLong) {
  ClipTextConfig config;
  config.vocab_size = 10;
  config.hidden_size = 8;
  config.num_hidden_layers = 1;
  config.max_position_embeddings = 4;
  const ClipTextModel net(config);
  EXPECT_THROW(net.Forward(at::full({1, 3}, 10, at::kLong)), std::invalid_argument);
  EXPECT_THROW(net.Forward(at::full({1, 3}, -1, at::kLong)), std::invalid_argument);
  EXPECT_THROW(net.Forward(at::zeros({1, 5}, at::kLong)), std::invalid_argument);
  EXPECT_THROW(net.Forward(at::zeros({1, 3})), std::invalid_argument);
}

TEST(TextEncoderTest, ConfigErrorsNameTheField) {
  const auto error_of = [](auto parse, const std::string& text) -> std::string {
    try {
      HfConfig config = HfConfig::FromText(text);
      parse(config);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of(ParseClipTextConfig, "{}"), "");
  EXPECT_THAT(error_of(ParseClipTextConfig, R"({"hidden_act": "relu"})"),
              HasSubstr("'hidden_act'"));
  EXPECT_THAT(error_of(ParseClipTextConfig, R"({"num_attention_heads": 7})"),
              HasSubstr("'num_attention_heads'"));
  EXPECT_THAT(error_of(ParseClipTextConfig, R"({"rope_theta": 7})"), HasSubstr("'rope_theta'"));
  EXPECT_EQ(error_of(ParseT5Config, "{}"), "");
  EXPECT_THAT(error_of(ParseT5Config, R"({"feed_forward_proj": "gated-silu"})"),
              HasSubstr("'feed_forward_proj'"));
  EXPECT_THAT(error_of(ParseT5Config, R"({"feed_forward_proj": "relu", "is_gated_act": true})"),
              HasSubstr("'is_gated_act'"));
  EXPECT_THAT(error_of(ParseT5Config, R"({"model_type": "umt5"})"), HasSubstr("'model_type'"));
}

TEST(TextEmbeddingTest, AnAbsentT5IsZerosAsLongAsItsTokens) {
  const ClipTextModel::Output l = {at::ones({2, 3, 4}), at::ones({2, 5})};
  const ClipTextModel::Output g = {at::full({2, 3, 2}, 2.0), at::full({2, 6}, 3.0)};
  const TextEmbedding embedding = JoinTextEmbedding(l, g, {}, 9);
  EXPECT_EQ(embedding.context.sizes(), (std::vector<int64_t>{2, 3 + kT5Tokens, 9}));
  EXPECT_EQ(embedding.context.sum().item<double>(), 2 * 3 * (4 + 2 * 2));
  EXPECT_EQ(embedding.context.narrow(1, 3, kT5Tokens).abs().max().item<double>(), 0);
  EXPECT_EQ(embedding.pooled.sizes(), (std::vector<int64_t>{2, 11}));
}

TEST(TextEmbeddingTest, RefusesEncodersThatDoNotFitTheTransformer) {
  const ClipTextModel::Output clip = {at::ones({1, 3, 4}), at::ones({1, 5})};
  EXPECT_THROW(JoinTextEmbedding(clip, clip, {}, 7), std::invalid_argument);
  EXPECT_THROW(JoinTextEmbedding(clip, clip, at::ones({1, 8, 9}), 10), std::invalid_argument);
}

// On a GPU such an id would read whatever lies behind the table.
TEST(EmbedPromptsTest, IdsBeyondAnEncodersVocabularyAreRefused) {
  const TempFolder temp;
  PutTinySd35(temp.path() / "tiny");
  const auto error_of = [&](int64_t clip_g, int64_t t5) -> std::string {
    try {
      EmbedPrompts(temp.path() / "tiny", {{{0, 1}}, {{0, clip_g}}, {{t5, 1}}}, 16,
                   at::TensorOptions());
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of(773, 269), "");
  EXPECT_THAT(error_of(774, 0), testing::AllOf(HasSubstr("text_encoder_2"), HasSubstr("774")));
  EXPECT_THAT(error_of(0, 270), testing::AllOf(HasSubstr("text_encoder_3"), HasSubstr("270")));
}

}  // namespace
}  // namespace alignflow
