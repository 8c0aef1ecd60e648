#ifndef ALIGNFLOW_WORKER_TASKS_TRAINING_TASK_H_
#define ALIGNFLOW_WORKER_TASKS_TRAINING_TASK_H_

#include <functional>
#include <string>
#include <vector>

#include "worker/flow/coupling.h"
#include "worker/tasks/task.h"
#include "worker/tasks/task_progress.h"
#include "worker/training/training_curve.h"
#include "worker/training/training_loop.h"

namespace alignflow {

// Runs the training loop under a task's context: progress, cancel, checkpoints, and resuming from
// the latest one. Returns the steps done.
// With a curve, about 100 points of the values are added to it, which survive a resume; with a
// watch, which needs a curve, looks are taken every `watch_interval` steps.
int64_t TrainUnder(TaskContext& context, ProgressReporter& progress,
                   const std::vector<at::Tensor>& parameters, TrainingOptions options,
                   std::function<StepLoss(int64_t step)> loss, TrainingCurve* curve = nullptr,
                   TrainingWatch* watch = nullptr, int64_t watch_interval = 1);

// The setting fit.coupling; independent where it is not there.
Coupling CouplingOf(const TaskSpec& spec);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_TRAINING_TASK_H_
