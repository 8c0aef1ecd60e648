#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_MODEL_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_MODEL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "alignflow/v1/jobs.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

// Finds the model that a job of kind generate begins with, and sets what of the job follows from
// it: model and model_tasks, source, preset, settings and, of a model of stage 2, the references
// that it was aligned to. InvalidArgument names the field; NotFound if the job's tenant has no such
// model, or the dataset is gone that it was trained on.
absl::Status BeginWithModel(ServiceContext& context, const v1::AlignSpec& spec, JobRecord& job,
                            std::vector<ReferenceRecord>& references);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_MODEL_H_
