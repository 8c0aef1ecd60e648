#include "server/metrics.h"

#include "common/settings/settings.h"
#include "common/version.h"
#include "server/catalog/columns.h"

namespace alignflow {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

const prometheus::Histogram::BucketBoundaries kWaitSeconds = {0.1, 1, 10, 60, 600, 3600, 21600};
const prometheus::Histogram::BucketBoundaries kCatalogWaitSeconds = {0.0001, 0.001, 0.01,
                                                                     0.1,    1,     10};
const prometheus::Histogram::BucketBoundaries kRpcSeconds = {0.001, 0.01, 0.1, 1, 10, 60};

prometheus::Gauge& Gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& Counter(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& BlobBytes(prometheus::Registry& registry, const char* direction) {
  return BuildCounter()
      .Name("alignflow_blob_bytes_total")
      .Help("Bytes of blobs received and sent")
      .Register(registry)
      .Add({{"direction", direction}});
}

// All states are there, so that a state without members shows as 0.
template <typename State>
void SetStates(const std::map<State, int64_t>& counts,
               prometheus::Family<prometheus::Gauge>& family) {
  for (int i = 0; i <= static_cast<int>(State::kCancelled); ++i) {
    const State state = static_cast<State>(i);
    const auto count = counts.find(state);
    family.Add({{"state", std::string(StateName(state))}})
        .Set(count == counts.end() ? 0.0 : static_cast<double>(count->second));
  }
}

prometheus::Labels LabelOf(LeaseOutcome outcome) {
  return {{"outcome", std::string(OutcomeName(outcome))}};
}

}  // namespace

ServerMetrics::ServerMetrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      jobs_(BuildGauge().Name("alignflow_jobs").Help("Jobs by state").Register(*registry_)),
      tasks_(BuildGauge().Name("alignflow_tasks").Help("Tasks by state").Register(*registry_)),
      workers_(Gauge(*registry_, "alignflow_workers", "Workers that are connected")),
      open_calls_(BuildGauge()
                      .Name("alignflow_open_calls")
                      .Help("Calls that last and are open, most of which wait")
                      .Register(*registry_)),
      blobs_(Gauge(*registry_, "alignflow_blobs", "Blobs stored, at the last collection")),
      orphans_(Gauge(*registry_, "alignflow_orphaned_blobs",
                     "Blobs that nothing refers to and that are kept for their grace time")),
      queue_wait_(BuildHistogram()
                      .Name("alignflow_task_queue_wait_seconds")
                      .Help("Time between a task's queueing and its lease")
                      .Register(*registry_)
                      .Add({}, kWaitSeconds)),
      lease_ends_(BuildCounter()
                      .Name("alignflow_lease_ends_total")
                      .Help("Leases that have ended, by outcome")
                      .Register(*registry_)),
      pairs_left_out_(Counter(*registry_, "alignflow_pairs_left_out_total",
                              "Pairs that failed the gates in every attempt")),
      bytes_in_(BlobBytes(*registry_, "received")),
      bytes_out_(BlobBytes(*registry_, "sent")),
      free_disk_(Gauge(*registry_, "alignflow_free_disk_bytes",
                       "Free space on the disk of the state folder")),
      catalog_size_(Gauge(*registry_, "alignflow_catalog_bytes", "Size of the catalog's files")),
      refused_calls_(BuildCounter()
                         .Name("alignflow_refused_calls_total")
                         .Help("Calls without a key that holds, or with one that may not")
                         .Register(*registry_)),
      audit_failures_(Counter(*registry_, "alignflow_audit_failures_total",
                              "Calls that could not be recorded for the audit")),
      catalog_waits_(BuildHistogram()
                         .Name("alignflow_catalog_wait_seconds")
                         .Help("Time that calls waited for their turn at the catalog")
                         .Register(*registry_)),
      write_wait_(catalog_waits_.Add({{"kind", "write"}}, kCatalogWaitSeconds)),
      read_wait_(catalog_waits_.Add({{"kind", "read"}}, kCatalogWaitSeconds)),
      rpcs_(BuildHistogram()
                .Name("alignflow_rpc_duration_seconds")
                .Help("Duration of calls, long polls and streams included")
                .Register(*registry_)) {
  // All are there, so that an outcome that has not been yet shows as 0.
  for (const LeaseOutcome outcome : kLeaseOutcomes) lease_ends_.Add(LabelOf(outcome));
  BuildGauge()
      .Name("alignflow_build_info")
      .Help("The program's version and that of its results")
      .Register(*registry_)
      .Add(
          {{"version", std::string(Version())}, {"result_version", std::to_string(kResultVersion)}})
      .Set(1);
}

void ServerMetrics::SetJobs(const std::map<JobState, int64_t>& counts) { SetStates(counts, jobs_); }
void ServerMetrics::SetTasks(const std::map<TaskState, int64_t>& counts) {
  SetStates(counts, tasks_);
}
void ServerMetrics::SetWorkers(int count) { workers_.Set(count); }
void ServerMetrics::SetOpenCalls(const std::array<int, kCallKinds>& counts) {
  for (int i = 0; i < kCallKinds; ++i) {
    open_calls_.Add({{"kind", std::string(CallKindName(static_cast<CallKind>(i)))}}).Set(counts[i]);
  }
}
void ServerMetrics::SetBlobs(int64_t blobs, int64_t orphans) {
  blobs_.Set(static_cast<double>(blobs));
  orphans_.Set(static_cast<double>(orphans));
}
void ServerMetrics::ObserveQueueWait(absl::Duration wait) {
  queue_wait_.Observe(absl::ToDoubleSeconds(wait));
}
void ServerMetrics::CountLeaseEnd(LeaseOutcome outcome) {
  lease_ends_.Add(LabelOf(outcome)).Increment();
}
void ServerMetrics::CountLeftOutPairs(int64_t count) {
  pairs_left_out_.Increment(static_cast<double>(count));
}
void ServerMetrics::AddBytesIn(int64_t bytes) { bytes_in_.Increment(static_cast<double>(bytes)); }
void ServerMetrics::AddBytesOut(int64_t bytes) { bytes_out_.Increment(static_cast<double>(bytes)); }
void ServerMetrics::SetDisk(int64_t free_bytes, int64_t catalog_bytes) {
  free_disk_.Set(static_cast<double>(free_bytes));
  catalog_size_.Set(static_cast<double>(catalog_bytes));
}
void ServerMetrics::CountRefusedCall(absl::StatusCode code) {
  refused_calls_.Add({{"code", absl::StatusCodeToString(code)}}).Increment();
}

void ServerMetrics::CountAuditFailure() { audit_failures_.Increment(); }

void ServerMetrics::SetCertificateEnd(absl::Time end) {
  if (certificate_end_ == nullptr) {
    certificate_end_ = &BuildGauge()
                            .Name("alignflow_certificate_end_timestamp_seconds")
                            .Help("When the coordinator's certificate runs out")
                            .Register(*registry_)
                            .Add({});
  }
  certificate_end_->Set(static_cast<double>(absl::ToUnixSeconds(end)));
}

void ServerMetrics::ObserveCatalogWait(Catalog::Wait kind, absl::Duration wait) {
  (kind == Catalog::Wait::kWrite ? write_wait_ : read_wait_).Observe(absl::ToDoubleSeconds(wait));
}
void ServerMetrics::ObserveRpc(const std::string& method, const std::string& code,
                               absl::Duration duration) {
  rpcs_.Add({{"method", method}, {"code", code}}, kRpcSeconds)
      .Observe(absl::ToDoubleSeconds(duration));
}

}  // namespace alignflow
