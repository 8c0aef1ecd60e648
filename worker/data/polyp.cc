#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "worker/data/colon.h"
#include "worker/data/phantom_random.h"
#include "worker/data/phantom_scene.h"

namespace alignflow {
namespace {

using cv::Point3f;

constexpr uint64_t kPolypStream = 0x706f6c7970;  // "polyp"

float NormOf(const Point3f& v) { return std::sqrt(v.dot(v)); }
Point3f Unit(const Point3f& v) { return v * (1 / NormOf(v)); }

// A wide-angle lens: the angle off the axis is proportional to the distance from the image's
// centre.
class Endoscope {
 public:
  Endoscope(PhantomRandom& random, const Colon& colon, int side) : side_(side) {
    eye_ = colon.Axis(0) + Point3f(static_cast<float>(random.Uniform(-0.3, 0.3)),
                                   static_cast<float>(random.Uniform(-0.3, 0.3)), 0);
    // Towards the lumen, usually off it: to look at a wall is what the examiner does.
    const double turn = random.Uniform(0, 2 * std::numbers::pi);
    const double tilt = random.Uniform(0.1, 1.5);
    forward_ =
        Unit(Unit(colon.Axis(2) - eye_) + Point3f(static_cast<float>(tilt * std::cos(turn)),
                                                  static_cast<float>(tilt * std::sin(turn)), 0));
    const double roll = random.Uniform(0, 2 * std::numbers::pi);
    const Point3f up(static_cast<float>(std::cos(roll)), static_cast<float>(std::sin(roll)), 0);
    right_ = Unit(forward_.cross(up));
    down_ = forward_.cross(right_);
    half_field_ = static_cast<float>(random.Uniform(0.95, 1.1));
  }

  const Point3f& eye() const { return eye_; }
  const Point3f& right() const { return right_; }
  float radians_per_pixel() const { return 2 * half_field_ / static_cast<float>(side_); }

  Point3f Ray(float x, float y) const {
    const float u = 2 * x / static_cast<float>(side_) - 1,
                v = 2 * y / static_cast<float>(side_) - 1;
    const float r = std::max(1e-6f, std::sqrt(u * u + v * v)), angle = r * half_field_;
    return forward_ * std::cos(angle) + (right_ * (u / r) + down_ * (v / r)) * std::sin(angle);
  }

 private:
  int side_;
  float half_field_ = 1;
  Point3f eye_, forward_, right_, down_;
};

// Distance along the ray to where the scene is closer than `spread` times it; never beyond a hit.
float March(const Colon& colon, const Point3f& eye, const Point3f& ray, float start, float spread) {
  float t = start;
  for (int step = 0; step < 96 && t < Colon::kFar; ++step) {
    const float distance = colon.Distance(eye + ray * t);
    if (distance < std::max(2e-3f, spread * t)) break;
    t += distance;
  }
  return std::min(t, Colon::kFar);
}

Point3f Normal(const Colon& colon, const Point3f& p) {
  constexpr float h = 4e-3f;
  // Four evaluations at the corners of a tetrahedron give the gradient.
  constexpr std::array<std::array<int, 3>, 4> kCorners = {
      {{1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {1, 1, 1}}};
  Point3f gradient;
  for (const auto& c : kCorners) {
    const Point3f corner(static_cast<float>(c[0]), static_cast<float>(c[1]),
                         static_cast<float>(c[2]));
    gradient += corner * colon.Distance(p + corner * h);
  }
  return Unit(gradient);
}

// The picture that the video processor shows is a square with cut, rounded corners.
cv::Mat FieldOfView(int side) {
  cv::Mat field(side, side, CV_32F);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float u = std::abs((static_cast<float>(x) + 0.5f) * 2 / static_cast<float>(side) - 1);
      const float v = std::abs((static_cast<float>(y) + 0.5f) * 2 / static_cast<float>(side) - 1);
      const float outside = std::max({u - 0.95f, v - 0.93f, (u + v - 1.55f) * 0.7071f});
      field.at<float>(y, x) = std::clamp(0.5f - outside * static_cast<float>(side) / 4, 0.0f, 1.0f);
    }
  }
  return field;
}

class Renderer {
 public:
  Renderer(const Colon& colon, const Endoscope& camera, const NoiseVolume& noise,
           PhantomRandom& random)
      : colon_(colon), camera_(camera), noise_(noise) {
    const float hue = static_cast<float>(random.Normal());
    mucosa_ = {0.17f - 0.02f * hue, 0.28f - 0.04f * hue, 0.82f};
    vessels_ = static_cast<float>(random.Uniform(0.3, 0.95));
    wet_ = static_cast<float>(random.Uniform(0.5, 1.2));
  }

