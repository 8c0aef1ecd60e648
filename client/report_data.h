#ifndef ALIGNFLOW_CLIENT_REPORT_DATA_H_
#define ALIGNFLOW_CLIENT_REPORT_DATA_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/session.h"

namespace alignflow {

// Everything that a job's report page shows, as one JSON document:
//   {"job": Job, "report": Report, "source": Dataset or null, "target": Dataset or null,
//    "samples": [...], "embedding": [...], "curves": [...],   as in common/settings/task_spec.h
//    "defaults": {setting: value of the preset}, "command": "afctl align ...",
//    "made_of": "64 pairs: 32 restyled (...), ...",
//    "afctl": "0.1.0", "made": "2025-11-21 10:49:03"}
// Messages are in Protobuf's JSON form. What the job does not have is empty or null.
// FailedPrecondition until the job's figures are there; DataLoss for a document that can't be read.
absl::StatusOr<Json> FetchReportData(Stubs& stubs, const std::string& job);

// The command that asks for the same job again; words are quoted for a shell. Only settings that
// differ from the preset's are named. The folder of references is the user's to fill in.
std::string CommandOf(const v1::AlignSpec& spec);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_REPORT_DATA_H_
