#ifndef ALIGNFLOW_SERVER_FLEET_METRICS_H_
#define ALIGNFLOW_SERVER_FLEET_METRICS_H_

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/catalog/queue.h"
#include "server/scheduler/fleet.h"
#include "server/workflow/live_state.h"

namespace alignflow {

// What waits and who works, for Prometheus, as of the latest look. Label `kind` is a task's kind,
// `pretrained` ("yes", "no") whether the task loads a pretrained model: such tasks wait for a
// worker that has it, on an accelerator if one is connected. All values are there from the
// beginning. Thread-safe.
class FleetMetrics {
 public:
  explicit FleetMetrics(prometheus::Registry& registry);

  // alignflow_queued_tasks{kind,pretrained}
  // alignflow_oldest_queued_task_seconds{pretrained}: how long it has waited; 0 where none waits
  void SetQueue(const QueueLook& queue, absl::Time now);

  // alignflow_workers{device,state}: connected; open, or closed (cordoned, draining, quarantined)
  // alignflow_running_tasks{kind,pretrained}
  // alignflow_worker_seconds_total{kind,device}: that workers held tasks, counted at each look
  // alignflow_checkpoint_age_seconds{kind}: of trainings, the longest time since a lease or its
  //   latest checkpoint: what would be lost with the worker
  // alignflow_training_steps_per_second{kind}, alignflow_images_per_second{kind}: as workers say
  // Returns the time that is counted for each of the leases.
  absl::Duration SetWork(const std::vector<LiveState::Lease>& leases, const Fleet& fleet,
                         absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Gauges = prometheus::Family<prometheus::Gauge>;

  void SetWorkers(const Fleet& fleet);
  absl::Duration CountWorkerSeconds(const std::vector<LiveState::Lease>& leases, const Fleet& fleet,
                                    absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  Gauges& queued_;
  Gauges& oldest_;
  Gauges& workers_;
  Gauges& running_;
  Gauges& checkpoint_age_;
  Gauges& steps_;
  Gauges& images_;
  prometheus::Family<prometheus::Counter>& worker_seconds_;
  absl::Mutex mutex_;
  absl::Time looked_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();  // never
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_FLEET_METRICS_H_
