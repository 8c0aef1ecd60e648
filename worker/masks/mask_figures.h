#ifndef ALIGNFLOW_WORKER_MASKS_MASK_FIGURES_H_
#define ALIGNFLOW_WORKER_MASKS_MASK_FIGURES_H_

#include <ATen/ATen.h>

#include <string>
#include <vector>

namespace alignflow {

// The distance of two empirical distributions on a line: the area between their distribution
// functions, in the values' own unit. Throws std::invalid_argument where one is empty.
double Wasserstein1(std::vector<double> a, std::vector<double> b);

// How far the masks of one set are from another's, for one class.
struct MaskDistances {
  int label = 0;
  double area = 0;      // Wasserstein-1 of its area, percent of the image
  double centre_x = 0;  // of its centre, percent of the side; masks without it do not count
  double centre_y = 0;
  double parts = 0;      // of the number of its connected parts
  double mean_area = 0;  // of `masks`, percent of the image
};

// By class, from 1 on. masks, real: uint8 [N,S,S] of `count` classes, N >= 1 each. A class that one
// of the sets does not have has no centre: NaN. Thread-safe.
std::vector<MaskDistances> CompareMasks(const at::Tensor& masks, const at::Tensor& real, int count);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_MASK_FIGURES_H_
