#include "worker/data/colon.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace alignflow {
namespace {

using cv::Point3f;

float Length(const Point3f& v) { return std::sqrt(v.dot(v)); }

// Minimum with a fillet of radius k.
float SmoothMin(float a, float b, float k) {
  const float h = std::max(0.0f, k - std::abs(a - b)) / k;
  return std::min(a, b) - h * h * k * 0.25f;
}

}  // namespace

Colon::Colon(PhantomRandom& random, const NoiseVolume& noise) : noise_(noise) {
  constexpr double kTurn = 2 * std::numbers::pi;
  bend_x_ = random.Draw(0.2, 0.9);
  bend_y_ = random.Draw(0.2, 0.9);
  wave_x_ = random.Draw(0.35, 0.7);
  wave_y_ = random.Draw(0.35, 0.7);
  phase_x_ = random.Draw(0, kTurn);
  phase_y_ = random.Draw(0, kTurn);
  ribs_ = random.Draw(0.03, 0.14);
  const float rib_phase = random.Draw(0, kTurn);
  rib_phase_cos_ = std::cos(rib_phase);
  rib_phase_sin_ = std::sin(rib_phase);
  period_ = random.Draw(0.6, 1.1);
  offset_ = random.Draw(0, 1);
  lean_x_ = random.Draw(-0.25, 0.25);
  lean_y_ = random.Draw(-0.25, 0.25);
  const double height = random.Uniform(0.08, 0.38);
  for (Fold& fold : folds_) {
    const float turn = random.Draw(0, kTurn);
    fold = {static_cast<float>(height * random.Uniform(0.4, 1.2)), random.Draw(0.10, 0.2),
            std::cos(turn), std::sin(turn)};
  }
}

void Colon::AddPolyp(PhantomRandom& random, const Point3f& base, const Point3f& normal,
                     float away) {
  Polyp polyp;
  polyp.root = base;
  const Point3f any = std::abs(normal.x) < 0.7f ? Point3f(1, 0, 0) : Point3f(0, 1, 0);
  const Point3f raw = normal.cross(any);
  const Point3f u = raw * (1 / Length(raw)), v = normal.cross(u);
  const float turn = random.Draw(0, std::numbers::pi);
  polyp.normal = normal;
  polyp.across = u * std::cos(turn) + v * std::sin(turn);
  polyp.along = normal.cross(polyp.across);
  const float radius = away * random.Draw(0.17, 0.42);
  const bool stalked = random.Chance(0.25);
  const float rise = stalked ? random.Draw(0.75, 1.0) : random.Draw(0.45, 0.95);
  polyp.radii = {radius, radius * random.Draw(0.7, 1.0), radius * rise};
  polyp.stalk = stalked ? radius * random.Draw(0.3, 0.45) : 0;
  polyp.center = base + normal * (polyp.radii.z * (stalked ? 1.15f : 0.3f));
  polyp.lumps = radius * (random.Chance(0.4) ? random.Draw(0.12, 0.26) : random.Draw(0.02, 0.1));
  polyp.pit_frequency = random.Draw(5, 9) / radius;
  // From pale (hyperplastic) to red (adenoma).
  const float red = random.Draw(0, 1);
  polyp.color = {0.32f - 0.17f * red, 0.40f - 0.20f * red, 0.92f - 0.08f * red};
  polyps_.push_back(polyp);
}

Point3f Colon::Axis(float z) const {
  return {bend_x_ * (std::sin(wave_x_ * z + phase_x_) - std::sin(phase_x_)),
          bend_y_ * (std::sin(wave_y_ * z + phase_y_) - std::sin(phase_y_)), z};
}

float Colon::WallDistance(const Point3f& p) const {
  const Point3f axis = Axis(p.z);
  const float x = p.x - axis.x, y = p.y - axis.y;
  const float r = std::sqrt(x * x + y * y) + 1e-6f, c = x / r, s = y / r;
  const float cos3 = c * (4 * c * c - 3), sin3 = s * (3 - 4 * s * s);
  const float wobble = noise_.At(p * 1.4f);
  // The three bands of muscle draw the wall in: the lumen of the transverse colon is a rounded
  // triangle.
  float radius = 1 - ribs_ * (cos3 * rib_phase_cos_ + sin3 * rib_phase_sin_) + 0.06f * wobble;
  const float u = (p.z + lean_x_ * c + lean_y_ * s + 0.16f * wobble) / period_ + offset_;
  const int k = static_cast<int>(u) - (u < 0);
  const Fold& fold = folds_[k & 15];
  const float d = (u - static_cast<float>(k) - 0.5f) * period_ / fold.width;
  const float crescent = 0.6f + 0.4f * (c * fold.cos_turn + s * fold.sin_turn);
  radius -= fold.height * crescent * std::exp(-d * d);
  return (radius - r) *
         0.5f;  // the folds' slope makes the difference of radii up to twice the distance
}

float Colon::PolypDistance(const Polyp& polyp, const Point3f& p) const {
  const Point3f q = p - polyp.center;
  const Point3f local(q.dot(polyp.across), q.dot(polyp.along), q.dot(polyp.normal));
  const Point3f a(local.x / polyp.radii.x, local.y / polyp.radii.y, local.z / polyp.radii.z);
  const Point3f b(a.x / polyp.radii.x, a.y / polyp.radii.y, a.z / polyp.radii.z);
  const float k0 = Length(a), k1 = Length(b) + 1e-6f;
  float distance = k0 * (k0 - 1) / k1;
  if (distance < polyp.radii.x) {
    distance += polyp.lumps * noise_.At(q * (1.9f / polyp.radii.x) + Point3f(9, 2, 14));
  }
  if (polyp.stalk > 0) {
    const Point3f up = polyp.center - polyp.root, from = p - polyp.root;
    const float h = std::clamp(from.dot(up) / up.dot(up), 0.0f, 1.0f);
    distance = SmoothMin(distance, Length(from - up * h) - polyp.stalk, polyp.stalk);
  }
  return distance * 0.8f;
}

float Colon::Distance(const Point3f& p) const {
  float distance = WallDistance(p);
  for (const Polyp& polyp : polyps_) {
    const float reach =
        1.25f * distance + 2.2f * polyp.radii.x;  // beyond this the polyp changes nothing
    const Point3f q = p - polyp.center;
    if (q.dot(q) > reach * reach) continue;
    distance = SmoothMin(distance, PolypDistance(polyp, p), 0.22f * polyp.radii.x);
  }
  return distance;
}

int Colon::PolypAt(const Point3f& p) const {
  const float wall = WallDistance(p);
  for (size_t i = 0; i < polyps_.size(); ++i) {
    if (PolypDistance(polyps_[i], p) < wall) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace alignflow
