#ifndef ALIGNFLOW_SERVER_WORKFLOW_JOB_GRAPH_H_
#define ALIGNFLOW_SERVER_WORKFLOW_JOB_GRAPH_H_

#include <string>

#include "absl/status/status.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/catalog.h"
#include "server/catalog/records.h"
#include "server/scheduler/plan.h"
#include "server/workflow/change.h"

// How one job's graph moves on in the catalog. Every function is called within a transaction and
// adds an event to each job that it changes.
namespace alignflow {

PlanInput PlanOf(const JobRecord& job);

// Writes down the places of the job's tasks, none named yet.
void InsertJobGraph(Sql& sql, const JobRecord& job);

// Fails an unfinished job whose places are not those that this program would plan, because another
// version of AlignFlow wrote them down: it could never go on. Its finished tasks can be reused.
absl::Status FailIfPlannedOtherwise(Change& change, JobRecord& job);

// Takes the job as far as results go: names tasks whose inputs are there, takes those whose results
// exist as reused, queues the others unless another job has done so, and ends the job when all is
// done.
absl::Status Advance(Change& change, BlobStore& blobs, const std::string& job);

// Tells the unfinished jobs with the task that it runs, has failed for good, or is done.
absl::Status OnTaskStarted(Change& change, const TaskRecord& task);
absl::Status OnTaskFailed(Change& change, const TaskRecord& task);
absl::Status OnTaskSucceeded(Change& change, BlobStore& blobs, const TaskRecord& task);
// Any other change of a task: an event for each unfinished job with it.
void OnTaskChanged(Change& change, const TaskRecord& task);

// Ends an unfinished job as CANCELLED, and its tasks that no other job wants.
absl::Status CancelUnfinished(Change& change, JobRecord& job);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_JOB_GRAPH_H_
