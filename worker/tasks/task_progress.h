#ifndef ALIGNFLOW_WORKER_TASKS_TASK_PROGRESS_H_
#define ALIGNFLOW_WORKER_TASKS_TASK_PROGRESS_H_

#include <chrono>
#include <string>
#include <vector>

#include "worker/tasks/task.h"

namespace alignflow {

// Reports a task's progress with its speed, and ends the task once it is cancelled. Used from the
// task's thread.
class ProgressReporter {
 public:
  // `unit` names the speed, such as "steps" in "steps_per_second".
  ProgressReporter(TaskContext& context, int64_t total, std::string unit)
      : context_(context), total_(total), speed_(std::move(unit) + "_per_second") {}

  // Shown with every report from now on.
  void set_note(std::string note) { note_ = std::move(note); }
  // Those of them that are not empty.
  void set_notes(std::vector<std::string> notes);

  // The speed is that since the first report.
  void Report(int64_t step, std::map<std::string, double> values = {});
  void ThrowIfCancelled() const;

 private:
  TaskContext& context_;
  int64_t total_;
  std::string speed_;
  std::string note_;
  int64_t first_step_ = -1;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_TASK_PROGRESS_H_
