#include "worker/training/training_loop.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "worker/training/checkpoint.h"
#include "worker/training/ema.h"
#include "worker/training/optimizer.h"

namespace alignflow {
namespace {

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

void Resume(const std::filesystem::path& checkpoint, AdamW& optimizer, Ema& ema) {
  try {
    LoadCheckpoint(checkpoint, optimizer, ema);
  } catch (const std::runtime_error&) {
    // Nothing has been changed: the run starts anew and ends with the same result, only later.
  }
}

}  // namespace

void Train(const std::vector<at::Tensor>& parameters, const TrainingOptions& options,
           const TrainingHooks& hooks, const std::filesystem::path& resume) {
  AdamW optimizer(parameters);
  Ema ema(parameters, options.ema);
  if (!resume.empty()) Resume(resume, optimizer, ema);
  const int64_t interval = CheckpointInterval(options.iterations);
  std::map<std::string, double> values;
  for (int64_t step = optimizer.steps(); step < options.iterations; ++step) {
    hooks.before_step();
    for (int64_t i = 0; i < options.accumulate; ++i) {
      const StepLoss loss = hooks.loss(step * options.accumulate + i);
      if (!std::isfinite(loss.loss.item<double>())) {
        throw std::invalid_argument("the loss is not finite at step " + std::to_string(step + 1) +
                                    "; a lower learning rate may help");
      }
      (options.accumulate == 1 ? loss.loss : loss.loss / options.accumulate).backward();
      Smooth(loss.values, values);
    }
    optimizer.Step(LearningRate(step, options.iterations, options.warm_up, options.learning_rate));
    ema.Update(parameters);
    const int64_t done = step + 1;
    hooks.progress(done, values);
    if (hooks.checkpoint && done % interval == 0 && done < options.iterations) {
      SaveCheckpoint(options.file, optimizer, ema);
      hooks.checkpoint(options.file);
    }
  }
  ema.CopyTo(parameters);
}

}  // namespace alignflow
