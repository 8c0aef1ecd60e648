#ifndef ALIGNFLOW_BENCHMARKS_COORDINATOR_SAMPLES_H_
#define ALIGNFLOW_BENCHMARKS_COORDINATOR_SAMPLES_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace alignflow {

// How long calls took, by name. Thread-safe.
class Samples {
 public:
  // Runs `call` and notes how long it took.
  template <typename Call>
  auto Time(const std::string& name, const Call& call) {
    const absl::Time start = absl::Now();
    auto result = call();
    Add(name, absl::Now() - start);
    return result;
  }
  void Add(const std::string& name, absl::Duration duration) {
    absl::MutexLock lock(&mutex_);
    durations_[name].push_back(duration);
  }
  size_t CountOf(const std::string& name) {
    absl::MutexLock lock(&mutex_);
    return durations_[name].size();
  }
  // The share-th of the durations in milliseconds; -1 if there are none.
  double Quantile(const std::string& name, double share) {
    absl::MutexLock lock(&mutex_);
    std::vector<absl::Duration>& of = durations_[name];
    if (of.empty()) return -1;
    const auto at =
        of.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(of.size() - 1));
    std::nth_element(of.begin(), at, of.end());
    return absl::ToDoubleMilliseconds(*at);
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::vector<absl::Duration>> durations_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_BENCHMARKS_COORDINATOR_SAMPLES_H_
