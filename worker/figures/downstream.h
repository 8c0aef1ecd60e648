#ifndef ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_
#define ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_

#include <optional>
#include <string>

#include "common/settings/least_numbers.h"
#include "worker/figures/subjects.h"
#include "worker/figures/table.h"
#include "worker/metrics/paired.h"
#include "worker/tasks/task.h"

namespace alignflow {

struct DownstreamGain {
  PairedGain gain;
  double real = 0, both = 0;  // mean Dice without and with the pairs
};

// What segmentation models score on the target, trained on real pairs only and on real and
// generated ones: the inputs PICTURES/real/NNNNNN and PICTURES/both/NNNNNN, whose runs are compared
// one by one. `pictures` is what they were trained and tested on, "whole" or "view", and part of
// the subjects' names: "real only", "real + pairs", "real only, views", "real + pairs, views". Of
// the images that were scored those count that `target` holds: it leaves out what is no held-out
// image, and holds 1,000 at most. Returns the gain in mean Dice, and adds to `known` how many runs,
// steps, images and groups it rests on; nothing where a side was not evaluated. Throws TaskError
// with InvalidArgument where the two sides were not tested on the same images and classes.
std::optional<DownstreamGain> AddDownstream(TaskContext& context, const TaskSpec& spec,
                                            const std::string& pictures,
                                            const FigureSubject& target, FigureTable& table,
                                            Quantities& known);

// scores.json, see task.h: what AddDownstream compares, so that runs of several jobs on the same
// source and target can be compared image by image.
std::string ScoresJson(TaskContext& context, const TaskSpec& spec, const FigureSubject& target);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_DOWNSTREAM_H_
