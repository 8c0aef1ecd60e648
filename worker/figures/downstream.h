#ifndef ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_
#define ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_

#include <optional>

#include "worker/figures/table.h"
#include "worker/metrics/paired.h"
#include "worker/tasks/task.h"

namespace alignflow {

// What segmentation models score on the target, trained on real pairs only and on real and
// generated ones: the inputs real/NNNNNN and both/NNNNNN, whose runs are compared one by one.
// Returns the gain in mean Dice; nothing where a side was not evaluated. Throws TaskError with
// InvalidArgument where the two sides were not tested on the same images and classes.
std::optional<PairedGain> AddDownstream(TaskContext& context, const TaskSpec& spec,
                                        FigureTable& table);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_
