#include "worker/tasks/task_progress.h"

#include "absl/strings/str_join.h"
#include "worker/tasks/task_error.h"

namespace alignflow {

void ProgressReporter::set_notes(std::vector<std::string> notes) {
  std::erase(notes, "");
  note_ = absl::StrJoin(notes, "; ");
}

void ProgressReporter::Report(int64_t step, std::map<std::string, double> values) {
  const auto now = std::chrono::steady_clock::now();
  if (first_step_ < 0) {
    first_step_ = step;
    start_ = now;
  }
  const double seconds = std::chrono::duration<double>(now - start_).count();
  if (step > first_step_ && seconds > 0) {
    values[speed_] = static_cast<double>(step - first_step_) / seconds;
  }
  context_.Report({.step = step, .total = total_, .values = std::move(values), .note = note_});
}

void ProgressReporter::ThrowIfCancelled() const {
  if (context_.Cancelled()) throw TaskError(absl::CancelledError("the task was cancelled"));
}

}  // namespace alignflow
