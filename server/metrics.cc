#include "server/metrics.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/version.h"
#include "server/catalog/columns.h"
#include "server/scheduler/task_kinds.h"

namespace alignflow {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

const prometheus::Histogram::BucketBoundaries kWaitSeconds = {0.1, 1, 10, 60, 600, 3600, 21600};
const prometheus::Histogram::BucketBoundaries kCatalogWaitSeconds = {0.0001, 0.001, 0.01,
                                                                     0.1,    1,     10};
const prometheus::Histogram::BucketBoundaries kBlobSeconds = {0.0001, 0.001, 0.01, 0.1, 1, 10};
const prometheus::Histogram::BucketBoundaries kFirstPairSeconds = {10,   60,    300,   900,  1800,
                                                                   3600, 10800, 43200, 86400};
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

constexpr BlobOperation kBlobOperations[] = {BlobOperation::kAppend, BlobOperation::kCommit,
                                             BlobOperation::kRead};
constexpr absl::StatusCode kStorageErrors[] = {
    absl::StatusCode::kResourceExhausted, absl::StatusCode::kInternal, absl::StatusCode::kDataLoss,
    absl::StatusCode::kUnavailable};

std::string NameOf(BlobOperation operation) {
  switch (operation) {
    case BlobOperation::kAppend:
      return "append";
    case BlobOperation::kCommit:
      return "commit";
    case BlobOperation::kRead:
      return "read";
  }
  return "";
}

prometheus::Labels LabelsOf(BlobOperation operation, absl::StatusCode code) {
  return {{"operation", NameOf(operation)}, {"code", absl::StatusCodeToString(code)}};
}

// Of worker/figures/verdicts.h.
const std::set<std::string>& VerdictNames() {
  static const auto* names =
      new std::set<std::string>{"alignment",           "diversity",    "downstream",
                                "downstream on views", "memorization", "mask agreement"};
  return *names;
}
const std::set<std::string>& Verdicts() {
  static const auto* verdicts = new std::set<std::string>{
      "good", "poor", "not measured", "nothing to gain", "declared", "no difference shown"};
  return *verdicts;
}
std::string KnownOrOther(const std::set<std::string>& known, const std::string& value) {
  return known.contains(value) ? value : "other";
}

prometheus::Labels LabelOf(LeaseOutcome outcome) {
  return {{"outcome", std::string(OutcomeName(outcome))}};
}

}  // namespace

