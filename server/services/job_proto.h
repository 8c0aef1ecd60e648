#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_PROTO_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_PROTO_H_

#include "alignflow/v1/jobs.pb.h"
#include "server/catalog/catalog.h"
#include "server/catalog/records.h"
#include "server/scheduler/placement.h"

namespace alignflow {

// The job as the API shows it, stages and all. Within CatalogReader::Read only. `fleet` are the
// workers that are connected.
v1::Job JobProto(Sql& sql, const JobRecord& record, const Fleet& fleet);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_PROTO_H_
