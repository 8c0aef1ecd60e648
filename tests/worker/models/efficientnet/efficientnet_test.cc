// EfficientNet-Lite against the published package's own outputs and gradients
// (tests/reference/make_efficientnet_fixtures.py).
#include "worker/models/efficientnet/efficientnet.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/worker/models/reference_fixture.h"

namespace alignflow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

EfficientNetConfig ConfigOf(const ReferenceFixture& fixture) {
  EfficientNetConfig config{.stem = std::stol(fixture.Text("stem")),
                            .head = std::stol(fixture.Text("head")),
                            .classes = std::stol(fixture.Text("classes"))};
  for (const auto& row : nlohmann::json::parse(fixture.Text("stages"))) {
    config.stages.push_back({row[0], row[1], row[2], row[3], row[4]});
  }
  return config;
}

class EfficientNetParityTest : public ::testing::TestWithParam<const char*> {
 protected:
  EfficientNetParityTest()
      : fixture_(std::string("efficientnet/") + GetParam()), net_(ConfigOf(fixture_)) {
    fixture_.Load("model", net_);
  }

  // Every output and, as the reference did, the gradients of all of them times their probes.
  void ExpectTheReference(const std::string& mode, bool weights) {
    const at::Tensor pixels = fixture_.Get("pixels").requires_grad_();
    const std::vector<at::Tensor> levels = net_.Levels(pixels);
    const at::Tensor pooled = net_.Pooled(levels.back());
    const at::Tensor logits = net_.Classify(pooled);
    at::Tensor total = (logits * fixture_.Get("probe.logits")).sum();
    for (size_t i = 0; i < levels.size(); ++i) {
      const std::string level = ".level." + std::to_string(i);
      EXPECT_LT(RelativeError(levels[i].detach(), fixture_.Get(mode + level)), 1e-4) << level;
      total = total + (levels[i] * fixture_.Get("probe" + level)).sum();
    }
    EXPECT_EQ(levels.size(), net_.config().LevelChannels().size());
    EXPECT_LT(RelativeError(pooled.detach(), fixture_.Get(mode + ".pooled")), 1e-4);
    EXPECT_LT(RelativeError(logits.detach(), fixture_.Get(mode + ".logits")), 1e-4);
    total.backward();
    EXPECT_LT(RelativeError(pixels.grad(), fixture_.Get(mode + ".grad.pixels")), 1e-4);
    if (!weights) return;
    const std::map<std::string, at::Tensor> state = StateOf(net_);
    const auto watched = fixture_.All(mode + ".grad.weight");
    EXPECT_GE(watched.size(), 9u);
    for (const auto& [name, gradient] : watched) {
      EXPECT_LT(RelativeError(state.at(name).grad(), gradient), 1e-4) << name;
    }
  }

  ReferenceFixture fixture_;
  EfficientNet net_;
};

TEST_P(EfficientNetParityTest, InEvaluationOutputsAndGradientsAreTheReferences) {
  net_.eval();
  ExpectTheReference("frozen", /*weights=*/true);
}

TEST_P(EfficientNetParityTest, ByTheBatchsOwnStatisticsTheyAreTheReferences) {
  net_.train();
  ExpectTheReference("training", /*weights=*/true);
}

TEST_P(EfficientNetParityTest, WithBatchNormsFoldedInNothingChangesButThatWeightsHaveNoGradient) {
  net_.Freeze();
  ExpectTheReference("frozen", /*weights=*/false);
  for (const at::Tensor& parameter : net_.parameters()) EXPECT_FALSE(parameter.requires_grad());
}

INSTANTIATE_TEST_SUITE_P(Reference, EfficientNetParityTest, ::testing::Values("plain", "odd"),
                         [](const auto& info) { return info.param; });

TEST(EfficientNetTest, ThePublishedSizesHaveTheReferencesNamesAndShapes) {
  for (const char* size : {"lite0", "lite2", "lite4"}) {
    const NamesAndShapes expected = ReferenceNames(std::string("efficientnet/") + size + ".names");
    NamesAndShapes ours = NamesOf(EfficientNet(EfficientNetLite(size)));
    // Batches that batch norms counted are not in the list.
    std::erase_if(ours.shapes, [](const auto& tensor) { return tensor.second.empty(); });
    EXPECT_EQ(ours.shapes, expected.shapes) << size;
    EXPECT_EQ(ours.parameters, expected.parameters) << size;
  }
  EXPECT_THROW(EfficientNetLite("lite5"), std::invalid_argument);
  EXPECT_THROW(EfficientNetLite("b0"), std::invalid_argument);
}

