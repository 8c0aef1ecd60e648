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

// What the sets' figures say to the verdict on alignment.
struct AlignmentFindings {
  std::string distance = "mmd";  // the kernel distance's name
  // How much nearer the pairs are to the target than the source is.
  std::optional<double> source_distance, made_distance;
  Interval gain;
  // How likely a random choice of images of source and references differs as much as they do.
  std::optional<double> same_p_value;
};

// And to that on diversity.
struct DiversityFindings {
  // Mean pairwise distance of the pairs over that of the source or of the target (without one: the
  // references), whichever is smaller: a scanner's own images may be more alike than the source's.
  std::optional<double> share;
  std::string none = "there are too few images";  // why there is no share
  std::string of = "source";
};

// Kernel and Frechet distances to the target of every subject but itself, and of the target's
// halves to one another, which is the least that can be reached; precision, recall, density and
// coverage; diversities. One row says so where the space is missing. Findings that are not null are
// set if it is there; `alignment` is of the space that the verdict rests on, in which the share of
// the gap that stage 2 closed is measured as well.
void AddSetFigures(const FeatureSpace& space, const FigureSets& sets,
                   const FeaturesByName& features, FigureTable& table, AlignmentFindings* alignment,
                   DiversityFindings* diversity);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_DISTANCES_H_
