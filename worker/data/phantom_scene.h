#ifndef ALIGNFLOW_WORKER_DATA_PHANTOM_SCENE_H_
#define ALIGNFLOW_WORKER_DATA_PHANTOM_SCENE_H_

#include <cstdint>
#include <opencv2/core/mat.hpp>

#include "worker/data/phantom.h"

// What the phantoms are made of: a scene, rendered without any camera's traits, and a scanner that
// takes its picture.
namespace alignflow {

struct PhantomScene {
  cv::Mat light;  // [side,side] CV_32FC3 BGR, linear light, 1 = white
  cv::Mat field;  // [side,side] CV_32F, 1 inside of the field of view, 0 outside
  cv::Mat mask;   // [side,side] CV_8U, the label values of the kind
};

// The anatomy of (seed, index), rendered with `side` pixels. Thread-safe.
PhantomScene RenderFundus(uint64_t seed, int index, int side);
PhantomScene RenderPolyp(uint64_t seed, int index, int side);

// The scene as the domain's scanner shows it: illumination, colour and blur at the scene's
// resolution, then an area average down to `size`, tone curve, noise, 8 bits and JPEG. `seed` and
// `index` choose the noise and the small differences between exposures. BGR, 8 bits. Thread-safe.
cv::Mat Scan(const PhantomScene& scene, PhantomDomain domain, uint64_t seed, int index, int size);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_PHANTOM_SCENE_H_
