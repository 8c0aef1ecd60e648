#ifndef ALIGNFLOW_WORKER_DATA_COLON_H_
#define ALIGNFLOW_WORKER_DATA_COLON_H_

#include <array>
#include <opencv2/core/matx.hpp>
#include <opencv2/core/types.hpp>
#include <vector>

#include "worker/data/phantom_random.h"

namespace alignflow {

// The inside of a bowel as a signed distance, for rendering by sphere tracing. Lengths are in bowel
// radii; the bowel runs along +z. Thread-safe once built.
class Colon {
 public:
  static constexpr float kFar = 9;  // nothing is seen beyond

  struct Polyp {
    cv::Point3f center, normal, across,
        along;                // of the head; an orthonormal frame, normal away from the wall
    cv::Point3f radii;        // in that frame: across, along, normal
    cv::Point3f root;         // where it grows from the wall
    float stalk = 0;          // radius of the stalk; 0 for a sessile polyp
    float lumps = 0;          // height of the surface's lumps
    float pit_frequency = 0;  // of the surface's texture
    cv::Vec3f color;          // reflectance, BGR
  };

  Colon(PhantomRandom& random, const NoiseVolume& noise);

  // Adds a polyp on the wall at `base` with the wall's `normal`, seen from the distance `away`.
  void AddPolyp(PhantomRandom& random, const cv::Point3f& base, const cv::Point3f& normal,
                float away);

  // The bowel's middle line.
  cv::Point3f Axis(float z) const;
  // A lower bound of the distance to the nearest surface; negative inside of tissue.
  float Distance(const cv::Point3f& p) const;
  // The polyp that the surface point belongs to; -1 on the wall.
  int PolypAt(const cv::Point3f& p) const;
  const std::vector<Polyp>& polyps() const { return polyps_; }

 private:
  struct Fold {
    float height, width, cos_turn, sin_turn;  // folds are half-moons: highest towards one side
  };

  float WallDistance(const cv::Point3f& p) const;
  float PolypDistance(const Polyp& polyp, const cv::Point3f& p) const;

  const NoiseVolume& noise_;
  float bend_x_, bend_y_, wave_x_, wave_y_, phase_x_, phase_y_;
  float ribs_, rib_phase_cos_, rib_phase_sin_;
  float period_, offset_, lean_x_, lean_y_;
  std::array<Fold, 16> folds_;
  std::vector<Polyp> polyps_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_COLON_H_
