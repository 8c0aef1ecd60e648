#include "server/scheduler/state_machine.h"

#include <set>
#include <utility>

#include "gtest/gtest.h"

namespace alignflow {
namespace {

template <typename State>
void ExpectExactly(const std::set<std::pair<State, State>>& allowed) {
  for (int from = 0; from <= static_cast<int>(State::kCancelled); ++from) {
    for (int to = 0; to <= static_cast<int>(State::kCancelled); ++to) {
      const State before = static_cast<State>(from);
      const State next = static_cast<State>(to);
      State state = before;
      const bool ok = MoveTo(next, state).ok();
      EXPECT_EQ(ok, allowed.contains({before, next})) << from << " to " << to;
      EXPECT_EQ(state, ok ? next : before) << "a refused transition changes nothing";
    }
  }
}

TEST(StateMachineTest, JobsMoveAlongTheDocumentedArrowsOnly) {
  using enum JobState;
  ExpectExactly<JobState>({{kQueued, kRunning},
                           {kQueued, kFailed},
                           {kQueued, kCancelled},
                           {kRunning, kSucceeded},
                           {kRunning, kFailed},
                           {kRunning, kCancelled}});
}

TEST(StateMachineTest, TasksMoveAlongTheDocumentedArrowsOnly) {
  using enum TaskState;
  ExpectExactly<TaskState>({{kQueued, kRunning},
                            {kQueued, kCancelled},
                            {kRunning, kQueued},
                            {kRunning, kSucceeded},
                            {kRunning, kFailed},
                            {kRunning, kCancelled},
                            {kSucceeded, kQueued},
                            {kFailed, kQueued},
                            {kCancelled, kQueued}});
}

}  // namespace
}  // namespace alignflow
