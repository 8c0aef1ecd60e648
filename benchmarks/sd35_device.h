#ifndef ALIGNFLOW_BENCHMARKS_SD35_DEVICE_H_
#define ALIGNFLOW_BENCHMARKS_SD35_DEVICE_H_

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <torch/csrc/api/include/torch/cuda.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#if ALIGNFLOW_WITH_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#endif

namespace alignflow {

// Waits for all work given to the device.
inline void Synchronize(at::Device device) {
  if (device.is_cuda()) torch::cuda::synchronize();
}

// The most bytes that tensors held on a GPU, or that this process held on the CPU, since the last
// reset.
inline void ResetPeakMemory(at::Device device) {
  if (device.is_cuda()) {
    at::getDeviceAllocator(at::kCUDA)->resetPeakStats(0);
  } else {
    std::ofstream("/proc/self/clear_refs") << 5;  // proc(5): resets VmHWM
  }
}

inline int64_t PeakMemory(at::Device device) {
  if (device.is_cuda()) {
    // Index 0 is the sum over all pools.
    return at::getDeviceAllocator(at::kCUDA)->getDeviceStats(0).allocated_bytes[0].peak;
  }
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

#if ALIGNFLOW_WITH_CUDA
// What `compute` launches on the GPU, recorded once as a CUDA graph. It must not wait for the GPU,
// and read and write the same memory each time. CUDA records no work of the default stream, so
// recording and replaying have a stream of their own.
class Recording {
 public:
  explicit Recording(const std::function<at::Tensor()>& compute)
      : stream_(c10::cuda::getStreamFromPool()) {
    torch::cuda::synchronize();
    const c10::cuda::CUDAStreamGuard guard(stream_);
    compute();  // libraries make their handles and workspaces in the first run on a stream
    torch::cuda::synchronize();
    graph_.capture_begin();
    result_ = compute();
    graph_.capture_end();
  }

  // The result's memory is written anew by the next replay.
  at::Tensor Replay() {
    const c10::cuda::CUDAStreamGuard guard(stream_);
    graph_.replay();
    torch::cuda::synchronize();
    return result_;
  }

 private:
  c10::cuda::CUDAStream stream_;
  at::cuda::CUDAGraph graph_;
  at::Tensor result_;
};
#else
class Recording {  // Never made: there is no CUDA device in this build.
 public:
  explicit Recording(const std::function<at::Tensor()>&) {}
  at::Tensor Replay() { return {}; }
};
#endif

}  // namespace alignflow

#endif  // ALIGNFLOW_BENCHMARKS_SD35_DEVICE_H_
