#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/worker/models/tiny_sd35.h"
#include "tests/worker/tasks/task_fixture.h"
#include "worker/models/safetensors.h"
#include "worker/pairs/mask_list.h"
#include "worker/pairs/pair_list.h"
#include "worker/stores/pretrained_model.h"

namespace alignflow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The tasks on a small random SD 3.5 in a folder.
class PretrainedTest : public TaskFixture {
 protected:
  PretrainedTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 4, true)),
        references_(PutPhantoms(PhantomDomain::kTargetA, 3, false)) {
    PutTinySd35(models() / "tiny");
  }

  std::filesystem::path models() const { return folder_ / "models"; }

  TaskSpec PretrainedSpec(const std::string& kind, std::map<std::string, std::string> inputs,
                          const SettingMap& given = {}) {
    SettingMap settings{{"weights", "tiny"},       {"size", "64"},
                        {"fit.iterations", "3"},   {"fit.batch", "2"},
                        {"fit.accumulate", "2"},   {"align.iterations", "2"},
                        {"align.batch", "2"},      {"align.pool", "4"},
                        {"align.weight", "0.001"}, {"generate.steps", "2"},
                        {"figures.samples", "16"}, {"seed", "5"},
                        {"masks.iterations", "3"}, {"masks.batch", "2"},
                        {"masks.candidates", "1"}, {"gates.enabled", "off"},
                        {"framing", "source"}};
    for (const auto& [name, value] : given) settings[name] = value;
    const auto resolved = ResolveSettings("sd3.5-medium", settings);
    EXPECT_TRUE(resolved.ok()) << resolved.status();
    TaskSpec spec{.kind = kind,
                  .settings = SettingsOfKind(kind, "sd3.5-medium", *resolved),
                  .inputs = std::move(inputs)};
    spec.settings["pictures"] = "view";
    if (kind == "generate" || kind == "masks") {
      spec.settings.insert({{"first_pair", "1"}, {"last_pair", "2"}});
    }
    return WithPrepared(spec);
  }

  absl::StatusOr<TaskOutputs> Try(const TaskSpec& spec) {
    context_ = NewContext();
    context_->models = models();
    return RunTask(spec, *context_);
  }
  std::string Output(const TaskSpec& spec, const std::string& role) {
    const auto outputs = Try(spec);
    EXPECT_TRUE(outputs.ok()) << spec.kind << ": " << outputs.status();
    return outputs.ok() ? outputs->at(role) : "";
  }
  std::string Fitted() { return Output(PretrainedSpec("fit", {{"source", source_}}), "model"); }

  // A task that is cancelled after its first step goes on to the bytes that it makes in one go.
  void ExpectTheSameAfterACancel(const TaskSpec& spec) {
    const std::string whole = Output(spec, "model");
    const auto stopped = NewContext();
    stopped->models = models();
    stopped->cancel_at = 1;
    EXPECT_EQ(RunTask(spec, *stopped).status().code(), absl::StatusCode::kCancelled);
    ASSERT_TRUE(stopped->checkpoint);
    const auto resumed = NewContext();
    resumed->models = models();
    resumed->checkpoint = stopped->checkpoint;
    const auto outputs = RunTask(spec, *resumed);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_EQ(outputs->at("model"), whole);
    EXPECT_EQ(resumed->reports.front().step, 2);
  }

  // Of a fit, which must fail before its first step.
  std::string ErrorOfFit() {
    const auto outputs = Try(PretrainedSpec("fit", {{"source", source_}}));
    EXPECT_EQ(outputs.status().code(), absl::StatusCode::kFailedPrecondition) << outputs.status();
    for (const TaskProgress& report : context_->reports) EXPECT_EQ(report.step, 0);
    const std::string message(outputs.status().message());
    EXPECT_THAT(message, Not(HasSubstr(folder_.string())));
    return message;
  }

  std::string source_;
  std::string references_;
  std::unique_ptr<FakeContext> context_;
};

