#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_CHECK_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_CHECK_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "alignflow/v1/jobs.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

struct CheckedJob {
  JobRecord record;    // but for id and times
  JobDetails details;  // but for the datasets
  std::vector<ReferenceRecord> references;
};

// What a CreateJobRequest asks for, as one digest: equal requests have equal ones, whatever their
// request and upload ids are.
std::string DigestOfRequest(const v1::CreateJobRequest& request);

// Checks everything about a job that can be checked without computing, and stores its references'
// manifest for `owner`. Errors as in Jobs.CreateJob; Cancelled once `cancelled` says so.
absl::StatusOr<CheckedJob> CheckJob(const v1::CreateJobRequest& request, ServiceContext& context,
                                    const Caller& caller, const BlobOwner& owner,
                                    const std::function<bool()>& cancelled);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_CHECK_H_
