#ifndef ALIGNFLOW_WORKER_MASKS_MASK_CLEANUP_H_
#define ALIGNFLOW_WORKER_MASKS_MASK_CLEANUP_H_

#include <ATen/ATen.h>

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace alignflow {

// What the real masks of a dataset say about a class. A class's solid region is the class together
// with the classes inside it: the disc with its cup.
struct ClassRules {
  int parent = 0;          // the class around it in every real mask; 0: none
  bool always = false;     // it is in every real mask
  bool thin = false;       // smoothing would wipe much of it out, so it is not smoothed
  bool holes = false;      // its solid region may have holes
  bool border = false;     // it may touch the mask's border
  int most_parts = 1;      // connected parts of its solid region, in all but the oddest real masks
  double least_area = 1;   // pixels below which such a part is an island: half of a small real one
  std::vector<int> inner;  // the classes inside it, at any depth
};

// By class; entry 0, the background, is not used.
struct MaskRules {
  int side = 0;  // of the masks, in pixels
  std::vector<ClassRules> classes;
  std::vector<int> order;  // classes 1.. from the outermost to the innermost
};

// Learns the rules from real masks: uint8 [N,S,S], N >= 1, of `count` classes; one is looked at
// after another on each of LibTorch's threads. Thread-safe, as all here. Throws
// std::invalid_argument.
MaskRules LearnMaskRules(const at::Tensor& masks, int count);

// A synthetic mask, CV_8UC1 classes, as the rules want it: per class, from the outermost to the
// innermost, Gaussian blur of the boundary, opening, closing, holes filled, islands removed, and
// kept inside the class around it.
cv::Mat CleanMask(const cv::Mat& classes, const MaskRules& rules);

// What is wrong with a mask under the rules, such as "class 2: an island of 3 pixels"; empty if
// nothing is. CleanMask may leave a mask without a class that is always there.
std::string MaskFault(const cv::Mat& classes, const MaskRules& rules);

// A mask mirrored at random, scaled by 0.8 to 1.2 and moved by up to a tenth of its side; the
// background comes in at the border.
cv::Mat MovedMask(const cv::Mat& classes, at::Generator random);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_MASK_CLEANUP_H_
