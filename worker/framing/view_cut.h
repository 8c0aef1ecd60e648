#ifndef ALIGNFLOW_WORKER_FRAMING_VIEW_CUT_H_
#define ALIGNFLOW_WORKER_FRAMING_VIEW_CUT_H_

#include <opencv2/core/mat.hpp>
#include <opencv2/core/types.hpp>

#include "worker/framing/view_finder.h"

// Between a picture and its view. Pure functions, thread-safe.
namespace alignflow {

// The same view in the same picture at another size.
View AtSize(const View& view, int width, int height);

// The view's shape, stretched from its box to `size`: uint8, 0 or 255.
cv::Mat ShapeAt(const View& view, cv::Size size);

// The box cut out of a picture of the view's width and height and stretched to `size`: area average
// when shrinking, Lanczos when enlarging. Around the view's shape, and on its rim of a hundredth of
// the side, the picture is filled with what is next to it, ever smoother, so that it has no edge
// there. 8 bits, any number of channels.
cv::Mat CutImage(const cv::Mat& image, const View& view, cv::Size size);

// Likewise of a mask of label values: nearest neighbour (pixel centres), `background` around the
// shape.
cv::Mat CutMask(const cv::Mat& mask, const View& view, cv::Size size, int background);

// A mask of the view's box, of any size, back in a whole picture's: the inverse of CutMask, exact
// within the shape where that did not change the size. `background` elsewhere.
cv::Mat PutMaskBack(const cv::Mat& mask, const View& view, int background);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FRAMING_VIEW_CUT_H_
