#ifndef ALIGNFLOW_WORKER_FRAMING_FRAME_H_
#define ALIGNFLOW_WORKER_FRAMING_FRAME_H_

#include <opencv2/core/mat.hpp>
#include <opencv2/core/types.hpp>
#include <span>
#include <vector>

#include "worker/framing/view_finder.h"

// The frame that a scanner puts around its view, and views put into it. Pure functions,
// thread-safe.
namespace alignflow {

struct Frame {
  cv::Rect box;          // where in the picture the view lies
  cv::Mat shape;         // uint8 [box.height, box.width], 255 within the view
  cv::Mat surroundings;  // BGR, 8 bits, the picture's size: what is around the view

  cv::Size size() const { return surroundings.size(); }
};

// What a frame of any size is made of.
struct FramePlan {
  View view;
  cv::Mat surroundings;  // BGR, 8 bits, the size of the picture that the view was found in
};
// The picture's longer side becomes `longer` pixels.
Frame FrameAt(const FramePlan& plan, int longer);

// Around the view the border's colour alone.
Frame PlainFrame(const View& view, int longer);

// The frames of pictures of one scanner, such as of a job's references, by picture. Around the view
// is what the pictures have in common: of those of the same size with the view at about the same
// place, three at least, what none of them shows tissue at, differs hardly and is coarser than
// writing; else the border's colour. So nothing that one picture alone holds is in any frame: no
// second picture, and no name, not even one that all of them show.
std::vector<FramePlan> CommonFrames(std::span<const cv::Mat> images, std::span<const View> views);

// A view, stretched to the frame's box, with the frame around it.
// view: BGR, 8 bits, of any size.
cv::Mat PutIntoFrame(const cv::Mat& view, const Frame& frame);
// A mask of label values likewise: nearest neighbour, `background` around the view.
cv::Mat PutMaskIntoFrame(const cv::Mat& mask, const Frame& frame, int background);

// The share of a mask's pixels other than `background` that stay within the frame's shape; 1 if it
// has none.
double KeptShare(const cv::Mat& mask, const Frame& frame, int background);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FRAMING_FRAME_H_
