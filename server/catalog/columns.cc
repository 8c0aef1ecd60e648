#include "server/catalog/columns.h"

#include <array>
#include <stdexcept>

namespace alignflow {
namespace {

// In the order of both enums.
constexpr std::array<std::string_view, 5> kNames = {"queued", "running", "succeeded", "failed",
                                                    "cancelled"};

int IndexOf(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<int>(i);
  }
  throw std::invalid_argument("catalog: unknown state");
}

}  // namespace

std::string_view StateName(JobState state) { return kNames[static_cast<size_t>(state)]; }
std::string_view StateName(TaskState state) { return kNames[static_cast<size_t>(state)]; }
JobState JobStateOf(std::string_view name) { return static_cast<JobState>(IndexOf(name)); }
TaskState TaskStateOf(std::string_view name) { return static_cast<TaskState>(IndexOf(name)); }

}  // namespace alignflow
