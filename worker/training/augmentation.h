#ifndef ALIGNFLOW_WORKER_TRAINING_AUGMENTATION_H_
#define ALIGNFLOW_WORKER_TRAINING_AUGMENTATION_H_

#include <ATen/ATen.h>

// What training images are changed by at random, each by draws of its own. Numbers are drawn on the
// CPU, so that every device sees the same. Images are float [B,3,H,W] RGB or volumes [B,1,D,H,W] in
// [-1,1] and stay so.
namespace alignflow {

// What a user's ordinary augmentation does: with the colours as shares of white, brightness times
// 0.6 to 1.4, contrast about the mean times 0.6 to 1.4, saturation times 0.4 to 1.6, each channel
// times 0.8 to 1.2, and an exponent of 0.7 to 1.4.
at::Tensor OrdinaryColours(const at::Tensor& images, at::Generator random);

// Colours far from the image's own, for a segmenter that is to see shapes in images of any style:
// an exponent of 0.6 to 1.7 for each channel, channels mixed into one another, gain and offset.
at::Tensor StrongColours(const at::Tensor& images, at::Generator random);

struct ImagesAndClasses {
  at::Tensor images;   // float [B,3,H,W] or [B,1,D,H,W]
  at::Tensor classes;  // uint8 [B,H,W] or [B,D,H,W]
};
// A part of each image, 0.75 to 1 of its sides long, enlarged to the whole; its mask likewise, of
// which each pixel takes the nearest.
ImagesAndClasses Cropped(const ImagesAndClasses& batch, at::Generator random);

// Half of the images (by a draw for each) cropped as above, the others seen from farther away: at a
// scale of 0.35 to 1, evenly in its logarithm, mirrored at their borders, with their masks.
ImagesAndClasses Scaled(const ImagesAndClasses& batch, at::Generator random);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TRAINING_AUGMENTATION_H_
