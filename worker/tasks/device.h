#ifndef ALIGNFLOW_WORKER_TASKS_DEVICE_H_
#define ALIGNFLOW_WORKER_TASKS_DEVICE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace alignflow {

// The device that tasks shall run on: "cpu" or "cuda". `flag` is "auto" (cuda where there is one),
// "cpu" or "cuda". InvalidArgument for another word, FailedPrecondition with the remedy if there is
// no CUDA device.
absl::StatusOr<std::string> ResolveDevice(std::string_view flag);

// How many threads a computation on the CPU uses. Part of what makes results repeatable: another
// number may give other last bits.
void SetThreads(int threads);

// Bytes that tensors hold on "cuda"; on "cpu" the resident memory of this process. Thread-safe.
int64_t DeviceMemoryInUse(std::string_view device);

// Bytes that a task may still take on "cuda" (what the allocator keeps and does not use among
// them); on "cpu" the machine's available memory. -1 if it cannot be told. Thread-safe.
int64_t DeviceMemoryFree(std::string_view device);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_DEVICE_H_