ServerMetrics::ServerMetrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      jobs_(BuildGauge().Name("alignflow_jobs").Help("Jobs by state").Register(*registry_)),
      tasks_(BuildGauge().Name("alignflow_tasks").Help("Tasks by state").Register(*registry_)),
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
      pairs_made_(Counter(*registry_, "alignflow_pairs_made_total",
                          "Pairs that were made and are handed out")),
      pairs_left_out_(Counter(*registry_, "alignflow_pairs_left_out_total",
                              "Pairs that failed the gates in every attempt")),
      first_pair_(BuildHistogram()
                      .Name("alignflow_job_first_pair_seconds")
                      .Help("Time between a job's creation and its first pairs, where those were "
                            "not there from another job")
                      .Register(*registry_)
                      .Add({}, kFirstPairSeconds)),
      verdicts_(BuildCounter()
                    .Name("alignflow_verdicts_total")
                    .Help("Verdicts of the reports that were made")
                    .Register(*registry_)),
      diverged_(BuildCounter()
                    .Name("alignflow_diverged_tasks_total")
                    .Help("Trainings that failed because their loss stopped being finite")
                    .Register(*registry_)),
      bytes_in_(BlobBytes(*registry_, "received")),
      bytes_out_(BlobBytes(*registry_, "sent")),
      free_disk_(Gauge(*registry_, "alignflow_free_disk_bytes",
                       "Free space on the disk of the state folder")),
      disk_size_(
          Gauge(*registry_, "alignflow_disk_size_bytes", "Size of the disk of the state folder")),
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
      catalog_errors_(BuildCounter()
                          .Name("alignflow_catalog_errors_total")
                          .Help("Transactions that the database failed")
                          .Register(*registry_)),
      blob_operations_(BuildHistogram()
                           .Name("alignflow_blob_operation_seconds")
                           .Help("Duration of operations on files of blobs")
                           .Register(*registry_)),
      blob_errors_(BuildCounter()
                       .Name("alignflow_blob_errors_total")
                       .Help("Operations on files of blobs that the disk failed, was too full "
                             "for, or that found damaged bytes")
                       .Register(*registry_)),
      rpcs_(BuildHistogram()
                .Name("alignflow_rpc_duration_seconds")
                .Help("Duration of calls, long polls and streams included")
                .Register(*registry_)) {
  // All are there, so that what has not been yet shows as 0, and its first time as an increase.
  for (const LeaseOutcome outcome : kLeaseOutcomes) lease_ends_.Add(LabelOf(outcome));
  for (const char* kind : {"read", "write"}) catalog_errors_.Add({{"kind", kind}});
  for (const BlobOperation operation : kBlobOperations) {
    blob_operations_.Add({{"operation", NameOf(operation)}}, kBlobSeconds);
    for (const absl::StatusCode code : kStorageErrors) blob_errors_.Add(LabelsOf(operation, code));
  }
  for (const absl::StatusCode code :
       {absl::StatusCode::kUnauthenticated, absl::StatusCode::kPermissionDenied}) {
    refused_calls_.Add({{"code", absl::StatusCodeToString(code)}});
  }
  for (const std::string& name : VerdictNames()) {
    for (const std::string& verdict : Verdicts()) {
      verdicts_.Add({{"name", name}, {"verdict", verdict}});
    }
  }
  for (const std::string& kind : TrainingKinds()) diverged_.Add({{"kind", kind}});
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
void ServerMetrics::CountPairs(int64_t made, int64_t left_out) {
  pairs_made_.Increment(static_cast<double>(made));
  pairs_left_out_.Increment(static_cast<double>(left_out));
}
void ServerMetrics::ObserveFirstPair(absl::Duration duration) {
  first_pair_.Observe(absl::ToDoubleSeconds(duration));
}
void ServerMetrics::CountVerdict(const std::string& name, const std::string& verdict) {
  verdicts_
      .Add({{"name", KnownOrOther(VerdictNames(), name)},
            {"verdict", KnownOrOther(Verdicts(), verdict)}})
      .Increment();
}
void ServerMetrics::CountDivergence(const std::string& kind) {
  diverged_.Add({{"kind", kind}}).Increment();
}
void ServerMetrics::AddBytesIn(int64_t bytes) { bytes_in_.Increment(static_cast<double>(bytes)); }
void ServerMetrics::AddBytesOut(int64_t bytes) { bytes_out_.Increment(static_cast<double>(bytes)); }
void ServerMetrics::SetDisk(int64_t free_bytes, int64_t size_bytes, int64_t catalog_bytes) {
  free_disk_.Set(static_cast<double>(free_bytes));
  disk_size_.Set(static_cast<double>(size_bytes));
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

void ServerMetrics::ObserveCatalog(Catalog::Wait kind, absl::Duration wait, bool failed) {
  const bool write = kind == Catalog::Wait::kWrite;
  (write ? write_wait_ : read_wait_).Observe(absl::ToDoubleSeconds(wait));
  if (failed) catalog_errors_.Add({{"kind", write ? "write" : "read"}}).Increment();
}
void ServerMetrics::ObserveBlob(BlobOperation operation, absl::Duration duration,
                                absl::StatusCode code) {
  blob_operations_.Add({{"operation", NameOf(operation)}}, kBlobSeconds)
      .Observe(absl::ToDoubleSeconds(duration));
  if (std::ranges::find(kStorageErrors, code) != std::end(kStorageErrors)) {
    blob_errors_.Add(LabelsOf(operation, code)).Increment();
  }
}
void ServerMetrics::ObserveRpc(const std::string& method, const std::string& code,
                               absl::Duration duration) {
  rpcs_.Add({{"method", method}, {"code", code}}, kRpcSeconds)
      .Observe(absl::ToDoubleSeconds(duration));
}

}  // namespace alignflow
