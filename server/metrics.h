#ifndef ALIGNFLOW_SERVER_METRICS_H_
#define ALIGNFLOW_SERVER_METRICS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/catalog/records.h"
#include "server/scheduler/lease_outcome.h"
#include "server/workflow/result_documents.h"

namespace alignflow {

// The coordinator's figures for Prometheus. Labels are of fixed sets: nothing of a user's goes into
// them. Thread-safe.
class ServerMetrics {
 public:
  ServerMetrics();

  // alignflow_jobs{state}, alignflow_tasks{state}, alignflow_workers
  void SetJobs(const std::map<JobState, int64_t>& counts);
  void SetTasks(const std::map<TaskState, int64_t>& counts);
  void SetWorkers(int count);
  // alignflow_blobs, alignflow_orphaned_blobs: as of the last collection of garbage.
  void SetBlobs(int64_t blobs, int64_t orphans);
  // alignflow_task_queue_wait_seconds
  void ObserveQueueWait(absl::Duration wait);
  // alignflow_lease_ends_total{outcome}
  void CountLeaseEnd(LeaseOutcome outcome);
  // alignflow_pairs_left_out_total: by the gates
  void CountLeftOutPairs(int64_t count);
  // alignflow_job_figure{figure,subject}: those computed last, as docs/figures.md names them. Any
  // that it does not name are left away.
  void SetFigures(const std::vector<FigureRecord>& figures);
  // alignflow_blob_bytes_in_total, alignflow_blob_bytes_out_total
  void AddBytesIn(int64_t bytes);
  void AddBytesOut(int64_t bytes);
  // alignflow_rpc_duration_seconds{method,code}; `method` as in "/alignflow.v1.Jobs/GetJob".
  void ObserveRpc(const std::string& method, const std::string& code, absl::Duration duration);

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Gauge>& jobs_;
  prometheus::Family<prometheus::Gauge>& tasks_;
  prometheus::Gauge& workers_;
  prometheus::Gauge& blobs_;
  prometheus::Gauge& orphans_;
  prometheus::Histogram& queue_wait_;
  prometheus::Family<prometheus::Counter>& lease_ends_;
  prometheus::Counter& pairs_left_out_;
  absl::Mutex figures_mutex_;
  prometheus::Family<prometheus::Gauge>& figures_;
  std::vector<prometheus::Gauge*> shown_figures_;
  prometheus::Counter& bytes_in_;
  prometheus::Counter& bytes_out_;
  prometheus::Family<prometheus::Histogram>& rpcs_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_METRICS_H_
