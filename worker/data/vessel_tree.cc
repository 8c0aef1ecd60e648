#include "worker/data/vessel_tree.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace alignflow {
namespace {

using cv::Point2f;
using cv::Point3f;

constexpr float kStep = 0.02f;
constexpr float kMinRadius = 0.0035f;

float Length(const Point2f& v) { return std::sqrt(v.dot(v)); }
Point2f Turned(const Point2f& v, float angle) {
  const float c = std::cos(angle), s = std::sin(angle);
  return {c * v.x - s * v.y, s * v.x + c * v.y};
}

class Grower {
 public:
  Grower(PhantomRandom& random, const Point2f& disc, const Point2f& macula)
      : random_(random), disc_(disc), macula_(macula) {}

  // From `position` along `guide` (a few points to pass near), then on by itself until it thins out
  // or leaves the field.
  void Grow(bool vein, Point2f position, Point2f direction, float radius, int level,
            const std::vector<Point2f>& guide) {
    Vessel vessel{vein, {}};
    struct Fork {
      Point2f position, direction;
      float radius;
    };
    std::vector<Fork> forks;
    size_t next = 0;
    float curl = 0, since_fork = random_.Draw(0.0, 0.1), side = random_.Chance(0.5) ? 1.0f : -1.0f;
    float left = level == 0 ? 3.0f : random_.Draw(0.25, 0.75) / static_cast<float>(level);
    while (left > 0 && radius > kMinRadius && Length(position) < 1.02f) {
      vessel.points.emplace_back(position.x, position.y, radius);
      curl = 0.85f * curl + 0.045f * static_cast<float>(random_.Normal());
      direction = Turned(direction, curl);
      if (next < guide.size()) {
        const Point2f to = guide[next] - position;
        if (Length(to) < 0.12f) ++next;
        direction += to * (0.22f / std::max(0.05f, Length(to)));
      }
      // Branches lead away from the disc.
      const Point2f outwards = position - disc_;
      if (level > 0) direction += outwards * (0.05f / std::max(0.05f, Length(outwards)));
      // The fovea is free of vessels.
      const Point2f away = position - macula_;
      const float near = Length(away);
      if (near < 0.13f) break;
      if (near < 0.34f) direction += away * (0.05f / near);
      direction *= 1 / Length(direction);
      position += direction * kStep;
      left -= kStep;
      since_fork += kStep;
      if (level < 3 && since_fork > (level == 0 ? 0.13f : 0.10f) && random_.Chance(0.28)) {
        const float share = random_.Draw(0.45, 0.78);
        forks.push_back(
            {position, Turned(direction, side * random_.Draw(0.5, 1.05)), radius * share});
        radius *= std::cbrt(1 - share * share * share);
        side = random_.Chance(0.75) ? -side : side;
        since_fork = 0;
      }
      radius *= 0.9985f;
    }
    if (vessel.points.size() > 2) vessels_.push_back(std::move(vessel));
    for (const Fork& fork : forks) {
      Grow(vein, fork.position, fork.direction, fork.radius, level + 1, {});
    }
  }

  std::vector<Vessel> Take() && { return std::move(vessels_); }

 private:
  PhantomRandom& random_;
  Point2f disc_, macula_;
  std::vector<Vessel> vessels_;
};

}  // namespace

std::vector<Vessel> GrowVessels(PhantomRandom& random, Point2f disc, Point2f macula) {
  Grower grower(random, disc, macula);
  const float temporal = macula.x > disc.x ? 1.0f : -1.0f;
  const float reach = std::abs(macula.x - disc.x);
  const float caliber = random.Draw(0.021, 0.027);
  for (const float up : {-1.0f, 1.0f}) {
    const float height = random.Draw(0.50, 0.66);
    for (const bool vein : {false, true}) {
      const float radius = caliber * (vein ? 1.0f : 0.74f);
      const auto near = [&](float x, float y) {
        return Point2f(x + 0.035f * static_cast<float>(random.Normal()),
                       y + 0.035f * static_cast<float>(random.Normal()));
      };
      // An artery and its vein run side by side, and the vein lies more on the temporal side.
      const float apart = vein ? 0.035f : -0.035f;
      const Point2f root = disc + Point2f(-temporal * 0.02f + temporal * apart * 0.5f, 0);
      grower.Grow(vein, root, {temporal * 0.15f, up}, radius, 0,
                  {near(disc.x + temporal * (0.10f + apart), up * height * 0.55f),
                   near(disc.x + temporal * (0.40f * reach + apart), up * (height + apart)),
                   near(macula.x + temporal * apart, up * (height * 0.98f + apart)),
                   near(macula.x + temporal * 0.40f, up * height * 0.55f)});
      grower.Grow(vein, root, {-temporal * 0.5f, up}, radius * 0.78f, 0,
                  {near(disc.x - temporal * (0.16f - apart), up * (0.30f + apart)),
                   near(disc.x - temporal * 0.55f, up * (0.62f + apart))});
    }
    // Small ones from the disc's temporal edge towards the macula.
    grower.Grow(up > 0, disc + Point2f(temporal * 0.05f, up * 0.04f), {temporal, up * 0.3f},
                caliber * 0.33f, 1, {});
  }
  return std::move(grower).Take();
}

}  // namespace alignflow
