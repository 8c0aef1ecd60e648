#ifndef ALIGNFLOW_CLIENT_JOB_TEXT_H_
#define ALIGNFLOW_CLIENT_JOB_TEXT_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "alignflow/v1/jobs.pb.h"
#include "client/session.h"

namespace alignflow {

// "12 of 40 ready, 3 left out by the gates".
std::string PairsText(const v1::Job& job);

// A job for a person: what was asked, its stages with their times and what was reused, models,
// warnings, error. `now` is the end of stages that still run.
std::string JobText(const v1::Job& job, absl::Time now);

// Verdicts, a line each with its reason.
std::string VerdictsText(const v1::Report& report);

// "0.52 [0.41, 0.63]", the interval where there is one, or "not available".
std::string FigureCell(const v1::Figure& figure);

// Figures as a table: one row per figure, one column per kind of images; then their notes, and in
// one line those that lack weights. `width`: columns of the terminal, or 0 for none; where the
// table is wider, each figure has lines of its own.
std::string FiguresText(const v1::Report& report, int width);

// The report in its JSON form; the value of a figure that is not available is null.
Json ReportJson(const v1::Report& report);

// Verdicts first, then job and figures; the document is the job with its report under "report"
// (null without one). A report that is damaged in the coordinator's store takes nothing else of the
// job along: a line says so, and "report_error". `width` as above.
absl::StatusOr<Result> JobResult(v1::Jobs::StubInterface& jobs, const v1::Job& job, int width);

// The job's report, or nothing where there is none yet or never will be.
absl::StatusOr<std::optional<v1::Report>> FetchReport(v1::Jobs::StubInterface& jobs,
                                                      const std::string& name);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_JOB_TEXT_H_
