#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/worker/tasks/task_fixture.h"
#include "worker/alignment/stage2/trajectory.h"
#include "worker/models/safetensors.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AlignGuardTest : public TaskFixture {
 protected:
  AlignGuardTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 6, true)),
        references_(PutPhantoms(PhantomDomain::kTargetB, 5, false)),
        model_(Run(Spec("fit", {{"source", source_}}))["model"]),
        pool_(Run(Spec("rollout", {{"source", source_}, {"model", model_}}))["pool"]) {}

  TaskSpec Align(const SettingMap& given) {
    return Spec(
        "align",
        {{"source", source_}, {"model", model_}, {"references", references_}, {"pool", pool_}},
        given);
  }
  nlohmann::json Curve(const TaskOutputs& outputs) {
    return nlohmann::json::parse(blobs_->Read(outputs.at("curve.json")));
  }
  static std::string Events(const nlohmann::json& curve) {
    std::string text;
    for (const auto& event : curve.at("events")) text += event.at("text").get<std::string>() + "\n";
    return text;
  }
  // All rollouts become the first one, as those of a model that makes a single image.
  std::string SingleImagePool() {
    RolloutPool pool = LoadPool(blobs_->PathOf(pool_));
    const at::Tensor first = at::zeros({pool.size()}, at::kLong);
    const std::filesystem::path file = folder_ / "single.safetensors";
    SavePool(Rows(pool, first), file);
    return blobs_->Put(FakeBlobs::ReadFile(file));
  }

  std::string source_, references_, model_, pool_;
};

TEST_F(AlignGuardTest, LooksAreCurvesAndProgress) {
  const auto context = NewContext();
  const auto outputs = RunTask(
      Align({{"align.iterations", "6"}, {"align.check_interval", "4"}, {"align.patience", "9"}}),
      *context);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  const auto curve = Curve(*outputs);
  EXPECT_EQ(curve.at("name"), "align");
  std::map<std::string, std::vector<int64_t>> steps;
  for (const auto& series : curve.at("series")) {
    for (const auto& point : series.at("points")) steps[series.at("name")].push_back(point[0]);
  }
  EXPECT_EQ(steps["left_out_alignment"], (std::vector<int64_t>{0, 4, 6}));
  EXPECT_EQ(steps["diversity"], (std::vector<int64_t>{0, 4, 6}));
  EXPECT_EQ(steps["alignment"].size(), 6u);
  EXPECT_THAT(Events(curve), HasSubstr("of 6: alignment to left-out references"));
  EXPECT_TRUE(context->reports.back().values.contains("left_out_alignment"));
  EXPECT_TRUE(context->reports.back().values.contains("diversity"));
}

TEST_F(AlignGuardTest, FewReferencesAreAllLearnedFromAndTheNoteSaysSo) {
  const auto context = NewContext();
  const auto outputs = RunTask(Align({{"align.references", "3"}}), *context);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT(context->reports.back().note, HasSubstr("none is left out"));
  EXPECT_FALSE(context->reports.back().values.contains("left_out_alignment"));
  EXPECT_NE(outputs->at("model"), Run(Align({})).at("model")) << "the other references count";
}

TEST_F(AlignGuardTest, AModelThatMakesASingleImageGoesBackToStage1) {
  const std::string pool = pool_;
  pool_ = SingleImagePool();
  for (const char* tune : {"style", "control"}) {
    const TaskOutputs outputs = Run(Align({{"align.tune", tune}}));
    const std::string events = Events(Curve(outputs));
    EXPECT_THAT(events, HasSubstr("diversity is 0")) << tune;
    EXPECT_THAT(events, HasSubstr("goes back to stage 1")) << tune;
    const SafetensorsFile before(blobs_->PathOf(model_)),
        after(blobs_->PathOf(outputs.at("model")));
    for (const std::string& name : before.Names()) {
      // Used with a gain of 1 and an offset of 0 only, and the last layer that follows is zero.
      if (name == "codec.style_centre") continue;
      EXPECT_TRUE(at::equal(before.Get(name), after.Get(name))) << tune << " " << name;
    }
  }
  pool_ = pool;
  EXPECT_THAT(Events(Curve(Run(Align({})))), Not(HasSubstr("goes back")));
}

TEST_F(AlignGuardTest, AFloorOfZeroLetsACollapseBe) {
  pool_ = SingleImagePool();
  EXPECT_THAT(Events(Curve(Run(Align({{"align.diversity_floor", "0"}})))),
              HasSubstr("kept is step"));
}

TEST_F(AlignGuardTest, TheRewardIsASetting) {
  EXPECT_NE(Run(Align({{"align.reward", "skl"}})).at("model"), Run(Align({})).at("model"));
}

}  // namespace
}  // namespace alignflow