TEST_F(PretrainedTest, TheTasksOfAJobMakePairsAndFigures) {
  const std::string stage1 = Fitted();
  const std::map<std::string, std::string> on_stage1{{"source", source_}, {"model", stage1}};
  const std::string pool = Output(PretrainedSpec("rollout", on_stage1), "pool");
  EXPECT_TRUE(SafetensorsFile(blobs_->PathOf(pool)).Has("masks"));
  auto inputs = on_stage1;
  inputs.insert({{"references", references_}, {"pool", pool}});
  const std::string stage2 = Output(PretrainedSpec("align", inputs), "model");
  EXPECT_THAT(context_->reports.back().note, HasSubstr("reward features: DINOv3"));
  EXPECT_NE(stage1, stage2);
  const std::string compare = Output(PretrainedSpec("generate", on_stage1), "pairs");
  const std::string generated = Output(
      PretrainedSpec("generate", {{"source", source_}, {"model", stage2}, {"stage1", stage1}}),
      "pairs");
  const std::vector<PairLine> first = ParsePairLines(blobs_->Read(compare));
  const std::vector<PairLine> second = ParsePairLines(blobs_->Read(generated));
  ASSERT_EQ(first.size(), 2u);
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(first[0].mask, second[0].mask);
  const cv::Mat image = *DecodeImage(blobs_->Read(second[0].image), "pair");
  EXPECT_EQ(image.cols, 64);
  const auto record =
      nlohmann::json::parse(blobs_->Read(generated).substr(0, blobs_->Read(generated).find('\n')))
          .at("record");
  EXPECT_EQ(record.at("weights"), "tiny");
  EXPECT_EQ(record.at("prompt"), "An image from a medical examination");
  const std::string figures = Output(PretrainedSpec("figures", {{"source", source_},
                                                                {"references", references_},
                                                                {"stage1/000001", compare},
                                                                {"stage2/000001", generated}}),
                                     "figures");
  std::set<std::string> names;
  for (const auto& figure : nlohmann::json::parse(blobs_->Read(figures))) {
    names.insert(figure.at("name"));
  }
  EXPECT_TRUE(names.contains("mean pairwise distance"));
}

TEST_F(PretrainedTest, AModelIsTheControlNetAloneAndItsBaseTheFolders) {
  const SafetensorsFile model(blobs_->PathOf(Fitted()));
  EXPECT_TRUE(model.Has("controlnet_blocks.0.weight"));
  for (const std::string& name : model.Names()) EXPECT_FALSE(name.starts_with("norm_out")) << name;
  EXPECT_EQ(model.metadata().at("labels"), "polyp=255,background=0");
  EXPECT_EQ(model.metadata().at("stage"), "1");
  EXPECT_EQ(model.metadata().at("alignflow.base").size(), 16u);
}

TEST_F(PretrainedTest, FitResumedAfterACancelGivesTheSameBytes) {
  ExpectTheSameAfterACancel(PretrainedSpec("fit", {{"source", source_}}));
}

TEST_F(PretrainedTest, FitMasksResumedAfterACancelGivesTheSameBytes) {
  for (const char* rank : {"0", "2"}) {
    ExpectTheSameAfterACancel(
        PretrainedSpec("fit-masks", {{"source", source_}}, {{"masks.adapter_rank", rank}}));
  }
}

TEST_F(PretrainedTest, PairsOfNewMasksComeFromTheWholeModelAndFromAdapters) {
  const DatasetManifest manifest = *ParseManifest(blobs_->Read(source_));
  const std::string stage1 = Fitted();
  for (const char* rank : {"0", "2"}) {
    const SettingMap given{{"masks.adapter_rank", rank}, {"masks.kind", "synthetic"}};
    const TaskSpec fit = PretrainedSpec("fit-masks", {{"source", source_}}, given);
    const std::string model = Output(fit, "model"), rules = Output(fit, "rules");
    const SafetensorsFile file(blobs_->PathOf(model));
    EXPECT_EQ(file.Has("proj_out.weight"), std::string(rank) == "0");
    EXPECT_EQ(file.metadata().at("labels"), "polyp=255,background=0");
    const std::string masks = Output(
        PretrainedSpec("masks", {{"source", source_}, {"model", model}, {"rules", rules}}, given),
        "masks");
    const auto context = NewContext();
    const MaskList list = LoadMasks(*context, masks, manifest.labels);
    for (int64_t pair = 1; pair <= 2; ++pair) {
      ASSERT_NE(list.Find(pair), nullptr);
      EXPECT_GT(list.Find(pair)->classes.sum().item<int64_t>(), 0);
    }
    const std::string generated =
        Output(PretrainedSpec("generate",
                              {{"source", source_}, {"model", stage1}, {"masks", masks}}, given),
               "pairs");
    const auto line = nlohmann::json::parse(
        blobs_->Read(generated).substr(0, blobs_->Read(generated).find('\n')));
    EXPECT_EQ(line.at("record").at("mask_kind"), "synthetic");
  }
}

