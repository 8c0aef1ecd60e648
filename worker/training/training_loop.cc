#include "worker/training/training_loop.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "worker/training/checkpoint.h"
#include "worker/training/ema.h"
#include "worker/training/loss_not_finite.h"
#include "worker/training/optimizer.h"

namespace alignflow {
namespace {

using nlohmann::json;

constexpr double kSmoothing = 0.05;

// Often enough that a lost worker costs little, seldom enough that saving costs nothing.
int64_t CheckpointInterval(int64_t iterations) {
  return std::clamp<int64_t>(iterations / 10, 1, 100);
}

void Smooth(const std::map<std::string, double>& values, std::map<std::string, double>& smooth) {
  for (const auto& [name, value] : values) {
    const auto [entry, fresh] = smooth.try_emplace(name, value);
    if (!fresh) entry->second += kSmoothing * (value - entry->second);
  }
}

// Copies on the CPU, where there is memory for a state that is only kept.
std::vector<at::Tensor> CopiesOf(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> copies;
  for (const at::Tensor& tensor : tensors) {
    copies.push_back(tensor.detach().to(at::kCPU, tensor.scalar_type(), false, /*copy=*/true));
  }
  return copies;
}

void Copy(const std::vector<at::Tensor>& from, const std::vector<at::Tensor>& to) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
}

class Run {
 public:
  Run(const std::vector<at::Tensor>& parameters, const TrainingOptions& options,
      const TrainingHooks& hooks)
      : parameters_(parameters),
        options_(options),
        hooks_(hooks),
        optimizer_(parameters, options.rate_scales),
        ema_(parameters, options.ema) {
    if (hooks_.watch) best_ = CopiesOf(parameters_);
  }

  // A checkpoint that is none, or of another run, is passed over: the run starts anew and ends with
  // the same result, only later.
  void Resume(const std::filesystem::path& checkpoint) {
    const std::string fresh = hooks_.notes ? hooks_.notes() : "";
    try {
      const json notes = json::parse(CheckpointNotes(checkpoint));
      notes.at("values").get_to(values_);
      if (hooks_.restore) hooks_.restore(notes.at("hooks").get<std::string>());
      LoadCheckpoint(checkpoint, optimizer_, ema_, best_);
      return;
    } catch (const std::runtime_error&) {
    } catch (const json::exception&) {
    }
    values_.clear();
    if (hooks_.restore) hooks_.restore(fresh);
  }

  int64_t Finish() {
    const int64_t interval = CheckpointInterval(options_.iterations);
    bool going = optimizer_.steps() > 0 || !Stops(0);
    for (int64_t step = optimizer_.steps(); going && step < options_.iterations; ++step) {
      hooks_.before_step();
      Step(step);
      const int64_t done = step + 1;
      const bool last = done == options_.iterations;
      if (hooks_.watch && (last || done % hooks_.watch_interval == 0)) going = !Stops(done);
      std::map<std::string, double> values = values_;
      if (hooks_.watch) values.merge(hooks_.watch->values());
      hooks_.progress(done, values);
      if (hooks_.checkpoint && going && !last && done % interval == 0) {
        const json notes{{"values", values_}, {"hooks", hooks_.notes ? hooks_.notes() : ""}};
        SaveCheckpoint(options_.file, optimizer_, ema_, {best_, notes.dump()});
        hooks_.checkpoint(options_.file);
      }
    }
    if (hooks_.watch) {
      Copy(best_, parameters_);
    } else {
      ema_.CopyTo(parameters_);
    }
    return optimizer_.steps();
  }

 private:
  void Step(int64_t step) {
    for (int64_t i = 0; i < options_.accumulate; ++i) {
      const StepLoss loss = hooks_.loss(step * options_.accumulate + i);
      if (!std::isfinite(loss.loss.item<double>())) {
        throw LossNotFinite("the loss is not finite at step " + std::to_string(step + 1) +
                            "; a lower learning rate may help");
      }
      (options_.accumulate == 1 ? loss.loss : loss.loss / options_.accumulate).backward();
      Smooth(loss.values, values_);
    }
    optimizer_.Step(
        LearningRate(step, options_.iterations, options_.warm_up, options_.learning_rate));
    ema_.Update(parameters_);
  }

  // Whether the watch, looking at the running average, ends the run.
  bool Stops(int64_t done) {
    if (!hooks_.watch) return false;
    const bool averaged = !ema_.averages().empty();
    std::vector<at::Tensor> current;
    if (averaged) {
      current = CopiesOf(parameters_);
      ema_.CopyTo(parameters_);
    }
    const TrainingWatch::Advice advice = hooks_.watch->Look(done);
    if (advice == TrainingWatch::Advice::kBest) Copy(parameters_, best_);
    if (averaged) Copy(current, parameters_);
    return advice == TrainingWatch::Advice::kStop;
  }

  const std::vector<at::Tensor>& parameters_;
  const TrainingOptions& options_;
  const TrainingHooks& hooks_;
  AdamW optimizer_;
  Ema ema_;
  std::vector<at::Tensor> best_;  // by the watch; empty without one
  std::map<std::string, double> values_;
};

}  // namespace

int64_t Train(const std::vector<at::Tensor>& parameters, const TrainingOptions& options,
              const TrainingHooks& hooks, const std::filesystem::path& resume) {
  Run run(parameters, options, hooks);
  if (!resume.empty()) run.Resume(resume);
  return run.Finish();
}

}  // namespace alignflow
