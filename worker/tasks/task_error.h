#ifndef ALIGNFLOW_WORKER_TASKS_TASK_ERROR_H_
#define ALIGNFLOW_WORKER_TASKS_TASK_ERROR_H_

#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace alignflow {

// A Status on its way through code that throws, as the engine does. RunTask catches it and hands
// the Status on as it is.
class TaskError : public std::runtime_error {
 public:
  explicit TaskError(absl::Status status)
      : std::runtime_error(std::string(status.message())), status_(std::move(status)) {}
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

inline void ThrowIfError(absl::Status status) {
  if (!status.ok()) throw TaskError(std::move(status));
}

template <typename T>
T ValueOrThrow(absl::StatusOr<T> value) {
  if (!value.ok()) throw TaskError(value.status());
  return *std::move(value);
}

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_TASK_ERROR_H_
