#ifndef ALIGNFLOW_WORKER_TASKS_DIVERGED_H_
#define ALIGNFLOW_WORKER_TASKS_DIVERGED_H_

namespace alignflow {

// What RunTask returns has this payload if the training's loss has stopped being finite.
inline constexpr char kDiverged[] = "alignflow/diverged";

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_DIVERGED_H_
