#ifndef ALIGNFLOW_CLIENT_JOB_TEXT_H_
#define ALIGNFLOW_CLIENT_JOB_TEXT_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "alignflow/v1/jobs.pb.h"
#include "client/session.h"

namespace alignflow {

// A job for a person: what was asked, its stages with their times and what was reused, models,
// warnings, error. `now` is the end of stages that still run.
std::string JobText(const v1::Job& job, absl::Time now);

// Figures as a table: one row per figure, one column per kind of images.
std::string FiguresText(const v1::Report& report);

// Both of them; the document is the job with its report under "report" (null without one).
Result JobResult(const v1::Job& job, const std::optional<v1::Report>& report);

// The job's report, or nothing where there is none yet or never will be.
absl::StatusOr<std::optional<v1::Report>> FetchReport(v1::Jobs::StubInterface& jobs,
                                                      const std::string& name);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_JOB_TEXT_H_
