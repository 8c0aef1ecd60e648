#include "worker/tasks/device.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <dlfcn.h>
#include <torch/csrc/api/include/torch/cuda.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

// Loads LibTorch's CUDA half, which registers itself. Returns why not, or nothing.
std::string LoadCuda() {
  if (!ALIGNFLOW_WITH_CUDA) return "this program was built with ALIGNFLOW_CUDA=OFF";
  if (!std::filesystem::exists("/dev/nvidiactl")) return "the machine has no NVIDIA driver";
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) return dlerror();
  return torch::cuda::is_available() ? "" : "LibTorch finds no GPU that it can use";
}

}  // namespace

absl::StatusOr<std::string> ResolveDevice(std::string_view flag) {
  if (flag != "auto" && flag != "cpu" && flag != "cuda") {
    return absl::InvalidArgumentError(
        absl::StrCat("no such device: ", std::string(flag), "; give auto, cpu or cuda"));
  }
  if (flag == "cpu") return "cpu";
  const std::string obstacle = LoadCuda();
  if (obstacle.empty()) return "cuda";
  if (flag == "auto") return "cpu";
  return absl::FailedPreconditionError(absl::StrCat(
      "no CUDA device can be used: ", obstacle,
      "; check that nvidia-smi lists one and that this program was built with ALIGNFLOW_CUDA=ON, "
      "or give --device cpu"));
}

void SetThreads(int threads) { at::set_num_threads(threads); }

int64_t DeviceMemoryInUse(std::string_view device) {
  if (device == "cuda") {
    try {
      // Index 0 of each figure is its aggregate over all pools.
      return at::getDeviceAllocator(at::kCUDA)->getDeviceStats(0).allocated_bytes[0].current;
    } catch (const std::exception&) {
      return 0;  // before the first tensor there is no allocator to ask
    }
  }
  int64_t total_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

int64_t DeviceMemoryFree(std::string_view device) {
  if (device == "cuda") {
    try {
      at::empty({1}, at::kCUDA);  // before the first tensor there is no allocator to ask
      auto* allocator = at::getDeviceAllocator(at::kCUDA);
      const auto stats = allocator->getDeviceStats(0);
      return static_cast<int64_t>(allocator->getMemoryInfo(0).first) +
             stats.reserved_bytes[0].current - stats.allocated_bytes[0].current;
    } catch (const std::exception&) {
      return -1;
    }
  }
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (int64_t kibibytes = 0; file >> name >> kibibytes;) {
    std::getline(file, unit);
    if (name == "MemAvailable:") return kibibytes * 1024;
  }
  return -1;
}

}  // namespace alignflow
