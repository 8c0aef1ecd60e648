#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "worker/data/phantom_random.h"
#include "worker/data/phantom_scene.h"
#include "worker/data/vessel_tree.h"

namespace alignflow {
namespace {

using cv::Point2f;
using cv::Vec3f;

constexpr uint64_t kFundusStream = 0x66756e647573;  // "fundus"
constexpr float kFieldRadius = 0.95f;               // of half the side

float Step(float low, float high, float x) {
  const float t = std::clamp((x - low) / (high - low), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}
Vec3f Mix(const Vec3f& a, const Vec3f& b, float share) { return a + (b - a) * share; }

// A rounded outline that is not quite an ellipse.
struct Outline {
  Point2f center;
  float half_width = 1, half_height = 1, lean = 0;
  float wobble2 = 0, wobble3 = 0, phase = 0;

  // 1 on the outline, less inside.
  float At(const Point2f& p) const {
    const Point2f q = p - center;
    const float x = (q.x + lean * q.y) / half_width, y = q.y / half_height;
    const float angle = std::atan2(y, x);
    return std::sqrt(x * x + y * y) /
           (1 + wobble2 * std::cos(2 * angle + phase) + wobble3 * std::cos(3 * angle - phase));
  }
};

struct Eye {
  explicit Eye(PhantomRandom& random) {
    temporal = random.Chance(0.5) ? 1.0f : -1.0f;
    const float height = random.Draw(0.175, 0.235);
    const Point2f at(-temporal * random.Draw(0.34, 0.50), random.Draw(-0.10, 0.08));
    const auto outline = [&](const Point2f& center, float half_width, float half_height) {
      return Outline{center,
                     half_width,
                     half_height,
                     random.Draw(-0.12, 0.12),
                     random.Draw(0, 0.03),
                     random.Draw(0, 0.025),
                     random.Draw(0, 6.28)};
    };
    disc = outline(at, height * random.Draw(0.84, 0.97), height);
    // Cup-to-disc ratio: about 0.45 in healthy eyes, up to 0.8 in glaucoma.
    const float ratio = random.Chance(0.3) ? random.Draw(0.6, 0.8) : random.Draw(0.34, 0.58);
    const float room = height * (1 - ratio);
    cup = outline(
        at + Point2f(temporal * random.Draw(0.0, 0.25) * room, random.Draw(-0.12, 0.12) * room),
        disc.half_width * ratio * random.Draw(0.92, 1.08), height * ratio);
    macula =
        at + Point2f(temporal * height * random.Draw(4.4, 5.0), height * random.Draw(0.1, 0.6));
    const float pigment = random.Draw(0, 1);
    ground = Mix({0.045f, 0.155f, 0.60f}, {0.022f, 0.080f, 0.38f}, pigment);
    rim = Mix({0.17f, 0.40f, 0.86f}, {0.20f, 0.47f, 0.90f}, random.Draw(0, 1));
    pallor = Mix({0.34f, 0.66f, 0.98f}, {0.52f, 0.80f, 1.02f}, random.Draw(0, 1));
    edge = random.Draw(0.05, 0.14);
    crescent = random.Chance(0.45) ? random.Draw(0.15, 0.6) : 0.0f;
    tigroid = random.Draw(0.0, 0.22);
    sheen = random.Draw(0.0, 0.16);
  }

  float temporal;  // +1 if the temple is on the right
  Outline disc, cup;
  Point2f macula;
  Vec3f ground, rim, pallor;  // reflectance, BGR
  float edge;                 // softness of the disc's edge
  float crescent, tigroid,
      sheen;  // strength of atrophy beside the disc, choroid showing through, nerve fibres
};

// Thickness of blood that light passes, [side,side] CV_32F, in units of half the side.
struct Blood {
  cv::Mat arteries, veins;
  cv::Mat reflex;  // light streak on the wider arteries, 0..1
};

// A tapering round rod from p to q (x, y, radius); `map` keeps the greatest value.
template <typename Profile>
void DrawRod(cv::Mat& map, const cv::Point3f& p, const cv::Point3f& q, const Profile& profile) {
  const float half = static_cast<float>(map.cols) / 2, widest = std::max(p.z, q.z);
  const auto pixel = [&](float c, int limit) {
    return std::clamp(static_cast<int>((c + 1) * half), 0, limit);
  };
  const int left = pixel(std::min(p.x, q.x) - widest, map.cols),
            right = pixel(std::max(p.x, q.x) + widest, map.cols - 1);
  const int top = pixel(std::min(p.y, q.y) - widest, map.rows),
            bottom = pixel(std::max(p.y, q.y) + widest, map.rows - 1);
  const Point2f along(q.x - p.x, q.y - p.y);
  const float length2 = std::max(1e-9f, along.dot(along));
  for (int y = top; y <= bottom; ++y) {
    for (int x = left; x <= right; ++x) {
      const Point2f from((static_cast<float>(x) + 0.5f) / half - 1 - p.x,
                         (static_cast<float>(y) + 0.5f) / half - 1 - p.y);
      const float h = std::clamp(from.dot(along) / length2, 0.0f, 1.0f);
      const Point2f off = from - along * h;
      const float radius = p.z + (q.z - p.z) * h, distance2 = off.dot(off);
      if (distance2 >= radius * radius) continue;
      float& value = map.at<float>(y, x);
      value = std::max(value, profile(radius, distance2));
    }
  }
}

Blood DrawVessels(const std::vector<Vessel>& vessels, int side) {
  Blood blood;
  for (cv::Mat* map : {&blood.arteries, &blood.veins, &blood.reflex})
    *map = cv::Mat(side, side, CV_32F, cv::Scalar(0));
  for (const Vessel& vessel : vessels) {
    for (size_t i = 1; i < vessel.points.size(); ++i) {
      const cv::Point3f &p = vessel.points[i - 1], &q = vessel.points[i];
      DrawRod(vessel.vein ? blood.veins : blood.arteries, p, q,
              [](float radius, float d2) { return 2 * std::sqrt(radius * radius - d2); });
      if (!vessel.vein && p.z > 0.01f) {
        DrawRod(blood.reflex, p, q,
                [](float radius, float d2) { return std::exp(-d2 / (0.08f * radius * radius)); });
      }
    }
  }
  return blood;
}

class Painter {
 public:
  Painter(const Eye& eye, PhantomRandom& random, int side)
      : eye_(eye),
        blood_(DrawVessels(GrowVessels(random, eye.disc.center, eye.macula), side)),
        coarse_(NoiseImage(random, {side, side}, side / 4.0)),
        choroid_(NoiseImage(random, {side, side}, side / 26.0)),
        grain_(NoiseImage(random, {side, side}, side / 90.0)) {}

  Vec3f ColorAt(int x, int y, const Point2f& p) const {
    Vec3f color = Ground(x, y, p);
    const float disc = eye_.disc.At(p), cup = eye_.cup.At(p);
    const float turn = (p.x - eye_.disc.center.x) * eye_.temporal / eye_.disc.half_width;
    if (disc < 2) {
      // Atrophy beside the disc shows the sclera, on the temporal side.
      const float beside = eye_.crescent * Step(1.55f, 1.05f, disc) * Step(0.1f, 0.9f, turn);
      color = Mix(color, {0.20f, 0.42f, 0.86f}, beside);
      color *= 1 - 0.18f * std::exp(-std::pow((disc - 1.06f) / 0.08f, 2.0f));
      const Vec3f rim = eye_.rim * (1 + 0.06f * turn + 0.04f * coarse_.at<float>(y, x));
      color = Mix(color, rim, Step(1 + eye_.edge, 1 - eye_.edge, disc));
      const float depth = Step(1.16f, 0.70f, cup);
      color = Mix(color, eye_.pallor * (1 + 0.02f * grain_.at<float>(y, x)), depth);
    }
    return Bleed(x, y, color);
  }

 private:
  Vec3f Ground(int x, int y, const Point2f& p) const {
    const float coarse = coarse_.at<float>(y, x), grain = grain_.at<float>(y, x);
    Vec3f color = eye_.ground * (1 + 0.07f * coarse + 0.035f * grain);
    const float streak = 1 - std::min(1.0f, std::abs(choroid_.at<float>(y, x)) / 0.7f);
    color[2] *= 1 + eye_.tigroid * 0.6f * streak;
    color[1] *= 1 + eye_.tigroid * streak;
    // Nerve fibres are thickest in arcs above and below the disc, and shine there.
    const Point2f d = p - eye_.disc.center, m = p - eye_.macula;
    const float from_disc = std::sqrt(d.dot(d)), from_macula2 = m.dot(m);
    const float fibres = eye_.sheen * std::exp(-from_disc * from_disc / 0.35f) *
                         std::min(1.0f, std::abs(d.y) / 0.2f);
    color += Vec3f(0.05f, 0.10f, 0.06f) * fibres;
    const float macula = std::exp(-from_macula2 / (2 * 0.17f * 0.17f));
    const float fovea = std::exp(-from_macula2 / (2 * 0.055f * 0.055f));
    color[0] *= 1 - 0.55f * macula - 0.15f * fovea;
    color[1] *= 1 - 0.42f * macula - 0.16f * fovea;
    color[2] *= 1 - 0.24f * macula - 0.10f * fovea;
    // A round mirror in the pit of the fovea.
    color += Vec3f(0.06f, 0.08f, 0.08f) * std::exp(-from_macula2 / (2 * 0.014f * 0.014f));
    return color * (1.08f - 0.28f * p.dot(p));
  }

  // Beer-Lambert: blood takes blue and green, and the darker blood of veins more of the red.
  Vec3f Bleed(int x, int y, Vec3f color) const {
    const float artery = blood_.arteries.at<float>(y, x), vein = blood_.veins.at<float>(y, x);
    const Vec3f depth = Vec3f(30, 31, 7) * artery + Vec3f(38, 40, 17) * vein;
    for (int c = 0; c < 3; ++c) color[c] *= std::max(0.16f, std::exp(-depth[c]));
    return color + Vec3f(0.03f, 0.06f, 0.12f) * blood_.reflex.at<float>(y, x);
  }

  const Eye& eye_;
  Blood blood_;
  cv::Mat coarse_, choroid_, grain_;
};

}  // namespace

PhantomScene RenderFundus(uint64_t seed, int index, int side) {
  PhantomRandom random{kFundusStream, seed, static_cast<uint64_t>(index)};
  const Eye eye(random);
  const Painter painter(eye, random, side);
  PhantomScene scene{cv::Mat(side, side, CV_32FC3), cv::Mat(side, side, CV_32F),
                     cv::Mat(side, side, CV_8U)};
  const float half = static_cast<float>(side) / 2;
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const Point2f p((static_cast<float>(x) + 0.5f) / half - 1,
                      (static_cast<float>(y) + 0.5f) / half - 1);
      const float outside = (std::sqrt(p.dot(p)) - kFieldRadius) * half;
      scene.field.at<float>(y, x) = std::clamp(0.5f - outside / 2, 0.0f, 1.0f);
      scene.light.at<Vec3f>(y, x) = painter.ColorAt(x, y, p);
      scene.mask.at<uint8_t>(y, x) = eye.cup.At(p) < 1 ? 0 : eye.disc.At(p) < 1 ? 128 : 255;
    }
  }
  return scene;
}

}  // namespace alignflow
