#ifndef ALIGNFLOW_SERVER_WORKFLOW_TASK_RESULTS_H_
#define ALIGNFLOW_SERVER_WORKFLOW_TASK_RESULTS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/records.h"
#include "server/scheduler/plan.h"

// The result documents that workers write (worker/tasks/task.h), read with suspicion.
namespace alignflow {

// Most bytes of such a document.
inline constexpr int64_t kMaxResultDocumentBytes = 64 << 20;

// The JSON lines of a generate task. InvalidArgument unless they are the pairs of `range`, in
// order, each with digests and a record.
absl::StatusOr<std::vector<PairRecord>> ParsePairs(std::string_view json_lines,
                                                   const PairRange& range);

// A number with a name, as in jobs.proto.
struct FigureRecord {
  std::string name, subject;
  double value = 0;
  std::string better;
  int sample_count = 0;
};
// The JSON of a figures task. InvalidArgument if it is malformed.
absl::StatusOr<std::vector<FigureRecord>> ParseFigures(std::string_view json);

// The record with the job and the pair's number in it.
std::string RecordOfJob(const std::string& record_json, const std::string& job, int64_t pair);

// Checks that a task's outputs are all there and can be read, and returns the pairs if it made any.
// InvalidArgument names the role; errors of the store are passed on.
absl::StatusOr<std::vector<PairRecord>> CheckOutputs(const TaskSpec& task,
                                                     const TaskOutputs& outputs, BlobStore& blobs);

// Whether the results of a task that has succeeded are still whole, pairs included.
bool ResultsExist(const TaskSpec& task, const TaskOutputs& outputs,
                  const std::vector<PairRecord>& pairs, BlobStore& blobs);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_TASK_RESULTS_H_
