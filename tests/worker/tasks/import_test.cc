// Weights that were trained elsewhere, from the uploaded file to pairs.
#include <gmock/gmock.h>

#include <opencv2/core.hpp>

#include "tests/worker/models/motfm_weights.h"
#include "tests/worker/tasks/task_fixture.h"
#include "worker/flow/solver.h"
#include "worker/models/unet/backbone.h"
#include "worker/training/random_stream.h"

namespace alignflow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ImportTest : public TaskFixture {
 protected:
  ImportTest() : source_(PutPhantoms(PhantomDomain::kSource, 3, true)) {}

  TaskSpec Imports(const MotfmFixture& weights) {
    const std::filesystem::path file = folder_ / "weights.safetensors";
    weights.WriteWeights(file);
    return WithPrepared(
        {.kind = "fit",
         .settings = {{"preset", "motfm"}, {"size", "64"}, {"pictures", "whole"}},
         .inputs = {{"source", source_}, {"weights", blobs_->Put(FakeBlobs::ReadFile(file))}}});
  }
  absl::Status Refusal(const MotfmFixture& weights) {
    const auto context = NewContext();
    return RunTask(Imports(weights), *context).status();
  }
  std::vector<std::string> Pairs(const std::string& model, SettingMap given) {
    given.insert({{"size", "64"}, {"gates.enabled", "off"}, {"seed", "5"}});
    TaskSpec spec{
        .kind = "generate",
        .settings = SettingsOfKind("generate", "motfm", ResolveSettings("motfm", given).value()),
        .inputs = {{"source", source_}, {"model", model}}};
    spec.settings.insert({{"pictures", "whole"}, {"first_pair", "1"}, {"last_pair", "2"}});
    return LinesOf(Run(WithPrepared(spec))["pairs"]);
  }

  std::string source_;
};

TEST_F(ImportTest, PairsHaveTheImagesThatTheModelMakesForTheirMasks) {
  const std::string model = Run(Imports(MotfmFixture("mask_conditioning")))["model"];
  const auto lines = Pairs(model, {{"generate.steps", "3"}});
  ASSERT_EQ(lines.size(), 2u);
  const auto line = nlohmann::json::parse(lines[1]);
  const auto& record = line.at("record");
  EXPECT_EQ(record.at("preset"), "motfm");
  EXPECT_EQ(record.at("synthetic"), "generated");
  EXPECT_EQ(record.at("model"), model);

  const cv::Mat mask = *DecodeMask(blobs_->Read(line.at("mask")), "mask");
  const at::Tensor values = at::from_blob(mask.data, {1, 64, 64}, at::kByte);
  const auto net = UNetBackbone::Load(blobs_->PathOf(model));
  const at::NoGradGuard no_grad;
  const at::Tensor noise = at::randn({1, 1, 64, 64}, RandomStream(5, RandomUse::kPairNoise, 1));
  const at::Tensor latent = SolveEuler(
      *net, noise, UniformTimes(3), net->ConditionOn(net->EncodeMasks(values.ne(0).to(at::kByte))));
  // The net's pixels are in [0,1]; grey, so that all three channels are the one.
  const at::Tensor expected = latent[0][0].clamp(0, 1).mul(255);
  const cv::Mat image = *DecodeImage(blobs_->Read(line.at("image")), "image");
  ASSERT_EQ(image.channels(), 3);
  const at::Tensor shown = at::from_blob(image.data, {64, 64, 3}, at::kByte).to(at::kFloat);
  for (int64_t channel = 0; channel < 3; ++channel) {
    EXPECT_LE((shown.select(2, channel) - expected).abs().max().item<double>(), 1.0);
  }
}

TEST_F(ImportTest, AFileThatMakesNoModelFailsForGoodAndSaysWhy) {
  absl::Status refused = Refusal(MotfmFixture("unconditional"));
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("mask_conditioning"));
  MotfmFixture wrong("mask_conditioning");
  wrong.config["model_args"]["num_res_blocks"] = 2;
  refused = Refusal(wrong);
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("weights"), HasSubstr("missing")));
}

}  // namespace
}  // namespace alignflow