  void Render(PhantomScene& scene) const {
    constexpr int kBlock = 16;
    for (int y = 0; y < scene.light.rows; y += kBlock) {
      for (int x = 0; x < scene.light.cols; x += kBlock) Trace(x, y, kBlock, 0, scene);
    }
  }

 private:
  // A square of pixels as one wide cone first: its rays are all free up to where the cone touches
  // something. Then each quarter from there.
  void Trace(int left, int top, int block, float start, PhantomScene& scene) const {
    if (left >= scene.light.cols || top >= scene.light.rows) return;
    if (block == 1) {
      if (scene.field.at<float>(top, left) > 0) Shade(left, top, start, scene);
      return;
    }
    const float middle = static_cast<float>(block) / 2;
    const Point3f axis =
        camera_.Ray(static_cast<float>(left) + middle, static_cast<float>(top) + middle);
    const float free = March(colon_, camera_.eye(), axis, start,
                             camera_.radians_per_pixel() * static_cast<float>(block));
    const int half = block / 2;
    for (const int y : {top, top + half}) {
      for (const int x : {left, left + half}) Trace(x, y, half, free, scene);
    }
  }

  void Shade(int x, int y, float start, PhantomScene& scene) const {
    const Point3f ray = camera_.Ray(static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f);
    const float t = March(colon_, camera_.eye(), ray, start, camera_.radians_per_pixel() * 0.3f);
    if (t >= Colon::kFar) return;
    const Point3f p = camera_.eye() + ray * t;
    const Point3f flat = Normal(colon_, p);
    const int polyp = colon_.PolypAt(p);
    // Mucosa is finely uneven; without that, highlights look like plastic.
    const Point3f fine = p * 16;
    const Point3f bump(noise_.Fractal(fine, 2), noise_.Fractal(fine + Point3f(11, 5, 9), 2),
                       noise_.Fractal(fine + Point3f(3, 17, 21), 2));
    const Point3f normal = Unit(flat + bump * (polyp >= 0 ? 0.11f : 0.08f));
    const float open = std::clamp(colon_.Distance(p + flat * 0.16f) / 0.10f, 0.0f, 1.0f);

    float diffuse = 0, gloss = 0;
    for (const float lamp : {-0.07f, 0.09f}) {
      const Point3f to_lamp = camera_.eye() + camera_.right() * lamp - p;
      const float distance = NormOf(to_lamp);
      const Point3f light = to_lamp * (1 / distance);
      const float power = 0.5f / (0.12f + distance * distance);
      const float facing = std::max(0.0f, normal.dot(light));
      diffuse += power * (0.12f + 0.88f * facing);
      const float mirror = std::max(0.0f, normal.dot(Unit(light - ray)));
      gloss += power * (std::pow(mirror, 420.0f) * 3.2f + std::pow(mirror, 60.0f) * 0.10f);
    }
    diffuse *= 0.35f + 0.65f * open;

    const cv::Vec3f color = Albedo(p, polyp);
    auto& pixel = scene.light.at<cv::Vec3f>(y, x);
    for (int c = 0; c < 3; ++c) {
      // Deep in the bowel light has met the wall many times, and each time became redder.
      const float deep = std::pow(color[c], 1 + 0.35f * std::max(0.0f, t - 1));
      pixel[c] = diffuse * deep + gloss * wet_;
    }
    if (polyp >= 0) scene.mask.at<uint8_t>(y, x) = 255;
  }

