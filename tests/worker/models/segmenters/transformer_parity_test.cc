// SegFormer and DPT against transformers' own outputs and gradients
// (tests/reference/make_segmenter_fixtures.py).
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include "tests/worker/models/reference_fixture.h"
#include "worker/models/segmenters/dpt.h"
#include "worker/models/segmenters/segformer.h"
#include "worker/models/segmenters/segmenter.h"

namespace alignflow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kClasses = 3;

std::shared_ptr<SegFormer> NewNet(HfConfig& config, const SegFormer*) {
  return std::make_shared<SegFormer>(ParseSegFormer(config), kClasses);
}
std::shared_ptr<Dpt> NewNet(HfConfig& config, const Dpt*) {
  return std::make_shared<Dpt>(ParseDpt(config), kClasses);
}

template <typename Net>
void ExpectTheReference(const std::string& name) {
  const ReferenceFixture fixture("segmenters/" + name);
  HfConfig config = fixture.Config("model");
  const std::shared_ptr<Net> net = NewNet(config, static_cast<const Net*>(nullptr));
  fixture.Load("model", *net);
  net->eval();
  const at::Tensor pixels = fixture.Get("pixels").requires_grad_();
  const at::Tensor logits = net->Forward(pixels);
  EXPECT_LT(RelativeError(logits.detach(), fixture.Get("logits")), 1e-4);
  (logits * fixture.Get("probe")).sum().backward();
  EXPECT_LT(RelativeError(pixels.grad(), fixture.Get("grad.pixels")), 1e-3);
  net->train();
  const at::Tensor training = net->Forward(pixels.detach()).detach();
  EXPECT_LT(RelativeError(training, fixture.Get("training.logits")), 1e-4);
}

class SegFormerParityTest : public ::testing::TestWithParam<const char*> {};
TEST_P(SegFormerParityTest, LogitsAndGradientsAreTheReferences) {
  ExpectTheReference<SegFormer>(GetParam());
}
INSTANTIATE_TEST_SUITE_P(Reference, SegFormerParityTest,
                         ::testing::Values("segformer_plain", "segformer_odd"),
                         [](const auto& info) { return info.param; });