TEST_F(PretrainedTest, AModelOfImagesMakesNoMasks) {
  const auto outputs = Try(PretrainedSpec(
      "masks", {{"source", source_},
                {"model", Fitted()},
                {"rules", Output(PretrainedSpec("fit-masks", {{"source", source_}}), "rules")}}));
  EXPECT_THAT(std::string(outputs.status().message()), HasSubstr("not an AlignFlow mask model"));
}

TEST_F(PretrainedTest, WithoutDinoV3TheRewardIsTheFilterBankAndSaysSo) {
  std::filesystem::remove_all(models() / "tiny" / "dinov3");
  const TaskSpec align = PretrainedSpec(
      "align", {{"source", source_}, {"model", Fitted()}, {"references", references_}},
      {{"align.rollout", "fresh"}, {"align.iterations", "1"}});
  Output(align, "model");
  EXPECT_THAT(context_->reports.back().note, HasSubstr("filter bank"));
}

TEST_F(PretrainedTest, MissingWeightsAreNamedBelowTheModelsFolderWithTheRemedy) {
  std::filesystem::remove(models() / "tiny" / "text_encoder_2" / "model.safetensors");
  EXPECT_THAT(ErrorOfFit(), AllOf(HasSubstr("tiny/text_encoder_2"), HasSubstr("docs/sd35.md")));
  std::filesystem::remove_all(models() / "tiny" / "transformer");
  EXPECT_THAT(ErrorOfFit(), HasSubstr("tiny/transformer"));
  std::filesystem::remove_all(models() / "tiny");
  EXPECT_THAT(ErrorOfFit(), AllOf(HasSubstr("'tiny'"), HasSubstr("--models-dir")));
  const auto context = NewContext();
  const auto outputs = RunTask(PretrainedSpec("fit", {{"source", source_}}), *context);
  EXPECT_THAT(std::string(outputs.status().message()), HasSubstr("--models-dir DIR"));
}

TEST_F(PretrainedTest, AFolderOutsideTheModelsFolderIsNeverOpened) {
  TaskSpec spec = PretrainedSpec("fit", {{"source", source_}});
  for (const char* name : {"..", "../models/tiny", "/etc", ""}) {
    spec.settings["weights"] = name;
    EXPECT_EQ(Try(spec).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST_F(PretrainedTest, AJobThatCannotFitIsRefusedBeforeItStarts) {
  // Terabytes of decoded images: more than any machine has.
  const auto outputs = Try(PretrainedSpec(
      "align",
      {{"source", source_}, {"model", blobs_->Put("not looked at")}, {"references", references_}},
      {{"size", "2048"}, {"align.batch", "1024"}, {"align.rollout", "fresh"}}));
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kResourceExhausted) << outputs.status();
  EXPECT_THAT(std::string(outputs.status().message()),
              AllOf(HasSubstr("GiB"), HasSubstr("activations"), HasSubstr("align.batch")));
}

TEST(CheckMemoryTest, TheNumberAndTheRemedyAreSaid) {
  const int64_t gib = int64_t{1} << 30;
  const MemoryEstimate needed{.parts = {{"transformer", 5 * gib}, {"optimiser", 15 * gib}}};
  EXPECT_TRUE(CheckMemory(needed, 20 * gib, "fit").ok());
  EXPECT_TRUE(CheckMemory(needed, -1, "fit").ok()) << "nobody knows";
  const absl::Status refused = CheckMemory(needed, 12 * gib, "fit");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("20.0 GiB: transformer 5.0, optimiser 15.0"), HasSubstr("12.0 GiB"),
                    HasSubstr("fit.batch"), HasSubstr("fit.accumulate")));
  EXPECT_THAT(std::string(CheckMemory(needed, 12 * gib, "fit-masks").message()),
              AllOf(HasSubstr("masks.batch"), HasSubstr("masks.adapter_rank")));
}

TEST_F(PretrainedTest, TheStyleHeadOfTheSmallPresetsIsRefused) {
  TaskSpec spec = PretrainedSpec(
      "align", {{"source", source_}, {"model", Fitted()}, {"references", references_}},
      {{"align.rollout", "fresh"}});
  spec.settings["align.tune"] = "style";
  const auto outputs = Try(spec);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outputs.status().message()), HasSubstr("give control"));
}

}  // namespace
}  // namespace alignflow
