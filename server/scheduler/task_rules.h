#ifndef ALIGNFLOW_SERVER_SCHEDULER_TASK_RULES_H_
#define ALIGNFLOW_SERVER_SCHEDULER_TASK_RULES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/settings/task_spec.h"

// What holds for a task whatever job it belongs to. Pure.
namespace alignflow {

// Roles that a task of this kind must put out; empty for an unknown kind.
std::vector<std::string> OutputRoles(std::string_view kind);

// Whether a task of this kind puts out pairs.
bool MakesPairs(std::string_view kind);

// SHA-256 over kind, settings, inputs and kResultVersion: equal keys, equal results.
std::string TaskKey(const TaskSpec& task);

// The pairs [first, last] of a task that makes pairs or their masks. InvalidArgument if its
// settings do not say.
struct PairRange {
  int64_t first = 0, last = 0;
};
absl::StatusOr<PairRange> PairsOf(const TaskSpec& task);

// The ordinal of the shard that holds the pair (1, 2, ...).
int ShardOfPair(int64_t pair);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_TASK_RULES_H_
