#ifndef ALIGNFLOW_SERVER_SERVICES_SERVICE_CONTEXT_H_
#define ALIGNFLOW_SERVER_SERVICES_SERVICE_CONTEXT_H_

#include "absl/time/time.h"
#include "server/access/access.h"
#include "server/blobs/blob_store.h"
#include "server/calls/calls.h"
#include "server/catalog/catalog.h"
#include "server/metrics.h"
#include "server/state_folder.h"
#include "server/workflow/serving.h"
#include "server/workflow/worker_registry.h"
#include "server/workflow/workflow.h"

namespace alignflow {

// What the services work on. Thread-safe; outlives them.
struct ServiceContext {
  const Access& access;
  CatalogReader& catalog;
  BlobStore& blobs;
  Workflow& workflow;
  WorkerRegistry& workers;
  const Serving& serving;
  ServerMetrics& metrics;
  Calls& calls;
  const StateFolder& state;
  absl::Duration heartbeat_interval;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_SERVICE_CONTEXT_H_
