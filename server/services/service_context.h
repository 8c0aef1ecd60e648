#ifndef ALIGNFLOW_SERVER_SERVICES_SERVICE_CONTEXT_H_
#define ALIGNFLOW_SERVER_SERVICES_SERVICE_CONTEXT_H_

#include <atomic>

#include "absl/time/time.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/catalog.h"
#include "server/metrics.h"
#include "server/workflow/worker_registry.h"
#include "server/workflow/workflow.h"

namespace alignflow {

// What the services work on. Thread-safe; outlives them.
struct ServiceContext {
  CatalogReader& catalog;
  BlobStore& blobs;
  Workflow& workflow;
  WorkerRegistry& workers;
  ServerMetrics& metrics;
  absl::Duration heartbeat_interval;

  // Set before the server stops: streams and long polls then end within a second.
  std::atomic<bool> closing = false;
  // Calls that wait for changes, each of which holds a thread.
  std::atomic<int> waiting_calls = 0;
};

// A place among the calls that may wait at the same time.
class WaitingCall {
 public:
  static constexpr int kLimit = 128;

  explicit WaitingCall(ServiceContext& context) : context_(context) {
    granted_ = ++context_.waiting_calls <= kLimit;
  }
  ~WaitingCall() { --context_.waiting_calls; }
  WaitingCall(const WaitingCall&) = delete;
  WaitingCall& operator=(const WaitingCall&) = delete;
  bool granted() const { return granted_; }

 private:
  ServiceContext& context_;
  bool granted_;
};

// The longest that such a call goes without looking whether its client is still there.
inline constexpr absl::Duration kLongestWait = absl::Seconds(1);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_SERVICE_CONTEXT_H_
