#ifndef ALIGNFLOW_SERVER_METRICS_H_
#define ALIGNFLOW_SERVER_METRICS_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/blobs/blob_stream.h"
#include "server/calls/call_limits.h"
#include "server/catalog/catalog.h"
#include "server/scheduler/lease_outcome.h"
#include "server/scheduler/task_record.h"

namespace alignflow {

// The coordinator's figures for Prometheus. Labels are of fixed sets: nothing of a user's goes into
// them. alignflow_build_info{version,result_version} is always 1. Thread-safe.
class ServerMetrics {
 public:
  ServerMetrics();

  // alignflow_jobs{state}, alignflow_tasks{state}
  void SetJobs(const std::map<JobState, int64_t>& counts);
  void SetTasks(const std::map<TaskState, int64_t>& counts);
  // alignflow_open_calls{kind}: those that last, waiting ones among them
  void SetOpenCalls(const std::array<int, kCallKinds>& counts);
  // alignflow_blobs, alignflow_orphaned_blobs: as of the last collection of garbage.
  void SetBlobs(int64_t blobs, int64_t orphans);
  // alignflow_task_queue_wait_seconds
  void ObserveQueueWait(absl::Duration wait);
  // alignflow_lease_ends_total{outcome}
  void CountLeaseEnd(LeaseOutcome outcome);
  // alignflow_pairs_made_total, alignflow_pairs_left_out_total: handed out, left out by the gates
  void CountPairs(int64_t made, int64_t left_out);
  // alignflow_job_first_pair_seconds: from a job's creation to its first pairs
  void ObserveFirstPair(absl::Duration duration);
  // alignflow_verdicts_total{name,verdict}: of reports. What is not of the known ones is "other".
  void CountVerdict(const std::string& name, const std::string& verdict);
  // alignflow_diverged_tasks_total{kind}: trainings whose loss stopped being finite
  void CountDivergence(const std::string& kind);
  // alignflow_blob_bytes_total{direction}: received, sent
  void AddBytesIn(int64_t bytes);
  void AddBytesOut(int64_t bytes);
  // alignflow_free_disk_bytes, alignflow_disk_size_bytes, of the state folder's disk;
  // alignflow_catalog_bytes
  void SetDisk(int64_t free_bytes, int64_t size_bytes, int64_t catalog_bytes);
  // alignflow_refused_calls_total{code}: without a key that holds, or with one that may not
  void CountRefusedCall(absl::StatusCode code);
  // alignflow_audit_failures_total: calls that could not be recorded
  void CountAuditFailure();
  // alignflow_certificate_end_timestamp_seconds: when --tls-cert runs out
  void SetCertificateEnd(absl::Time end);
  // alignflow_catalog_wait_seconds{kind}, alignflow_catalog_errors_total{kind}: write, read
  void ObserveCatalog(Catalog::Wait kind, absl::Duration wait, bool failed);
  // alignflow_blob_operation_seconds{operation}, alignflow_blob_errors_total{operation,code}:
  // append, commit, read; of errors the disk's own alone: full, failing, damaged
  void ObserveBlob(BlobOperation operation, absl::Duration duration, absl::StatusCode code);
  // alignflow_rpc_duration_seconds{method,code}; `method` as in "/alignflow.v1.Jobs/GetJob".
  void ObserveRpc(const std::string& method, const std::string& code, absl::Duration duration);

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Gauge>& jobs_;
  prometheus::Family<prometheus::Gauge>& tasks_;
  prometheus::Family<prometheus::Gauge>& open_calls_;
  prometheus::Gauge& blobs_;
  prometheus::Gauge& orphans_;
  prometheus::Histogram& queue_wait_;
  prometheus::Family<prometheus::Counter>& lease_ends_;
  prometheus::Counter& pairs_made_;
  prometheus::Counter& pairs_left_out_;
  prometheus::Histogram& first_pair_;
  prometheus::Family<prometheus::Counter>& verdicts_;
  prometheus::Family<prometheus::Counter>& diverged_;
  prometheus::Counter& bytes_in_;
  prometheus::Counter& bytes_out_;
  prometheus::Gauge& free_disk_;
  prometheus::Gauge& disk_size_;
  prometheus::Gauge& catalog_size_;
  prometheus::Family<prometheus::Counter>& refused_calls_;
  prometheus::Counter& audit_failures_;
  prometheus::Gauge* certificate_end_ = nullptr;  // where there is one
  prometheus::Family<prometheus::Histogram>& catalog_waits_;
  prometheus::Histogram& write_wait_;
  prometheus::Histogram& read_wait_;
  prometheus::Family<prometheus::Counter>& catalog_errors_;
  prometheus::Family<prometheus::Histogram>& blob_operations_;
  prometheus::Family<prometheus::Counter>& blob_errors_;
  prometheus::Family<prometheus::Histogram>& rpcs_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_METRICS_H_
