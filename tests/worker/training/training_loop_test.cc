#include "worker/training/training_loop.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "worker/training/checkpoint.h"
#include "worker/training/loss_not_finite.h"
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

TEST_F(TrainingLoopTest, ALossThatIsNotFiniteEndsTheRun) {
  Run run;
  TrainingHooks hooks = HooksOf(run);
  hooks.loss = [loss = hooks.loss](int64_t batch) {
    StepLoss step = loss(batch);
    if (batch == 7) step.loss = step.loss / 0;
    return step;
  };
  EXPECT_THROW(Train(run.parameters, Options(), hooks), LossNotFinite);
  EXPECT_EQ(run.steps, 7);
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
  EXPECT_THROW(LoadCheckpoint(folder_ / "kept", optimizer, ema, {}), std::runtime_error);
  EXPECT_EQ(optimizer.steps(), 0);
  EXPECT_EQ(others[0].abs().max().item<double>(), 0);
}

// Wants the first parameter's mean to be near `wish`, and stops after as many looks.
class NearestWatch : public TrainingWatch {
 public:
  NearestWatch(const at::Tensor& parameter, double wish, size_t most)
      : parameter_(parameter), wish_(wish), most_(most) {}
  Advice Look(int64_t done) override {
    looks.push_back(done);
    const double distance = std::abs(parameter_.mean().item<double>() - wish_);
    const bool better = best.empty() || distance < best.back();
    if (better) best.push_back(distance);
    if (looks.size() == most_) return Advice::kStop;
    return better ? Advice::kBest : Advice::kGoOn;
  }
  std::map<std::string, double> values() const override { return {{"best", best.back()}}; }
  std::string ToJson() const override { return "{}"; }
  void Restore(const std::string&) override {}
  std::vector<int64_t> looks;
  std::vector<double> best;

 private:
  at::Tensor parameter_;
  double wish_;
  size_t most_;
};

TEST_F(TrainingLoopTest, TheBestStateByTheWatchIsLeftInTheParameters) {
  Run run;
  NearestWatch watch(run.parameters[0], 0.3, 100);
  TrainingHooks hooks = HooksOf(run);
  hooks.watch = &watch;
  hooks.watch_interval = 3;
  EXPECT_EQ(Train(run.parameters, Options(), hooks), 40);
  EXPECT_EQ(watch.looks.front(), 0);
  EXPECT_EQ(watch.looks[1], 3);
  EXPECT_EQ(watch.looks.back(), 40);
  EXPECT_EQ(watch.looks.size(), 15u);
  EXPECT_NEAR(std::abs(run.parameters[0].mean().item<double>() - 0.3), watch.best.back(), 1e-6);
  EXPECT_GT(watch.best.size(), 2u);
  EXPECT_EQ(run.values.at("best"), watch.best.back());
}

TEST_F(TrainingLoopTest, ALookChangesNothingAndAStopEndsTheRun) {
  Run plain, watched;
  Train(plain.parameters, Options(), HooksOf(plain));
  NearestWatch all(watched.parameters[0], 100, 100);  // the later the better
  TrainingHooks hooks = HooksOf(watched);
  hooks.watch = &all;
  Train(watched.parameters, Options(), hooks);
  EXPECT_TRUE(at::equal(plain.parameters[0], watched.parameters[0]));

  Run stopped;
  NearestWatch few(stopped.parameters[0], -100, 4);  // the sooner the better
  hooks = HooksOf(stopped);
  hooks.watch = &few;
  EXPECT_EQ(Train(stopped.parameters, Options(), hooks), 3);
  EXPECT_EQ(stopped.parameters[0].abs().max().item<double>(), 0) << "the state before any step";
}

TEST_F(TrainingLoopTest, AResumedRunKnowsTheBestStateAndItsNotes) {
  const auto train = [&](Run& run, int64_t stop_before, const std::filesystem::path& resume) {
    NearestWatch watch(run.parameters[0], 0.3, 100);
    std::string notes;
    TrainingHooks hooks = HooksOf(run, stop_before);
    hooks.watch = &watch;
    hooks.loss = [&, loss = hooks.loss](int64_t step) {
      notes += "," + std::to_string(step);
      return loss(step);
    };
    hooks.notes = [&] { return notes + "/" + std::to_string(watch.best.back()); };
    hooks.restore = [&](const std::string& saved) {
      const size_t slash = saved.find('/');
      if (slash == std::string::npos) throw std::runtime_error("no notes");
      notes = saved.substr(0, slash);
      watch.best = {std::stod(saved.substr(slash + 1))};
    };
    watch.best = {1e9};
    try {
      Train(run.parameters, Options(), hooks, resume);
    } catch (const std::runtime_error&) {
      EXPECT_LT(stop_before, 40);
    }
    return notes;
  };
  Run whole, stopped, resumed;
  const std::string notes = train(whole, INT64_MAX, "");
  train(stopped, 23, "");
  EXPECT_EQ(train(resumed, INT64_MAX, folder_ / "kept"), notes);
  EXPECT_EQ(resumed.checkpoints, 4) << "it went on from step 20";
  EXPECT_TRUE(at::equal(whole.parameters[0], resumed.parameters[0]));
  EXPECT_EQ(whole.values.at("loss"), resumed.values.at("loss"))
      << "smoothed values go on where they were";

  Run anew;
  const std::filesystem::path kept = folder_ / "kept";
  std::filesystem::resize_file(kept, std::filesystem::file_size(kept) - 8);
  EXPECT_EQ(train(anew, INT64_MAX, kept), notes) << "a damaged file leaves no notes behind";
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