TEST(EfficientNetTest, Lite0HasLevelsAtFiveResolutions) {
  EXPECT_EQ(EfficientNetLite("lite0").LevelChannels(),
            (std::vector<int64_t>{16, 24, 40, 112, 320}));
  EXPECT_EQ(EfficientNetLite("lite2").LevelChannels(),
            (std::vector<int64_t>{16, 24, 48, 120, 352}));
}

TEST(EfficientNetTest, BytesArePutOnTheScaleOfThePublishedWeights) {
  const at::Tensor bytes = at::tensor({0.0, 127.0, 255.0}).view({1, 3, 1, 1});
  const at::Tensor pixels = EfficientNet::Pixels(bytes / 127.5 - 1);
  EXPECT_TRUE(at::allclose(pixels, (bytes - 127) / 128, 0, 1e-6));
}

TEST(EfficientNetTest, AFileOfAnotherSizeIsRefusedNamingTheTensor) {
  std::string pattern = (std::filesystem::temp_directory_path() / "alignflow-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(pattern.data());
  EfficientNetConfig config = EfficientNetLite("lite0");
  config.classes = 0;
  WriteSafetensors(folder / "lite0.safetensors", StateOf(EfficientNet(config)), {});
  EfficientNetConfig levels = config;
  levels.head = 0;
  LoadEfficientNet(folder / "lite0.safetensors", EfficientNet(levels));  // a part is enough
  EfficientNetConfig other = EfficientNetLite("lite2");
  other.classes = 0;
  try {
    LoadEfficientNet(folder / "lite0.safetensors", EfficientNet(other));
    ADD_FAILURE() << "lite0 is not lite2";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("lite0.safetensors"), HasSubstr("_blocks.5._project_conv.weight")));
  }
  std::filesystem::remove_all(folder);
}

// Pictures from formulas, as the reference script draws them: bytes [1,3,S,S].
at::Tensor Picture(const std::string& kind, int64_t side) {
  const at::Tensor place = at::arange(side, at::kFloat) / static_cast<double>(side) - 0.5;
  const at::Tensor x = place.view({1, -1}).expand({side, side});
  const at::Tensor y = place.view({-1, 1}).expand({side, side});
  std::vector<at::Tensor> channels;
  if (kind == "stripes") {
    channels.assign(3, (x * 16).floor().remainder(2) * 255);
  } else if (kind == "disc") {
    const at::Tensor inside = (x * x + y * y).lt(0.16).to(at::kFloat);
    channels = {230 * inside + 20, 120 * inside + 60, 30 * inside + 140};
  } else {
    channels = {(x + 0.5) * 255, (y + 0.5) * 255, 255 * (0.5 - x)};
  }
  return at::stack(channels).unsqueeze(0);
}

// What scripts/setup.sh made of the published checkpoints, against what the published package says
// with them. Strides that are not honoured put every picture into one class.
class PublishedWeightsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(PublishedWeightsTest, ClassesAndFeaturesOfPicturesAreTheReferences) {
  const std::string size = GetParam();
  const std::filesystem::path file = std::filesystem::path(ALIGNFLOW_BIN_DIR) /
                                     "../../third_party/models" /
                                     ("efficientnet-" + size + ".safetensors");
  if (!std::filesystem::exists(file)) {
    GTEST_SKIP() << "no " << file.filename() << ": scripts/setup.sh brings it";
  }
  std::ifstream stream(std::filesystem::path(ALIGNFLOW_TEST_DATA) / "efficientnet/known.json");
  const nlohmann::json known = nlohmann::json::parse(stream);
  EfficientNet net(EfficientNetLite(size));
  LoadEfficientNet(file, net);
  net.Freeze();
  const at::NoGradGuard no_grad;
  std::set<int64_t> classes;
  for (const char* kind : {"stripes", "disc", "ramp"}) {
    const nlohmann::json& expected = known.at(size + " " + kind);
    const at::Tensor image = Picture(kind, net.config().side) / 127.5 - 1;
    const at::Tensor pooled = net.Pooled(net.Levels(EfficientNet::Pixels(image)).back());
    const at::Tensor logits = net.Classify(pooled)[0];
    EXPECT_EQ(logits.argmax().item<int64_t>(), expected.at("class").get<int64_t>()) << kind;
    EXPECT_NEAR(logits.max().item<double>(), expected.at("logit").get<double>(), 1e-2) << kind;
    for (const auto& [channel, value] : expected.at("pooled").items()) {
      EXPECT_NEAR(pooled[0][std::stol(channel)].item<double>(), value.get<double>(), 2e-3) << kind;
    }
    classes.insert(expected.at("class").get<int64_t>());
  }
  EXPECT_GE(classes.size(), 2u) << "the test can fail";
}

INSTANTIATE_TEST_SUITE_P(Lite, PublishedWeightsTest, ::testing::Values("lite0", "lite2"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace alignflow
