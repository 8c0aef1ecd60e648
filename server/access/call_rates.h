#ifndef ALIGNFLOW_SERVER_ACCESS_CALL_RATES_H_
#define ALIGNFLOW_SERVER_ACCESS_CALL_RATES_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace alignflow {

// How many calls a tenant may begin in a second: a bucket that holds two seconds' worth, so that a
// short burst passes. Thread-safe; time is an argument.
class CallRates {
 public:
  // Calls a second, by tenant; others have no limit.
  void SetLimits(std::map<std::string, int64_t> limits);

  // A call of the tenant begins. ResourceExhausted, with the limit and when it frees.
  absl::Status Take(const std::string& tenant, absl::Time now);

 private:
  struct Bucket {
    double calls = 0;  // that may begin at once
    absl::Time filled;
  };

  absl::Mutex mutex_;
  std::map<std::string, int64_t> limits_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mutex_);  // of tenants with a limit
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_ACCESS_CALL_RATES_H_
