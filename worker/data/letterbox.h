#ifndef ALIGNFLOW_WORKER_DATA_LETTERBOX_H_
#define ALIGNFLOW_WORKER_DATA_LETTERBOX_H_

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

// Brings images of any size to the square that a preset wants: scaled with the aspect kept,
// centred, the rest padded. Pure functions, thread-safe.
namespace alignflow {

struct LetterboxPlan {
  int source_width = 0;  // pixels before
  int source_height = 0;
  int size = 0;  // side of the square
  int left = 0;  // where the picture lies in the square
  int top = 0;
  int width = 0;
  int height = 0;

  bool Changes() const { return source_width != size || source_height != size; }
  bool Pads() const { return width != size || height != size; }
  bool operator==(const LetterboxPlan&) const = default;
};

// width, height, size >= 1. The longer side becomes `size`; the other is rounded, at least 1.
LetterboxPlan PlanLetterbox(int width, int height, int size);

// image: 8-bit, any number of channels, of the plan's source size. Area average when shrinking,
// Lanczos when enlarging; padding is black.
cv::Mat LetterboxImage(const cv::Mat& image, const LetterboxPlan& plan);

// mask: 8-bit, one channel. Nearest neighbour (pixel centres), so no new value arises; padding is
// `background`.
cv::Mat LetterboxMask(const cv::Mat& mask, const LetterboxPlan& plan, int background);

// The picture without its padding, plan.width x plan.height; a copy.
cv::Mat CropLetterbox(const cv::Mat& square, const LetterboxPlan& plan);

// What was done to the images, for people: "700 images 256x256 -> 64x64", "300 images 384x288 ->
// 64x48 in 64x64". One entry per kind of change, most frequent first, at most four and then "and N
// more in M other sizes"; empty if nothing was changed.
std::string DescribeLetterbox(const std::vector<LetterboxPlan>& plans);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_LETTERBOX_H_
