#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_WEIGHTS_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_WEIGHTS_H_

#include <string>

#include "absl/status/status.h"
#include "alignflow/v1/jobs.pb.h"
#include "server/services/image_check.h"
#include "server/services/service_context.h"

namespace alignflow {

// What a job's spec.model begins with where it is a file of weights, "blobs/SHA256".
inline constexpr char kWeightsCollection[] = "blobs/";

// InvalidArgument unless spec.model of a job of kind fit is empty or names a file of weights.
absl::Status CheckWeightsName(const std::string& model);

// Takes the uploaded file that such a job makes its model of, if spec.model names one.
// InvalidArgument if it is no file of weights; FailedPrecondition if the caller has not written it.
absl::Status TakeWeights(ServiceContext& context, const v1::AlignSpec& spec, const OwnsBlob& owns,
                         JobRecord& job);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_WEIGHTS_H_
