#ifndef ALIGNFLOW_SERVER_WORKFLOW_RESULT_DOCUMENTS_H_
#define ALIGNFLOW_SERVER_WORKFLOW_RESULT_DOCUMENTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/catalog/records.h"
#include "server/scheduler/task_rules.h"

// The documents that workers write (common/settings/task_spec.h), read with suspicion. Pure. All
// return InvalidArgument for what is malformed, naming the line or entry.
namespace alignflow {

// A number with a name, as in jobs.proto.
struct FigureRecord {
  std::string name, subject;
  std::optional<double> value;  // nothing: not available
  std::optional<double> low, high;
  std::string better, unit, note;
  int sample_count = 0;
};

// A judgement about a job, as in jobs.proto.
struct VerdictRecord {
  std::string name, verdict, reason;
};

// The JSON lines of a task that makes pairs: those of `range`, in order, each with a record, and
// with digests or the reason why it is left out.
absl::StatusOr<std::vector<PairRecord>> ParsePairs(std::string_view json_lines,
                                                   const PairRange& range);

// The JSON lines of a masks task: as pairs without an image.
absl::StatusOr<std::vector<PairRecord>> ParseMasks(std::string_view json_lines,
                                                   const PairRange& range);

// The figures and the verdicts of a figures task.
absl::StatusOr<std::vector<FigureRecord>> ParseFigures(std::string_view json);
absl::StatusOr<std::vector<VerdictRecord>> ParseVerdicts(std::string_view json);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_RESULT_DOCUMENTS_H_
