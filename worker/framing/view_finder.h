#ifndef ALIGNFLOW_WORKER_FRAMING_VIEW_FINDER_H_
#define ALIGNFLOW_WORKER_FRAMING_VIEW_FINDER_H_

#include <opencv2/core/mat.hpp>
#include <opencv2/core/types.hpp>
#include <span>
#include <vector>

// Where in a picture its field of view lies: what the camera or scanner saw, without the border
// around it, boxes and writing laid over it, and a second picture beside it. Pure functions,
// thread-safe.
namespace alignflow {

struct View {
  int width = 0, height = 0;  // of the picture, pixels
  cv::Rect box;               // the view's bounding box in them
  // uint8, 255 within the view and 0 outside; covers the box, in the box's proportions, with at
  // most kViewSide pixels a side.
  cv::Mat shape;
  cv::Vec3b border;  // BGR: the colour around the view; black where there is nothing around it

  bool IsWhole() const { return box == cv::Rect(0, 0, width, height); }
};

// Views are searched for at this size: the longer side of a picture in pixels, at most.
inline constexpr int kViewSide = 256;

// image: BGR or grey, 8 bits. What is dark or has the flat colour of the picture's edge and is
// connected to the edge is around the view; of the rest the largest connected part counts, without
// flat boxes and colours that the tissue does not have, its holes filled. A picture in which this
// leaves too little is all view.
View FindView(const cv::Mat& image);

// One by one as above. Besides, what does not change from picture to picture of the same size (four
// at least) is laid over the view, not in it.
std::vector<View> FindViews(std::span<const cv::Mat> images);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FRAMING_VIEW_FINDER_H_
