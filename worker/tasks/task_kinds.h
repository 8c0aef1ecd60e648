#ifndef ALIGNFLOW_WORKER_TASKS_TASK_KINDS_H_
#define ALIGNFLOW_WORKER_TASKS_TASK_KINDS_H_

#include "worker/tasks/task.h"

namespace alignflow {

// One function per kind; task.h lists inputs and outputs. They throw: TaskError, and whatever the
// engine and OpenCV throw. RunTask calls them.
TaskOutputs RunPrepare(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunDescribe(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunFit(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunRollout(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunAlign(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunGenerate(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunTransfer(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunFitMasks(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunMasks(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunJudge(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunBaseline(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunEvaluate(const TaskSpec& spec, TaskContext& context);
TaskOutputs RunFigures(const TaskSpec& spec, TaskContext& context);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_TASK_KINDS_H_
