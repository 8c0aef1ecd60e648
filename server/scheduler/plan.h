#ifndef ALIGNFLOW_SERVER_SCHEDULER_PLAN_H_
#define ALIGNFLOW_SERVER_SCHEDULER_PLAN_H_

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "common/settings/settings.h"
#include "common/settings/task_spec.h"
#include "server/scheduler/job_shape.h"

// A job as a graph of tasks, stage by stage. Pure.
//
//   fit --> rollout --> align --> generate (shards) --> evaluate (runs) --> figures
//    \                             ^     ^                                    ^ ^
//     \    fit-masks --> masks ----+     judge             baseline (runs) ---+ |
//      \---------------------------\--> compare (shards of stage-1 images) -----+
//
// Before all of them the source and, if there is one, the target are prepared (stage prepare, tasks
// 0 and 1): cut to their fields of view, unless framing is none. Where segmentation models are
// evaluated on whole pictures as well, both are prepared whole, too (tasks 2 and 3). describe
// follows on the source and is waited for by align, generate with gates, and figures. Every task
// reads the prepared images alone; both stages depend on the dataset, the size and what is cut and
// on nothing else, so that jobs share them. baseline and evaluate have their runs once for whole
// pictures and once for views, as evaluate.pictures says.
//
// A stage is there only where the job needs it: rollout with align.rollout=pool, fit-masks and
// masks with new masks, judge with gates, baseline and evaluate with a target. Method controlnet-fm
// generates with the model of fit and compares nothing; colour transfer generates straight from the
// source. A job of kind fit has prepare and fit alone. One of kind generate begins with the tasks
// that made its model: fit and, of a model of stage 2, align are theirs, without a rollout (the
// workflow puts them at their places). Where masks are another dataset's, that is prepared last,
// and what draws masks reads it in the place of the source.
//
// All tasks of a stage wait for the same tasks; a task can be named (its key computed) once those
// are done, because its inputs are their outputs.
namespace alignflow {

// What of a job decides its tasks.
struct PlanInput {
  std::string source_digest;      // manifests
  std::string references_digest;  // empty: none; of kind fit: the file of an imported model
  std::string target_digest;      // empty: none
  int64_t pairs = 0;              // at least 1, of kind fit 0
  std::string preset;
  SettingMap settings;  // resolved
  JobKind kind = JobKind::kAlign;
  std::string masks_digest = {};  // empty: masks are the source's
};

// A task's place in a job.
struct TaskPlace {
  std::string stage;
  int ordinal = 0;
  bool operator==(const TaskPlace&) const = default;
  bool operator<(const TaskPlace& other) const {
    return std::tie(stage, ordinal) < std::tie(other.stage, other.ordinal);
  }
};

// Stages of the job, in the order in which queued work is done.
std::vector<std::string> Stages(const PlanInput& job);

// Whether the stage's task is that which made the job's model.
bool IsOfModel(const PlanInput& job, std::string_view stage);

// Number of tasks in a stage.
int StageSize(const PlanInput& job, std::string_view stage);

// The tasks of a stage with ordinals from `first` on, `count` of them.
struct StagePart {
  std::string stage;
  int first = 0;
  int count = 1;
  bool operator==(const StagePart&) const = default;
};

// The tasks that must have succeeded before any of `stage` can be named.
std::vector<StagePart> Prerequisites(const PlanInput& job, std::string_view stage);

// Those of the prerequisites whose outputs the tasks of the part need: of a stage of many shards no
// more than the part's own.
std::vector<StagePart> InputsOf(const PlanInput& job, const StagePart& part);

// The part's tasks by ordinal, given the outputs of its inputs. Internal if an output that one of
// these should have is not there.
absl::StatusOr<std::vector<TaskSpec>> StageTasks(const PlanInput& job, const StagePart& part,
                                                 const std::map<TaskPlace, TaskOutputs>& outputs);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_PLAN_H_
