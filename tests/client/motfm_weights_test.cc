#include "client/motfm_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/data/motfm_config.h"
#include "common/data/safetensors_header.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_coordinator.h"
#include "tests/common/temp_folder.h"
#include "tests/server/fake_results.h"

namespace alignflow {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr char kConfig[] =
    "model_args:\n  spatial_dims: 2\n  mask_conditioning: True\n  with_conditioning: false\n"
    "data_args:\n  pickle_path: ./secret/data.pkl\n  image_norm: {mode: auto, range: [-1, 1]}\n"
    "solver_args:\n  method: midpoint\n  step_size: 0.05\n  time_points: 10\n";

class MotfmWeightsTest : public testing::Test {
 protected:
  std::filesystem::path Config(const std::string& text = kConfig) {
    WriteFile(folder_.path() / "config.yaml", text);
    return folder_.path() / "config.yaml";
  }
  std::filesystem::path Weights(const std::vector<std::string>& names) {
    std::map<std::string, FakeTensor> tensors;
    for (const std::string& name : names) tensors[name] = {"F32", {2}};
    WriteFile(folder_.path() / "w.safetensors", FakeSafetensors(tensors, {{"format", "pt"}}));
    return folder_.path() / "w.safetensors";
  }
  std::string RefusedConfig(const std::string& text, std::optional<int> of_class = {}) {
    const absl::Status status = ReadMotfmConfig(Config(text), of_class).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  }
  std::string RefusedWeights(const std::filesystem::path& weights) {
    const absl::Status status = WriteMotfmWeights(weights, "{}", folder_.path() / "sent");
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "sent"));
    return std::string(status.message());
  }

  TempFolder folder_;
};

TEST_F(MotfmWeightsTest, AConfigurationIsReadAndNoPathOfItIsTold) {
  const auto config = ReadMotfmConfig(Config(), std::nullopt);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->preset, "motfm");
  EXPECT_EQ(config->settings, (std::map<std::string, std::string>{{"generate.solver", "midpoint"},
                                                                  {"generate.steps", "20"}}));
  const json document = json::parse(config->document);
  EXPECT_EQ(document.at("model_args").at("mask_conditioning"), true);
  EXPECT_EQ(document.at("data_args"),
            json::parse(R"({"image_norm":{"mode":"auto","range":[-1,1]}})"));
  EXPECT_FALSE(document.contains("class"));
}

TEST_F(MotfmWeightsTest, VolumesAndClassesHaveTheirPlace) {
  const auto config = ReadMotfmConfig(
      Config("model_args: {spatial_dims: 3, mask_conditioning: true, with_conditioning: true, "
             "cross_attention_dim: 4}\n"),
      3);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->preset, "motfm-3d");
  EXPECT_EQ(json::parse(config->document).at("class"), 3);
  EXPECT_EQ(config->settings.at("generate.solver"), "midpoint") << "MOTFM's own default";
  EXPECT_EQ(config->settings.at("generate.steps"), "10");
}

TEST_F(MotfmWeightsTest, WhatMakesNoPairsIsRefusedWithFileFieldAndRemedy) {
  EXPECT_THAT(RefusedConfig("train_args: {}\n"), HasSubstr("config.yaml: has no model_args"));
  EXPECT_THAT(RefusedConfig("model_args: {mask_conditioning: False}\n"),
              AllOf(HasSubstr("config.yaml: model_args.mask_conditioning"), HasSubstr("no pairs")));
  const std::string masks =
      "model_args: {mask_conditioning: true, with_conditioning: true, "
      "cross_attention_dim: 4}\n";
  EXPECT_THAT(RefusedConfig(masks), AllOf(HasSubstr("4 classes"), HasSubstr("--class")));
  EXPECT_THAT(RefusedConfig(masks, 4), HasSubstr("--class is 4"));
  EXPECT_THAT(RefusedConfig(kConfig, 0), HasSubstr("--class: model_args.with_conditioning"));
  const std::string plain = "model_args: {mask_conditioning: true}\nsolver_args: ";
  EXPECT_THAT(RefusedConfig(plain + "{method: dopri8}\n"), HasSubstr("solver_args.method"));
  EXPECT_THAT(RefusedConfig(plain + "{method: euler, step_size: 0.3}\n"),
              HasSubstr("solver_args.step_size"));
  EXPECT_THAT(RefusedConfig("model_args: [\n"), HasSubstr("config.yaml:"));
  EXPECT_TRUE(absl::IsNotFound(ReadMotfmConfig(folder_.path() / "none", {}).status()));
}

TEST_F(MotfmWeightsTest, TheCopyHasTheSameTensorsAndTheConfiguration) {
  const auto weights = Weights({"model.unet.a", "model.controlnet.b"});
  const std::filesystem::path sent = folder_.path() / "sent";
  ASSERT_EQ(WriteMotfmWeights(weights, R"({"model_args":{}})", sent), absl::OkStatus());
  const auto header = [](const std::string& bytes) {
    const int64_t size = static_cast<int64_t>(bytes.size());
    const int64_t length = SafetensorsHeaderLength(bytes, size).value();
    return ParseSafetensorsHeader(bytes.substr(8, length), size - 8 - length).value();
  };
  const std::string before = ReadFile(weights), after = ReadFile(sent);
  EXPECT_EQ(header(after).tensors, header(before).tensors);
  EXPECT_EQ(header(after).metadata,
            (std::map<std::string, std::string>{{kMotfmConfig, R"({"model_args":{}})"}}));
  EXPECT_TRUE(after.ends_with(before.substr(before.size() - 16))) << "the tensors' bytes";
}

TEST_F(MotfmWeightsTest, WhatIsNoStateOfSuchAModelIsRefused) {
  EXPECT_THAT(RefusedWeights(Weights({"unet.a", "optimizer.b"})), HasSubstr("'optimizer.b'"));
  EXPECT_THAT(RefusedWeights(Weights({"unet.a"})), HasSubstr("ControlNet"));
  WriteFile(folder_.path() / "w.safetensors", "PK zip of a checkpoint");
  EXPECT_THAT(RefusedWeights(folder_.path() / "w.safetensors"),
              AllOf(HasSubstr("w.safetensors"), HasSubstr("no safetensors file")));
  EXPECT_THAT(RefusedWeights(folder_.path() / "none"), HasSubstr("cannot be read"));
}

TEST_F(MotfmWeightsTest, ImportSendsTheFileAndAsksForAModelOfIt) {
  FakeCoordinator coordinator;
  const auto weights = Weights({"unet.a", "controlnet.b"});
  const auto outcome =
      coordinator.Run({"model", "import", "--motfm", Config().string(), weights.string(),
                       "--source", "src", "--size", "128", "--name", "theirs", "--json"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  const v1::AlignSpec& spec = coordinator.jobs.created.spec();
  EXPECT_EQ(spec.kind(), v1::JOB_KIND_FIT);
  EXPECT_EQ(spec.source(), "datasets/src");
  EXPECT_EQ(spec.preset(), "motfm");
  EXPECT_THAT(spec.model(), testing::StartsWith("blobs/"));
  EXPECT_EQ(spec.settings().at("size"), "128");
  EXPECT_EQ(spec.settings().at("generate.steps"), "20");
  EXPECT_EQ(coordinator.jobs.created.display_name(), "theirs");

  const auto odd = coordinator.Run({"model", "import", "--motfm", Config().string(),
                                    weights.string(), "--source", "src", "--size", "100"});
  EXPECT_EQ(odd.exit, kExitFailure);
  EXPECT_THAT(odd.err, HasSubstr("multiple of 16"));
}

}  // namespace
}  // namespace alignflow
