#ifndef ALIGNFLOW_WORKER_FIGURES_SAMPLES_H_
#define ALIGNFLOW_WORKER_FIGURES_SAMPLES_H_

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "worker/figures/subjects.h"

// What a person looks at beside the figures.
namespace alignflow {

// The rows of the pairs that either shows, in order.
std::vector<int64_t> RowsToShow(const FigureSubject& made);

// samples.json, see task.h: pairs from all over the set, and those that came nearest to failing
// mask agreement, each beside its stage-1 image, the source image whose mask it has and the real
// image that the gates found nearest. Images larger than 256 pixels are made that small.
std::string SamplesJson(const FigureSets& sets);

// A contact sheet, BGR: the first pairs, a line each, as both stages or recolouring made them,
// beside the source images whose masks they have, and references and target.
cv::Mat FiguresSheet(const FigureSets& sets);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FIGURES_SAMPLES_H_
