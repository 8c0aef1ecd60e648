#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "worker/data/phantom_random.h"
#include "worker/data/phantom_scene.h"

namespace alignflow {
namespace {

constexpr uint64_t kScannerStream = 0x7363616e;  // "scan"

struct Profile {
  cv::Matx33f color;       // BGR from BGR, linear light
  float exposure;          // factor
  float haze;              // stray light added everywhere inside the field, of the picture's mean
  float vignette;          // loss at the field's edge
  float slope_x, slope_y;  // uneven illumination: relative change from the centre to the edge
  float gamma;             // of the tone curve, 1/2.2 = neutral
  float contrast;          // about middle grey, of the displayed picture
  float blur;              // standard deviation of the point spread, of the picture's side
  float sharpen;           // unsharp masking by the processor
  float noise;             // standard deviation in a grey level of 128, 8-bit levels
  int jpeg;                // quality
};

const Profile& ProfileOf(PhantomDomain domain) {
  // A current camera, neutral and sharp.
  static const Profile kSource{cv::Matx33f::eye(), 1.0f, 0.00f,   0.18f, 0.0f, 0.0f,
                               1 / 2.2f,           1.0f, 0.0020f, 0.0f,  1.2f, 95};
  // An older one: dim, greenish yellow and flat, dark towards the edge, soft and noisy.
  static const Profile kTargetA{
      cv::Matx33f(0.62f, 0.10f, 0.02f, 0.03f, 0.96f, 0.08f, -0.02f, 0.14f, 0.62f),
      0.62f,
      0.05f,
      0.50f,
      0.10f,
      -0.12f,
      1 / 2.0f,
      0.92f,
      0.0065f,
      0.0f,
      3.6f,
      88};
  // One with a strong lamp from the side and a processor that saturates, sharpens and compresses.
  static const Profile kTargetB{
      cv::Matx33f(1.12f, 0.03f, 0.07f, 0.00f, 0.95f, 0.00f, 0.02f, -0.08f, 1.06f),
      1.30f,
      0.00f,
      0.08f,
      -0.38f,
      0.22f,
      1 / 2.4f,
      1.18f,
      0.0030f,
      0.8f,
      1.6f,
      72};
  switch (domain) {
    case PhantomDomain::kSource:
      return kSource;
    case PhantomDomain::kTargetA:
      return kTargetA;
    case PhantomDomain::kTargetB:
      return kTargetB;
  }
  return kSource;
}

// Lamp, lens and filter, at the scene's resolution.
cv::Mat Expose(const PhantomScene& scene, const Profile& profile, PhantomRandom& random) {
  const float exposure = profile.exposure * static_cast<float>(std::exp(0.08 * random.Normal()));
  const float slope_x = profile.slope_x + 0.05f * static_cast<float>(random.Normal());
  const float slope_y = profile.slope_y + 0.05f * static_cast<float>(random.Normal());
  cv::Matx33f color = profile.color;
  for (int c = 0; c < 3; ++c) {
    const float balance = static_cast<float>(std::exp(0.03 * random.Normal()));
    for (int k = 0; k < 3; ++k) color(c, k) *= balance;
  }
  const cv::Scalar mean = cv::mean(scene.light, scene.field > 0.5f);
  const cv::Vec3f haze = cv::Vec3f(static_cast<float>(mean[0]), static_cast<float>(mean[1]),
                                   static_cast<float>(mean[2])) *
                         profile.haze;
  cv::Mat light(scene.light.size(), CV_32FC3);
  const auto side = static_cast<float>(light.rows);
  for (int y = 0; y < light.rows; ++y) {
    for (int x = 0; x < light.cols; ++x) {
      const float u = (static_cast<float>(x) + 0.5f) * 2 / side - 1,
                  v = (static_cast<float>(y) + 0.5f) * 2 / side - 1;
      const float edge = 1 - profile.vignette * std::pow(std::min(1.0f, u * u + v * v), 1.5f);
      const float lamp = std::max(0.15f, 1 + slope_x * u + slope_y * v);
      const cv::Vec3f seen = color * (scene.light.at<cv::Vec3f>(y, x) * (lamp * edge) + haze);
      light.at<cv::Vec3f>(y, x) = seen * (exposure * scene.field.at<float>(y, x));
    }
  }
  cv::GaussianBlur(light, light, {}, profile.blur * side);
  return light;
}

// Sensor and processor, at the final resolution: linear light to displayed levels 0..255.
void Develop(const Profile& profile, PhantomRandom& random, cv::Mat& light) {
  for (auto it = light.begin<cv::Vec3f>(); it != light.end<cv::Vec3f>(); ++it) {
    for (int c = 0; c < 3; ++c) {
      const float linear = std::max(0.0f, (*it)[c]);
      // A shoulder instead of hard clipping: highlights keep some colour.
      const float film =
          linear < 0.6f ? linear : 0.6f + 0.4f * (1 - std::exp(-(linear - 0.6f) / 0.4f));
      const float level = std::pow(film, profile.gamma);
      const float curve =
          level + (profile.contrast - 1) * 2.2f * level * (1 - level) * (level - 0.42f) * 1.6f;
      (*it)[c] = 255 * curve;
    }
  }
  if (profile.sharpen > 0) {
    cv::Mat soft;
    cv::GaussianBlur(light, soft, {}, 0.9);
    light += (light - soft) * profile.sharpen;
  }
  for (auto it = light.begin<cv::Vec3f>(); it != light.end<cv::Vec3f>(); ++it) {
    const float common = static_cast<float>(random.Normal());
    for (int c = 0; c < 3; ++c) {
      const float own = static_cast<float>(random.Normal());
      // Shot noise grows with the level; the channels share part of it after demosaicking.
      const float spread =
          profile.noise * std::sqrt(0.15f + std::clamp((*it)[c], 0.0f, 255.0f) / 150);
      (*it)[c] += spread * (0.7f * common + 0.7f * own);
    }
  }
}

}  // namespace

cv::Mat Scan(const PhantomScene& scene, PhantomDomain domain, uint64_t seed, int index, int size) {
  const Profile& profile = ProfileOf(domain);
  PhantomRandom random{kScannerStream, seed, static_cast<uint64_t>(index),
                       static_cast<uint64_t>(domain)};
  cv::Mat light;
  cv::resize(Expose(scene, profile, random), light, {size, size}, 0, 0, cv::INTER_AREA);
  Develop(profile, random, light);
  cv::Mat image;
  light.convertTo(image, CV_8U);
  std::vector<uint8_t> compressed;
  cv::imencode(".jpg", image, compressed, {cv::IMWRITE_JPEG_QUALITY, profile.jpeg});
  return cv::imdecode(compressed, cv::IMREAD_COLOR);
}

}  // namespace alignflow