class DptParityTest : public ::testing::TestWithParam<const char*> {};
TEST_P(DptParityTest, LogitsAndGradientsAreTheReferences) { ExpectTheReference<Dpt>(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Reference, DptParityTest,
                         ::testing::Values("dpt_plain", "dpt_ignore", "dpt_add"),
                         [](const auto& info) { return info.param; });

// Counted by transformers, with three classes and without DPT's auxiliary head.
TEST(SegFormerTest, ThePublishedSizesHaveTheReferencesParameters) {
  const std::map<std::string, std::pair<int64_t, size_t>> expected{
      {"b0", {3714915, 208}},  {"b1", {13678019, 208}}, {"b2", {27348931, 380}},
      {"b3", {47224771, 644}}, {"b4", {63995331, 930}}, {"b5", {84595651, 1172}}};
  for (const auto& [size, counts] : expected) {
    const NamesAndShapes ours = NamesOf(SegFormer(MiTConfig(size), kClasses, at::kMeta));
    EXPECT_EQ(ours.parameters, counts.first) << size;
    EXPECT_EQ(ours.shapes.size(), counts.second) << size;
  }
  EXPECT_THROW(MiTConfig("b6"), std::invalid_argument);
}

TEST(DptTest, TheBaseSizeHasTheReferencesParameters) {
  const NamesAndShapes ours = NamesOf(Dpt(DptConfig{}, kClasses, at::kMeta));
  EXPECT_EQ(ours.parameters, 111137219);
  EXPECT_EQ(ours.shapes.size(), 272u);
}

TEST(SegmenterConfigTest, FieldsThatCannotBeHonouredAreRefusedByName) {
  const auto error_of = [](auto* parse, const std::string& text) -> std::string {
    try {
      HfConfig config = HfConfig::FromText(text, "config.json");
      parse(config);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of(ParseSegFormer, "{}"), "");
  EXPECT_THAT(error_of(ParseSegFormer, R"({"hidden_act": "relu"})"), HasSubstr("'hidden_act'"));
  EXPECT_THAT(error_of(ParseSegFormer, R"({"depths": [1, 2]})"), HasSubstr("'depths'"));
  EXPECT_THAT(error_of(ParseSegFormer, R"({"wavelets": 2})"), HasSubstr("'wavelets'"));
  EXPECT_EQ(error_of(ParseDpt, "{}"), "");
  EXPECT_THAT(error_of(ParseDpt, R"({"is_hybrid": true})"), HasSubstr("'is_hybrid'"));
  EXPECT_THAT(error_of(ParseDpt, R"({"backbone_out_indices": [2, 5, 5, 11]})"),
              HasSubstr("'backbone_out_indices'"));
}

// Parameters alone survive an interrupted training: what evaluation needs beside them is taken from
// the training images afterwards.
TEST(BatchNormTest, SettledStatisticsAreThoseOfTheBatchesThatPassed) {
  at::manual_seed(1);
  BatchNorm norm(4);
  const at::Tensor x = at::randn({8, 4, 6, 6}) * 3 + 2;
  norm.train();
  const at::Tensor trained = norm.Forward(x);
  norm.eval();
  EXPECT_GT(RelativeError(norm.Forward(x).detach(), trained.detach()), 0.2) << "not settled yet";
  norm.StartSettling();
  for (int i = 0; i < 3; ++i) norm.Forward(x);
  norm.FinishSettling();
  EXPECT_LT(RelativeError(norm.Forward(x).detach(), trained.detach()), 0.01);
}

class EncoderFolderTest : public ::testing::Test {
 protected:
  EncoderFolderTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "alignflow-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~EncoderFolderTest() override { std::filesystem::remove_all(folder_); }

  // A fixture's model as a folder of transformers.
  ReferenceFixture Put(const std::string& name) {
    ReferenceFixture fixture("segmenters/" + name);
    std::ofstream(folder_ / "config.json") << fixture.Text("model");
    WriteSafetensors(folder_ / "model.safetensors", fixture.All("model"), {});
    return fixture;
  }

  std::filesystem::path folder_;
};

TEST_F(EncoderFolderTest, TheEncoderIsReadAndTheHeadIsNew) {
  const ReferenceFixture fixture = Put("dpt_plain");
  const NewSegmenter made = MakeSegmenter("dpt", /*classes=*/5, 32, 1, at::kCPU, folder_);
  EXPECT_TRUE(made.pretrained);
  const auto state = StateOf(*made.model);
  const std::string encoder = "dpt.encoder.layer.3.intermediate.dense.weight";
  EXPECT_TRUE(state.at("net." + encoder).equal(fixture.Get("model." + encoder).to(at::kFloat)));
  EXPECT_EQ(state.at("net.head.head.4.weight").size(0), 5) << "the task's classes, not the file's";
  made.model->eval();
  const at::NoGradGuard no_grad;
  EXPECT_EQ(made.model->Logits(at::zeros({1, 3, 48, 48})).sizes(), at::IntArrayRef({1, 5, 48, 48}));
}

TEST_F(EncoderFolderTest, WithoutAFolderEverythingIsDrawnFromTheSeed) {
  const auto first = MakeSegmenter("segformer-b0", 2, 64, 3, at::kCPU, folder_ / "none");
  EXPECT_FALSE(first.pretrained);
  const auto again = MakeSegmenter("segformer-b0", 2, 64, 3, at::kCPU);
  for (const auto& [name, tensor] : StateOf(*first.model)) {
    EXPECT_TRUE(tensor.equal(StateOf(*again.model).at(name))) << name;
    EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << name;
  }
  const at::NoGradGuard no_grad;
  first.model->eval();
  EXPECT_EQ(first.model->Logits(at::zeros({1, 3, 64, 64})).sizes(),
            at::IntArrayRef({1, 2, 64, 64}));
}

TEST_F(EncoderFolderTest, AnotherSizesEncoderIsRefused) {
  Put("segformer_plain");
  try {
    MakeSegmenter("segformer-b0", 2, 64, 3, at::kCPU, folder_);
    FAIL() << "the fixture is no MiT-b0";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("config.json"), HasSubstr("MiT-b0")));
  }
}

}  // namespace
}  // namespace alignflow
