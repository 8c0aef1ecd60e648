#include <gtest/gtest.h>

#include "tests/worker/tasks/volume_fixture.h"

namespace alignflow {
namespace {

class ResumeTest : public VolumeFixture {
 protected:
  ResumeTest()
      : source_(PutPhantoms(PhantomDomain::kSource, 3, true)),
        references_(PutPhantoms(PhantomDomain::kTargetB, 4, false)) {}

  // Runs the task until `steps` are reported, then again from its last checkpoint on.
  void ExpectSameAfterCancel(const TaskSpec& spec, int64_t steps) {
    const TaskOutputs whole = Run(spec);
    const auto context = NewContext();
    context->cancel_at = steps;
    const auto cancelled = RunTask(spec, *context);
    ASSERT_EQ(cancelled.status().code(), absl::StatusCode::kCancelled) << cancelled.status();
    EXPECT_EQ(context->reports.back().step, steps) << "no step is made after the cancel";
    ASSERT_TRUE(context->checkpoint);

    const auto next = NewContext();
    next->checkpoint = context->checkpoint;
    const auto resumed = RunTask(spec, *next);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(next->reports.front().step, steps + 1) << "it went on where it was";
    EXPECT_EQ(*resumed, whole);
  }

  std::string source_;
  std::string references_;
};

TEST_F(ResumeTest, FitResumedAfterACancelGivesTheSameBytes) {
  ExpectSameAfterCancel(Spec("fit", {{"source", source_}}), 2);
}

TEST_F(ResumeTest, FitWithCoupledNoiseResumedAfterACancelGivesTheSameBytes) {
  const SettingMap coupled{{"fit.coupling", "ot"}, {"fit.batch", "3"}};
  ExpectSameAfterCancel(Spec("fit", {{"source", source_}}, coupled), 2);
  EXPECT_NE(Run(Spec("fit", {{"source", source_}}, coupled)),
            Run(Spec("fit", {{"source", source_}}, {{"fit.batch", "3"}})));
}

TEST_F(ResumeTest, FitMasksWithCoupledNoiseResumedAfterACancelGivesTheSameBytes) {
  SettingMap settings{{"masks.iterations", "4"}, {"masks.batch", "3"}};
  const TaskOutputs independent = Run(Spec("fit-masks", {{"source", source_}}, settings));
  settings["fit.coupling"] = "ot";
  const TaskSpec coupled = Spec("fit-masks", {{"source", source_}}, settings);
  ExpectSameAfterCancel(coupled, 2);
  EXPECT_NE(Run(coupled).at("model"), independent.at("model"));
}

TEST_F(ResumeTest, FitMasksResumedAfterACancelGivesTheSameBytes) {
  ExpectSameAfterCancel(
      Spec("fit-masks", {{"source", source_}}, {{"masks.iterations", "4"}, {"masks.batch", "2"}}),
      2);
}

TEST_F(ResumeTest, AlignResumedAfterACancelGivesTheSameBytes) {
  const std::string model =
      Run(Spec("fit", {{"source", source_}}, {{"fit.iterations", "1"}}))["model"];
  const std::map<std::string, std::string> inputs{
      {"source", source_}, {"model", model}, {"references", references_}};
  for (const char* tune : {"style", "control"}) {
    // The guard looks, but does not end the run: how far a model of one step goes astray depends on
    // the processor's arithmetic.
    ExpectSameAfterCancel(Spec("align", inputs,
                               {{"align.tune", tune},
                                {"align.diversity_floor", "0"},
                                {"align.patience", "100"},
                                {"align.rollout", "fresh"},
                                {"align.iterations", "3"},
                                {"align.check_interval", "1"},
                                {"restyle.strength", "0.15"}}),
                          2);
  }
}

TEST_F(ResumeTest, TasksOnVolumesResumedAfterACancelGiveTheSameBytes) {
  const std::string source = Packed(PutVolumes(PhantomDomain::kSource, 3, true));
  const std::string model =
      Run(Spec3d("fit", {{"source", source}}, {{"fit.iterations", "1"}}))["model"];
  const std::map<std::string, std::string> inputs{
      {"source", source},
      {"model", model},
      {"pool", Run(Spec3d("rollout", {{"source", source}, {"model", model}}))["pool"]},
      {"references", PutVolumes(PhantomDomain::kTargetA, 4, false)}};
  for (const char* tune : {"style", "control"}) {
    ExpectSameAfterCancel(Spec3d("align", inputs,
                                 {{"align.tune", tune},
                                  {"align.diversity_floor", "0"},
                                  {"align.patience", "100"},
                                  {"align.check_interval", "1"}}),
                          2);
  }
  ExpectSameAfterCancel(Spec3d("judge", {{"source", source}}, {{"judge.iterations", "3"}}), 2);
}

TEST_F(ResumeTest, GenerateStopsWithinAGroupOnceCancelled) {
  const std::string model =
      Run(Spec("fit", {{"source", source_}}, {{"fit.iterations", "1"}}))["model"];
  const auto context = NewContext();
  context->cancelled = true;
  const auto outputs = RunTask(Spec("generate", {{"source", source_}, {"model", model}},
                                    {{"first_pair", "1"}, {"last_pair", "2"}}),
                               *context);
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace alignflow
