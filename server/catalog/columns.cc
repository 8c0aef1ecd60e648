#include "server/catalog/columns.h"

#include <array>
#include <stdexcept>

namespace alignflow {
namespace {

// In the order of both enums.
constexpr std::array<std::string_view, 5> kJobStateNames = {"queued", "running", "succeeded",
                                                            "failed", "cancelled"};

constexpr std::array<std::string_view, 3> kKindNames = {"align", "fit", "generate"};

template <size_t size>
int IndexOf(const std::array<std::string_view, size>& names, std::string_view name) {
  for (size_t i = 0; i < size; ++i) {
    if (names[i] == name) return static_cast<int>(i);
  }
  throw std::invalid_argument("catalog: unknown state or kind");
}

}  // namespace

std::string_view StateName(JobState state) { return kJobStateNames[static_cast<size_t>(state)]; }
std::string_view StateName(TaskState state) { return kJobStateNames[static_cast<size_t>(state)]; }
JobState JobStateOf(std::string_view name) {
  return static_cast<JobState>(IndexOf(kJobStateNames, name));
}
TaskState TaskStateOf(std::string_view name) {
  return static_cast<TaskState>(IndexOf(kJobStateNames, name));
}

std::string_view KindName(JobKind kind) { return kKindNames[static_cast<size_t>(kind)]; }
JobKind JobKindOf(std::string_view name) { return static_cast<JobKind>(IndexOf(kKindNames, name)); }

}  // namespace alignflow
