#ifndef ALIGNFLOW_WORKER_DATA_MEMORY_GATE_H_
#define ALIGNFLOW_WORKER_DATA_MEMORY_GATE_H_

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace alignflow {

// Bounds what several threads hold in memory at the same time: work is let in while all of it
// together stays within the limit, and work that needs more than the limit while there is no other.
// Thread-safe.
class MemoryGate {
 public:
  explicit MemoryGate(size_t limit_bytes) : limit_(limit_bytes) {}
  MemoryGate(const MemoryGate&) = delete;
  MemoryGate& operator=(const MemoryGate&) = delete;

  // Blocks until there is room.
  void Enter(size_t bytes) {
    std::unique_lock lock(mutex_);
    left_.wait(lock, [&] { return used_ == 0 || used_ + bytes <= limit_; });
    used_ += bytes;
  }
  void Leave(size_t bytes) {
    {
      const std::scoped_lock lock(mutex_);
      used_ -= bytes;
    }
    left_.notify_all();
  }

 private:
  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable left_;
  size_t used_ = 0;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_MEMORY_GATE_H_
