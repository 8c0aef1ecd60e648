#include "worker/tasks/training_task.h"

#include "worker/tasks/task_error.h"

namespace alignflow {

void TrainUnder(TaskContext& context, ProgressReporter& progress,
                const std::vector<at::Tensor>& parameters, TrainingOptions options,
                std::function<StepLoss(int64_t step)> loss) {
  options.file = context.scratch() / "checkpoint.safetensors";
  const TrainingHooks hooks{
      .loss = std::move(loss),
      .progress = [&](int64_t done, const auto& values) { progress.Report(done, values); },
      .checkpoint = [&](const auto& file) { ThrowIfError(context.SaveCheckpoint(file)); },
      .before_step = [&] { progress.ThrowIfCancelled(); },
  };
  const auto checkpoint = ValueOrThrow(context.LoadCheckpoint());
  Train(parameters, options, hooks, checkpoint.value_or(""));
}

}  // namespace alignflow
