#ifndef ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_
#define ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_

#include <optional>

#include "common/settings/least_numbers.h"
#include "worker/figures/subjects.h"
#include "worker/figures/table.h"
#include "worker/metrics/paired.h"
#include "worker/tasks/task.h"

namespace alignflow {

// What segmentation models score on the target, trained on real pairs only and on real and
// generated ones: the inputs real/NNNNNN and both/NNNNNN, whose runs are compared one by one. Of
// the images that were scored those count that `target` holds: it leaves out what is no held-out
// image, and holds 1,000 at most. Returns the gain in mean Dice, and adds to `known` how many runs,
// steps, images and groups it rests on; nothing where a side was not evaluated. Throws TaskError
// with InvalidArgument where the two sides were not tested on the same images and classes.
std::optional<PairedGain> AddDownstream(TaskContext& context, const TaskSpec& spec,
                                        const FigureSubject& target, FigureTable& table,
                                        Quantities& known);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_
