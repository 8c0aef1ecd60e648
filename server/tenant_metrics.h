#ifndef ALIGNFLOW_SERVER_TENANT_METRICS_H_
#define ALIGNFLOW_SERVER_TENANT_METRICS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/catalog/tenant_uses.h"
#include "server/scheduler/fleet.h"
#include "server/workflow/live_state.h"

namespace alignflow {

// What tenants use, for Prometheus, as of the latest look. Label `tenant` is the name that an
// admin gave; beyond kNamed of them those that came last are together "(others)", so that there are
// never more series. Thread-safe.
class TenantMetrics {
 public:
  static constexpr size_t kNamed = 100;

  explicit TenantMetrics(prometheus::Registry& registry);

  // alignflow_tenant_queued_tasks{tenant}: whose turn they take
  // alignflow_tenant_jobs{tenant}: queued or running
  // alignflow_tenant_stored_bytes{tenant}
  void SetUses(const std::vector<TenantLook>& tenants) ABSL_LOCKS_EXCLUDED(mutex_);

  // alignflow_tenant_worker_seconds_total{tenant,device}: that workers held tasks for it, for
  // `passed`
  void CountWork(const std::vector<LiveState::Lease>& leases, const Fleet& fleet,
                 absl::Duration passed) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Gauges = prometheus::Family<prometheus::Gauge>;

  std::string LabelOf(const std::string& tenant) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Gauges& queued_;
  Gauges& jobs_;
  Gauges& bytes_;
  prometheus::Family<prometheus::Counter>& worker_seconds_;
  absl::Mutex mutex_;
  std::set<std::string> named_ ABSL_GUARDED_BY(mutex_);
  // By label: queued tasks, jobs, bytes.
  std::map<std::string, std::vector<prometheus::Gauge*>> shown_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_TENANT_METRICS_H_
