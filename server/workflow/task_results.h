#ifndef ALIGNFLOW_SERVER_WORKFLOW_TASK_RESULTS_H_
#define ALIGNFLOW_SERVER_WORKFLOW_TASK_RESULTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/records.h"
#include "server/workflow/result_documents.h"

// Whether what a task put out is whole.
namespace alignflow {

// Most bytes of a document that a task writes.
inline constexpr int64_t kMaxResultDocumentBytes = 64 << 20;

// What of a task's outputs the coordinator itself keeps or shows.
struct TaskResults {
  // Of tasks that make pairs; of a masks task the masks.
  std::vector<PairRecord> pairs;
  // Of a figures task.
  std::vector<FigureRecord> figures;
  std::vector<VerdictRecord> verdicts;

  int64_t pairs_made() const;
  int64_t pairs_left_out() const;
};

// The record with the job, the digests of its source and of the dataset of its masks, if that is
// another, and the pair's number in it.
std::string RecordOfJob(const std::string& record_json, const JobRecord& job, int64_t pair);

// Checks that a task's outputs are all there and can be read. InvalidArgument names the role;
// errors of the store are passed on.
absl::StatusOr<TaskResults> CheckOutputs(const TaskSpec& task, const TaskOutputs& outputs,
                                         BlobStore& blobs);

// Whether the results of a task that has succeeded are still whole, pairs included.
bool ResultsExist(const TaskSpec& task, const TaskOutputs& outputs,
                  const std::vector<PairRecord>& pairs, BlobStore& blobs);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_TASK_RESULTS_H_
