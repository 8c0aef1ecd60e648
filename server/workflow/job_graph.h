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

// Writes down the job's stages; its tasks are made as it reaches them.
void InsertJobGraph(WritingSql& sql, const JobRecord& job);

// Sees to it that this program can go on with an unfinished job that an earlier version has
// planned. The job keeps the settings that it was resolved with, and gets the preset's value of
// those that were not there yet, unless it would then have other stages. One whose stages are not
// those that this program would plan fails: it could never go on. Its finished tasks can be reused.
absl::Status TakeOver(Change& change, JobRecord& job);

// Takes an unfinished job as far as the states of its tasks go: starts it, makes tasks whose inputs
// are there, takes those whose results exist as reused, queues the others unless another job has
// done so, and ends the job when all is done or one has failed. Does a bounded amount of work; what
// is left is for Later. Does nothing for a job that has ended or is gone.
absl::Status Advance(Change& change, BlobStore& blobs, const std::string& job);

// Takes the jobs that wait for the task further, after it has changed its state.
absl::Status OnTaskMoved(Change& change, BlobStore& blobs, const TaskRecord& task);

// The task as log lines name it: its kind, and the jobs that wait for it.
std::string TaskText(Sql& sql, const TaskRecord& task);

// Queues a task that has ended once more. Unfinished jobs that have taken its result wait for the
// new one, and go on with it.
absl::Status MakeAgain(Change& change, TaskRecord& task);

// Ends an unfinished job as CANCELLED, and its tasks that no other job wants.
absl::Status CancelUnfinished(Change& change, JobRecord& job);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_WORKFLOW_JOB_GRAPH_H_
