#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_PROTO_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_PROTO_H_

#include <cstdint>
#include <string>

#include "alignflow/v1/jobs.pb.h"
#include "server/catalog/catalog.h"
#include "server/catalog/job_details.h"
#include "server/catalog/records.h"
#include "server/services/dataset_facts.h"
#include "server/services/service_context.h"
#include "server/workflow/live_state.h"
#include "server/workflow/worker_registry.h"

namespace alignflow {

// Queued for what is no state.
JobState FromProto(v1::JobState state);

// Sets source_version and target_version, as far as there are such datasets. Labels that the
// catalog can't tell are left away.
template <typename Message>
void SetVersions(const JobDetails& details, Message& message) {
  SetFacts(details.source, *message.mutable_source_version()).IgnoreError();
  if (details.target.digest.empty()) return;
  SetFacts(details.target, *message.mutable_target_version()).IgnoreError();
}

// What a job's picture needs besides the catalog.
struct Surroundings {
  const LiveState& live;
  WorkerRegistry& workers;
  int64_t queue_moves;         // read before the rest: what moves later has another number
  std::string not_serving;     // why no tasks are handed out; empty if they are
  std::string waiting_reason;  // of queued jobs whose tasks somebody can take
};
// `tenant`: whose jobs are to be shown.
Surroundings SurroundingsOf(const ServiceContext& context, const std::string& tenant);

// The job as the API shows it, stages and all. Within CatalogReader::Read only. `event`, if given,
// gets the number of the event that this is: it rises with every change of the job, and says
// nothing else.
v1::Job JobProto(Sql& sql, const JobRecord& record, const Surroundings& around,
                 int64_t* event = nullptr);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_PROTO_H_
