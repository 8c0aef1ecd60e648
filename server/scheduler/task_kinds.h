#ifndef ALIGNFLOW_SERVER_SCHEDULER_TASK_KINDS_H_
#define ALIGNFLOW_SERVER_SCHEDULER_TASK_KINDS_H_

#include <string>
#include <vector>

namespace alignflow {

// The kinds of tasks that jobs are planned as (common/settings/task_spec.h).
inline const std::vector<std::string>& TaskKinds() {
  static const auto* kinds = new std::vector<std::string>{
      "prepare", "describe", "fit",      "rollout",  "align",    "fit-masks", "masks",
      "judge",   "generate", "transfer", "baseline", "evaluate", "figures"};
  return *kinds;
}

// Those of them that train, and store checkpoints meanwhile.
inline const std::vector<std::string>& TrainingKinds() {
  static const auto* kinds =
      new std::vector<std::string>{"fit", "align", "fit-masks", "judge", "baseline", "evaluate"};
  return *kinds;
}

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_TASK_KINDS_H_
