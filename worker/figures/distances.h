#ifndef ALIGNFLOW_WORKER_FIGURES_DISTANCES_H_
#define ALIGNFLOW_WORKER_FIGURES_DISTANCES_H_

#include <ATen/ATen.h>

#include <map>
#include <optional>
#include <string>

#include "worker/figures/features.h"
#include "worker/figures/subjects.h"
#include "worker/figures/table.h"

namespace alignflow {

// The features of each subject and of the target, by name: float [N,d].
using FeaturesByName = std::map<std::string, at::Tensor>;

// What the sets' figures say to the verdicts.
struct SetFindings {
  // How much nearer the pairs are to the target than the source is, by the kernel distance.
  std::optional<double> source_distance, made_distance;
  Interval gain;
  // How likely a random choice of images of source and references differs as much as they do.
  std::optional<double> same_p_value;
  // Mean pairwise distance of the pairs over that of the source or of the target (without one: the
  // references), whichever is smaller: a scanner's own images may be more alike than the source's.
  std::optional<double> diversity;
  std::string no_diversity = "there are too few images";  // why there is none
  std::string diversity_of = "source";
};

// Kernel and Frechet distances to the target of every subject, and of the target's halves to one
// another, which is the least that can be reached; precision, recall, density and coverage;
// diversities. One row says so where the space is missing. `found` is filled in if not null.
void AddSetFigures(const FeatureSpace& space, const FigureSets& sets,
                   const FeaturesByName& features, FigureTable& table, SetFindings* found);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_DISTANCES_H_
