#ifndef ALIGNFLOW_COMMON_PARALLEL_H_
#define ALIGNFLOW_COMMON_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace alignflow {

// Calls work(0) .. work(count - 1), each once, on all cores, and returns once none runs any more.
// Indices are begun in rising order; after a call that returned false or threw, no other is begun.
// Returns whether every call was made and returned true; rethrows the first exception. `work` must
// be safe to call from several threads.
template <typename Work>
bool ForEachOnAllCores(size_t count, const Work& work) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> go_on = true;
  std::exception_ptr thrown;
  std::mutex mutex;
  const auto run = [&] {
    try {
      for (size_t i; go_on && (i = next++) < count;) {
        if (!work(i)) go_on = false;
      }
    } catch (...) {
      go_on = false;
      const std::scoped_lock lock(mutex);
      if (!thrown) thrown = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    const size_t cores = std::max(1u, std::thread::hardware_concurrency());
    for (size_t i = 1; i < std::min(cores, count); ++i) threads.emplace_back(run);
    run();
  }
  if (thrown) std::rethrow_exception(thrown);
  return go_on;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_PARALLEL_H_
