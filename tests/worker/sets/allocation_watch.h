#ifndef ALIGNFLOW_TESTS_WORKER_SETS_ALLOCATION_WATCH_H_
#define ALIGNFLOW_TESTS_WORKER_SETS_ALLOCATION_WATCH_H_

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace alignflow {

// The largest tensor that is allocated in the CPU's memory while it lives. One at a time.
class AllocationWatch {
 public:
  AllocationWatch() : watching_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(&watching_, 1); }
  ~AllocationWatch() { c10::SetCPUAllocator(watching_.inner, 1); }
  AllocationWatch(const AllocationWatch&) = delete;
  AllocationWatch& operator=(const AllocationWatch&) = delete;

  size_t largest() const { return watching_.largest; }

 private:
  struct Watching : public c10::Allocator {
    explicit Watching(c10::Allocator* allocator) : inner(allocator) {}
    c10::DataPtr allocate(size_t bytes) override {
      size_t seen = largest;
      while (bytes > seen && !largest.compare_exchange_weak(seen, bytes)) {
      }
      return inner->allocate(bytes);
    }
    c10::DeleterFnPtr raw_deleter() const override { return inner->raw_deleter(); }
    void copy_data(void* to, const void* from, std::size_t count) const override {
      default_copy_data(to, from, count);
    }

    c10::Allocator* inner;
    std::atomic<size_t> largest = 0;
  };

  Watching watching_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_WORKER_SETS_ALLOCATION_WATCH_H_
