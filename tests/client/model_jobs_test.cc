#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/client/fake_coordinator.h"

namespace alignflow {
namespace {

// The commands fit and generate.
class ModelJobsTest : public testing::Test {
 protected:
  ModelJobsTest() {
    coordinator_.models.model.set_name("models/m1");
    coordinator_.models.model.set_preset("unet-128");
  }
  FakeCoordinator::Outcome Run(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    return coordinator_.Run(arguments);
  }
  const v1::AlignSpec& spec() { return coordinator_.jobs.created.spec(); }

  FakeCoordinator coordinator_;
};

TEST_F(ModelJobsTest, FitAsksForAModelAlone) {
  const auto outcome = Run({"fit", "--source", "src", "--preset", "unet-128", "--set",
                            "fit.iterations=20", "--name", "first", "--label", "study=a"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(spec().kind(), v1::JOB_KIND_FIT);
  EXPECT_EQ(spec().source(), "datasets/src");
  EXPECT_EQ(spec().preset(), "unet-128");
  EXPECT_EQ(spec().pairs(), 0);
  EXPECT_EQ(spec().settings().at("fit.iterations"), "20");
  EXPECT_EQ(coordinator_.jobs.created.display_name(), "first");
  EXPECT_EQ(coordinator_.jobs.created.labels().at("study"), "a");
}

TEST_F(ModelJobsTest, GenerateBeginsWithTheModel) {
  const auto outcome = Run({"generate", "--model", "m1", "--pairs", "7", "--masks", "others",
                            "--target", "held-out", "--no-gates", "--set", "generate.steps=5"});
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(spec().kind(), v1::JOB_KIND_GENERATE);
  EXPECT_EQ(spec().model(), "models/m1");
  EXPECT_EQ(spec().pairs(), 7);
  EXPECT_EQ(spec().source(), "") << "the model's";
  EXPECT_EQ(spec().preset(), "") << "the model's";
  EXPECT_EQ(spec().masks(), "datasets/others");
  EXPECT_EQ(spec().target(), "datasets/held-out");
  EXPECT_EQ(spec().settings().at("gates.enabled"), "off");
  EXPECT_EQ(spec().settings().at("generate.steps"), "5");
}

TEST_F(ModelJobsTest, MistakesAreRefusedBeforeAJobIsMade) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"fit"}, "--source"},
      {{"fit", "--source", "nope"}, "--source: there is no dataset nope"},
      {{"fit", "--source", "s", "--set", "fit.iteration=3"}, "fit.iterations"},
      {{"generate", "--pairs", "3"}, "--model"},
      {{"generate", "--model", "m1"}, "--pairs"},
      {{"generate", "--model", "m1", "--pairs", "0"}, "--pairs is 0"},
      {{"generate", "--model", "gone", "--pairs", "3"}, "--model"},
      {{"generate", "--model", "m1", "--pairs", "3", "--masks", "nope"}, "--masks"},
      {{"generate", "--model", "m1", "--pairs", "3", "--set", "generate.step=3"},
       "generate.steps"}};
  for (const auto& [arguments, what] : cases) {
    const auto outcome = Run(arguments);
    EXPECT_EQ(outcome.exit, kExitFailure) << what;
    EXPECT_NE(outcome.err.find(what), std::string::npos) << outcome.err;
  }
  EXPECT_TRUE(coordinator_.jobs.request_ids.empty());
}

TEST_F(ModelJobsTest, AJobThatFitsAModelHasNoPairsToPull) {
  coordinator_.jobs.job.mutable_spec()->set_kind(v1::JOB_KIND_FIT);
  coordinator_.jobs.job.set_state(v1::JOB_STATE_SUCCEEDED);
  coordinator_.jobs.job.set_stage1_model("models/m1");
  TempFolder folder;
  const auto outcome = coordinator_.Run({"pairs", "pull", "j1", folder.path() / "pairs"});
  EXPECT_EQ(outcome.exit, kExitFailure);
  EXPECT_NE(outcome.err.find("makes a model and no pairs"), std::string::npos) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "pairs"));
  const std::string text = coordinator_.Run({"job", "get", "j1"}).out;
  EXPECT_NE(text.find("a model of stage 1, and no pairs"), std::string::npos) << text;
  EXPECT_NE(text.find("models/m1"), std::string::npos) << text;
}

}  // namespace
}  // namespace alignflow
