#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_LEASES_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_LEASES_H_

#include <string>

#include "alignflow/v1/jobs.pb.h"
#include "server/catalog/catalog.h"
#include "server/workflow/worker_registry.h"

// What a job shows of its leases, and of why there are none. Within CatalogReader::Read only.
namespace alignflow {

// Why no worker can take the job's next task; empty if one can or there is none.
std::string WhyNobodyTakes(Sql& sql, const std::string& job, WorkerRegistry& workers);

// Adds to each stage how its leases ended.
void AddLeaseEnds(Sql& sql, const std::string& job, v1::Job& proto);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_LEASES_H_
