#ifndef ALIGNFLOW_WORKER_DATA_VESSEL_TREE_H_
#define ALIGNFLOW_WORKER_DATA_VESSEL_TREE_H_

#include <opencv2/core/types.hpp>
#include <vector>

#include "worker/data/phantom_random.h"

namespace alignflow {

struct Vessel {
  bool vein = false;
  std::vector<cv::Point3f> points;  // x, y, radius
};

// The vessels of a retina, in coordinates where the field of view is the unit disc: from the optic
// disc an artery and a vein into each quadrant, the temporal ones in arcs around the macula, with
// branches of branches. Murray's law (the cubes of the radii add up) at each fork.
std::vector<Vessel> GrowVessels(PhantomRandom& random, cv::Point2f disc, cv::Point2f macula);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_VESSEL_TREE_H_
