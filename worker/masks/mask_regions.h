#ifndef ALIGNFLOW_WORKER_MASKS_MASK_REGIONS_H_
#define ALIGNFLOW_WORKER_MASKS_MASK_REGIONS_H_

#include <opencv2/core/mat.hpp>
#include <vector>

// Binary regions of masks, CV_8UC1 with 0 and 255. All functions are pure and thread-safe.
namespace alignflow {

// The pixels of a class or of those inside it.
cv::Mat SolidRegion(const cv::Mat& classes, int label, const std::vector<int>& inner);

// Gaussian blur of the boundary, then opening, then closing, by about a 64th of the side.
cv::Mat Smoothed(const cv::Mat& region);

// By one pixel to all eight sides. The image's border takes nothing away.
cv::Mat Eroded(const cv::Mat& region);
cv::Mat Dilated(const cv::Mat& region);
cv::Mat WithoutHoles(const cv::Mat& region);

// A connected part (8 neighbours), by falling area.
struct RegionPart {
  cv::Mat labels;       // CV_32S, shared by the parts of a region: a noisy mask may have thousands
  int label = 0;        // of this part in it
  double area = 0;      // pixels
  double x = 0, y = 0;  // centre of mass, in pixels

  cv::Mat Pixels() const { return labels == label; }
};
std::vector<RegionPart> PartsOf(const cv::Mat& region);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_MASKS_MASK_REGIONS_H_