  cv::Vec3f Albedo(const Point3f& p, int polyp) const {
    const float blotch = noise_.Fractal(p * 2.2f, 2);
    cv::Vec3f color = mucosa_;
    float vessels = vessels_;
    if (polyp >= 0) {
      color = colon_.polyps()[polyp].color;
      vessels *= 0.25f;
      // The surface of an adenoma: fine pits.
      const float pits = noise_.Fractal(p * colon_.polyps()[polyp].pit_frequency, 2);
      color *= 1 + 0.13f * pits;
    }
    // Vessels run along the zero lines of a warped noise: a net that branches and fades.
    const Point3f warp = p * 3.1f + Point3f(blotch, -blotch, blotch) * 0.35f;
    const float line = 1 - std::min(1.0f, std::abs(noise_.Fractal(warp, 2)) / 0.09f);
    const float present =
        std::clamp(0.5f + 1.3f * noise_.At(p * 1.3f + Point3f(4, 9, 2)), 0.0f, 1.0f);
    const float blood = vessels * line * present;
    return {color[0] * (1 + 0.10f * blotch) * (1 - 0.75f * blood),
            color[1] * (1 + 0.12f * blotch) * (1 - 0.85f * blood),
            color[2] * (1 + 0.05f * blotch) * (1 - 0.35f * blood)};
  }

  const Colon& colon_;
  const Endoscope& camera_;
  const NoiseVolume& noise_;
  cv::Vec3f mucosa_;
  float vessels_, wet_;
};

// Puts a polyp where the ray through a random place of the picture meets the wall, near enough for
// the lamp to reach.
void AddPolyp(PhantomRandom& random, const Endoscope& camera, int side, Colon& colon) {
  const auto middle = static_cast<float>(side) / 2;
  Point3f base;
  float away = Colon::kFar;
  for (int attempt = 0; attempt < 20 && away > 1.9f; ++attempt) {
    const double reach = 0.65 * std::sqrt(random.Uniform());
    const double turn = random.Uniform(0, 2 * std::numbers::pi);
    const Point3f ray = camera.Ray(middle * static_cast<float>(1 + reach * std::cos(turn)),
                                   middle * static_cast<float>(1 + reach * std::sin(turn)));
    away = March(colon, camera.eye(), ray, 0, 1e-3f);
    base = camera.eye() + ray * away;
  }
  colon.AddPolyp(random, base, Normal(colon, base), away);
}

// Automatic exposure: the picture's bright parts come out at the same level, whatever is in front
// of the lens.
void Expose(PhantomScene& scene) {
  std::vector<float> green;
  for (int y = 0; y < scene.light.rows; y += 4) {
    for (int x = 0; x < scene.light.cols; x += 4) {
      if (scene.field.at<float>(y, x) > 0) green.push_back(scene.light.at<cv::Vec3f>(y, x)[1]);
    }
  }
  const auto bright = green.begin() + static_cast<std::ptrdiff_t>(green.size() * 8 / 10);
  std::nth_element(green.begin(), bright, green.end());
  scene.light *= 0.36f / std::max(*bright, 1e-3f);
}

}  // namespace

PhantomScene RenderPolyp(uint64_t seed, int index, int side) {
  for (uint64_t attempt = 0;; ++attempt) {
    PhantomRandom random{kPolypStream, seed, static_cast<uint64_t>(index), attempt};
    const NoiseVolume noise(random);
    Colon colon(random, noise);
    const Endoscope camera(random, colon, side);
    const int polyps = random.Chance(0.15) ? 2 : 1;
    for (int i = 0; i < polyps; ++i) AddPolyp(random, camera, side, colon);
    PhantomScene scene{cv::Mat(side, side, CV_32FC3, cv::Scalar::all(0)), FieldOfView(side),
                       cv::Mat(side, side, CV_8U, cv::Scalar(0))};
    Renderer(colon, camera, noise, random).Render(scene);
    scene.mask.setTo(0, scene.field < 0.5f);
    const double share = cv::countNonZero(scene.mask) / static_cast<double>(side * side);
    // A polyp behind a fold, or one that fills the view, is drawn again; the limits of clinical
    // sets.
    if ((share < 0.02 || share > 0.35) && attempt < 20) continue;
    Expose(scene);
    return scene;
  }
}

}  // namespace alignflow
