#ifndef ALIGNFLOW_WORKER_TRAINING_TRAINING_LOOP_H_
#define ALIGNFLOW_WORKER_TRAINING_TRAINING_LOOP_H_

#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace alignflow {

struct TrainingOptions {
  int64_t iterations = 0;
  int64_t warm_up = 0;                   // steps of rising learning rate
  double learning_rate = 0;              // peak
  std::vector<double> rate_scales = {};  // that it is multiplied by for each parameter; none: 1
  double ema = 0;                        // decay; 0: no average is kept
  int64_t accumulate = 1;                // batches whose mean gradient makes a step
  std::filesystem::path file = {};  // where checkpoints are written before they are handed over
};

// What a step's loss is besides its scalar: values for people, by name.
struct StepLoss {
  at::Tensor loss;  // scalar with a graph
  std::map<std::string, double> values;
};

// Looks at a run from time to time and says which of its states is the best.
class TrainingWatch {
 public:
  enum class Advice { kGoOn, kBest, kStop };

  virtual ~TrainingWatch() = default;
  // After step `done`, with the running average in the parameters. kBest: this state is the best so
  // far; kStop: the training ends here.
  virtual Advice Look(int64_t done) = 0;
  // Values of the latest look, by name.
  virtual std::map<std::string, double> values() const = 0;

  // What it has seen as text and back. Restore throws std::runtime_error and changes nothing.
  virtual std::string ToJson() const = 0;
  virtual void Restore(const std::string& json) = 0;
};

struct TrainingHooks {
  // The loss of batch 0, 1, ...: `accumulate` of them a step. Must depend on the parameters and
  // `batch` alone.
  std::function<StepLoss(int64_t batch)> loss;
  // After each step with the steps done and the values: those of the loss smoothed over about the
  // last 20 steps, and the watch's.
  std::function<void(int64_t done, const std::map<std::string, double>& values)> progress;
  // With a written checkpoint, every tenth of the run or 100 steps. Empty: none are written.
  std::function<void(const std::filesystem::path& file)> checkpoint;
  // Before each step; what it throws ends the training.
  std::function<void()> before_step;
  // Looks before the first step, every watch_interval steps and after the last one. May be null.
  TrainingWatch* watch = nullptr;
  int64_t watch_interval = 1;
  // What the hooks keep across an interruption, as text in the checkpoint; what `restore` throws as
  // std::runtime_error makes the run start anew. Both or neither.
  std::function<std::string()> notes = {};
  std::function<void(const std::string& notes)> restore = {};
};

// Trains the parameters and leaves their running average in them: the last one, or the best that
// the watch has seen. With a `resume` checkpoint of the same run, the result is the same to the bit
// as without interruption; one that cannot be read is passed over. Throws std::invalid_argument if
// the loss stops being finite, naming the step. Returns the steps done.
int64_t Train(const std::vector<at::Tensor>& parameters, const TrainingOptions& options,
              const TrainingHooks& hooks, const std::filesystem::path& resume = {});

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_TRAINING_LOOP_H_
