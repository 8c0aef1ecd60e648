#ifndef ALIGNFLOW_WORKER_AGENT_WORKER_METRICS_H_
#define ALIGNFLOW_WORKER_AGENT_WORKER_METRICS_H_

#include <cstdint>
#include <string>

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "worker/tasks/task.h"

namespace alignflow {

// What a worker shows to Prometheus:
// - alignflow_worker_build_info{version,result_version}: always 1
// - alignflow_worker_loss{stage}, alignflow_worker_steps_per_second{stage},
//   alignflow_worker_images_per_second: latest values
// - alignflow_worker_tasks_total{kind,outcome}: success, failure, handed_back, dropped
// - alignflow_worker_blob_bytes_total{direction}: sent, received
// - alignflow_worker_device_memory_bytes
// Thread-safe.
class WorkerMetrics {
 public:
  // `registry` must outlive the metrics.
  explicit WorkerMetrics(prometheus::Registry& registry);

  void ObserveProgress(const std::string& kind, const TaskProgress& progress);
  void ObserveDeviceMemory(int64_t bytes);
  void CountTask(const std::string& kind, const std::string& outcome);
  void CountBlobBytes(int64_t sent, int64_t received);

 private:
  prometheus::Family<prometheus::Gauge>& loss_;
  prometheus::Family<prometheus::Gauge>& steps_per_second_;
  prometheus::Family<prometheus::Counter>& tasks_;
  prometheus::Gauge& images_per_second_;
  prometheus::Gauge& device_memory_;
  prometheus::Counter& bytes_sent_;
  prometheus::Counter& bytes_received_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_AGENT_WORKER_METRICS_H_
