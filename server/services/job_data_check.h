#ifndef ALIGNFLOW_SERVER_SERVICES_JOB_DATA_CHECK_H_
#define ALIGNFLOW_SERVER_SERVICES_JOB_DATA_CHECK_H_

#include "absl/status/status.h"
#include "alignflow/v1/jobs.pb.h"
#include "server/services/service_context.h"

namespace alignflow {

// What a job's source, references and target say about each other and about the preset, before
// anything is computed. `spec` has distinct references; `job` has its datasets, preset and settings
// resolved, and gets a warning for each thing that is declared.
//
// Refused with InvalidArgument, naming up to ten items and the remedy in afctl's words:
//   fewer of anything than common/settings/least_numbers.h says;
//   a source or, if it is evaluated on, a target whose structures mostly vanish at the preset's
//   size; references of which most are source images; a target of which most images are source
//   images, references or of a reference's group (common/data/groups.h).
// Less than most is declared: figures leave such target images out.
//
// Pictures are compared by file, and by fingerprint as far as the client sent it.
absl::Status CheckJobData(ServiceContext& context, const v1::AlignSpec& spec, JobRecord& job);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_JOB_DATA_CHECK_H_
