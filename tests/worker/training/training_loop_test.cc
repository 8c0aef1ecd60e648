#include "worker/training/training_loop.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "worker/training/checkpoint.h"
#include "worker/training/random_stream.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

class TrainingLoopTest : public ::testing::Test {
 protected:
  TrainingLoopTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "alignflow-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~TrainingLoopTest() override { std::filesystem::remove_all(folder_); }

  // A small regression whose data depend on the step alone.
  struct Run {
    std::vector<at::Tensor> parameters{at::zeros({4, 3}).requires_grad_(true),
                                       at::zeros({4}).requires_grad_(true)};
    int64_t steps = 0;
    int64_t checkpoints = 0;
    std::map<std::string, double> values;
  };
  TrainingHooks HooksOf(Run& run, int64_t stop_before = INT64_MAX) {
    return {.loss =
                [&run](int64_t step) {
                  at::Generator random = RandomStream(11, RandomUse::kFitStep, step);
                  const at::Tensor x = at::randn({8, 3}, random);
                  const at::Tensor y = at::linear(x, run.parameters[0], run.parameters[1]);
                  const at::Tensor loss = (y - x.sum(1, true) - 1).square().mean();
                  return StepLoss{loss, {{"loss", loss.item<double>()}}};
                },
            .progress =
                [&run](int64_t done, const auto& values) {
                  run.steps = done;
                  run.values = values;
                },
            .checkpoint =
                [this, &run](const std::filesystem::path& file) {
                  ++run.checkpoints;
                  std::filesystem::copy_file(file, folder_ / "kept",
                                             std::filesystem::copy_options::overwrite_existing);
                },
            .before_step =
                [&run, stop_before] {
                  if (run.steps >= stop_before) throw std::runtime_error("stopped");
                }};
  }
  TrainingOptions Options() const {
    return {.iterations = 40,
            .warm_up = 5,
            .learning_rate = 0.05,
            .ema = 0.9,
            .file = folder_ / "checkpoint"};
  }

  std::filesystem::path folder_;
};

TEST_F(TrainingLoopTest, TheLossFallsAndProgressIsReported) {
  Run run;
  Train(run.parameters, Options(), HooksOf(run));
  EXPECT_EQ(run.steps, 40);
  EXPECT_LT(run.values.at("loss"), 2);  // from 4
  EXPECT_EQ(run.checkpoints, 9) << "every tenth of the run, but not at its end";
}

TEST_F(TrainingLoopTest, AccumulatedBatchesMakeTheStepOfTheirMeanGradient) {
  Run whole, halves;
  TrainingOptions options = Options();
  options.ema = 0;
  Train(whole.parameters, options, HooksOf(whole));
  options.accumulate = 2;
  TrainingHooks hooks = HooksOf(halves);
  std::vector<int64_t> batches;
  hooks.loss = [&batches, loss = hooks.loss](int64_t batch) {
    batches.push_back(batch);
    return loss(batch / 2);  // the same twice, so that the mean is the same
  };
  Train(halves.parameters, options, hooks);
  EXPECT_EQ(halves.steps, 40);
  ASSERT_EQ(batches.size(), 80u);
  EXPECT_EQ(batches.back(), 79);
  for (size_t i = 0; i < whole.parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(whole.parameters[i], halves.parameters[i]));
  }
}

TEST_F(TrainingLoopTest, AResumedRunEndsWithTheSameBitsAsAnUninterruptedOne) {
  Run whole;
  Train(whole.parameters, Options(), HooksOf(whole));
  Run stopped;
  EXPECT_THROW(Train(stopped.parameters, Options(), HooksOf(stopped, 23)), std::runtime_error);
  EXPECT_EQ(stopped.steps, 23);
  Run resumed;
  Train(resumed.parameters, Options(), HooksOf(resumed), folder_ / "kept");
  EXPECT_EQ(resumed.checkpoints, 4) << "it went on from step 20, not from the beginning";
  for (size_t i = 0; i < whole.parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(whole.parameters[i], resumed.parameters[i]));
    EXPECT_FALSE(at::equal(whole.parameters[i], stopped.parameters[i]));
  }
}

TEST_F(TrainingLoopTest, ADamagedCheckpointCostsTimeAndNotTheResult) {
  Run whole;
  Train(whole.parameters, Options(), HooksOf(whole));
  std::filesystem::resize_file(folder_ / "kept", std::filesystem::file_size(folder_ / "kept") - 8);
  Run resumed;
  Train(resumed.parameters, Options(), HooksOf(resumed), folder_ / "kept");
  EXPECT_EQ(resumed.checkpoints, 9) << "it began anew";
  EXPECT_TRUE(at::equal(whole.parameters[0], resumed.parameters[0]));
}

TEST_F(TrainingLoopTest, ACheckpointOfAnotherModelIsRefusedBeforeAnythingIsChanged) {
  Run run;
  EXPECT_THROW(Train(run.parameters, Options(), HooksOf(run, 10)), std::runtime_error);
  const std::vector<at::Tensor> others{at::zeros({4, 3}), at::zeros({5})};
  AdamW optimizer(others);
  Ema ema(others, 0.9);
  EXPECT_THROW(LoadCheckpoint(folder_ / "kept", optimizer, ema), std::runtime_error);
  EXPECT_EQ(optimizer.steps(), 0);
  EXPECT_EQ(others[0].abs().max().item<double>(), 0);
}

TEST_F(TrainingLoopTest, ALossThatIsNotFiniteEndsTheTrainingWithTheStep) {
  Run run;
  TrainingHooks hooks = HooksOf(run);
  hooks.loss = [&](int64_t) { return StepLoss{run.parameters[0].sum() / 0, {}}; };
  try {
    Train(run.parameters, Options(), hooks);
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("step 1"), std::string::npos);
  }
}

class ConstantField : public VelocityModel {
 public:
  at::Tensor Velocity(const at::Tensor& x, const at::Tensor&, const Condition&) override {
    return at::full_like(x, 2);
  }
};

TEST(VelocityLossTest, IsTheSquaredErrorWeighedDownNearTheData) {
  ConstantField field;
  const at::Tensor data = at::full({2, 1, 2, 2}, 1.0), noise = at::zeros({2, 1, 2, 2});
  const auto loss = [&](double t) {
    return VelocityLoss(field, data, noise, at::full({2}, t), {}).item<double>();
  };
  EXPECT_NEAR(loss(0.0), 1, 1e-6);
  EXPECT_NEAR(loss(0.9), 1, 1e-5);
  EXPECT_NEAR(loss(0.965), 0.25, 1e-5);
  EXPECT_NEAR(loss(1.0), 0, 1e-6);
}

TEST(VelocityLossTest, TimesLieInsideTheFlowAndSpreadOverIt) {
  const at::Tensor t = DrawTimes(10000, RandomStream(1, RandomUse::kFitStep));
  EXPECT_GT(t.min().item<double>(), 0);
  EXPECT_LT(t.max().item<double>(), 1);
  EXPECT_NEAR(t.median().item<double>(), 1 / (1 + std::exp(0.8)), 0.02);
}

}  // namespace
}  // namespace alignflow
