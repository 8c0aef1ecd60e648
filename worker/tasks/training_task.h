#ifndef ALIGNFLOW_WORKER_TASKS_TRAINING_TASK_H_
#define ALIGNFLOW_WORKER_TASKS_TRAINING_TASK_H_

#include <functional>
#include <string>
#include <vector>

#include "worker/tasks/task.h"
#include "worker/tasks/task_progress.h"
#include "worker/training/training_loop.h"

namespace alignflow {

// Runs the training loop under a task's context: progress, cancel, checkpoints, and resuming from
// the latest one.
void TrainUnder(TaskContext& context, ProgressReporter& progress,
                const std::vector<at::Tensor>& parameters, TrainingOptions options,
                std::function<StepLoss(int64_t step)> loss);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_TRAINING_TASK_H_
