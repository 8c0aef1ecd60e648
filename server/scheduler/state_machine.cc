#include "server/scheduler/state_machine.h"

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

bool Allowed(JobState from, JobState to) {
  switch (from) {
    case JobState::kQueued:
      return to == JobState::kRunning || to == JobState::kFailed || to == JobState::kCancelled;
    case JobState::kRunning:
      return IsFinal(to);
    case JobState::kSucceeded:
    case JobState::kFailed:
    case JobState::kCancelled:
      return false;
  }
  return false;
}

bool Allowed(TaskState from, TaskState to) {
  switch (from) {
    case TaskState::kQueued:
      return to == TaskState::kRunning || to == TaskState::kCancelled;
    case TaskState::kRunning:
      return to != TaskState::kRunning;
    case TaskState::kSucceeded:
    case TaskState::kFailed:
    case TaskState::kCancelled:
      return to == TaskState::kQueued;
  }
  return false;
}

template <typename State>
absl::Status Move(State next, State& state) {
  if (!Allowed(state, next)) {
    return absl::InternalError(absl::StrCat(
        "illegal transition from state ", static_cast<int>(state), " to ", static_cast<int>(next)));
  }
  state = next;
  return absl::OkStatus();
}

}  // namespace

bool IsFinal(JobState state) { return state > JobState::kRunning; }
bool IsFinal(TaskState state) { return state > TaskState::kRunning; }

absl::Status MoveTo(JobState next, JobState& state) { return Move(next, state); }
absl::Status MoveTo(TaskState next, TaskState& state) { return Move(next, state); }

}  // namespace alignflow
