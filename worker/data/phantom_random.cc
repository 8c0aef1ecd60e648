#include "worker/data/phantom_random.h"

#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace alignflow {

PhantomRandom::PhantomRandom(std::initializer_list<uint64_t> key) {
  for (const uint64_t part : key) {
    state_ ^= part;
    state_ = Bits();
  }
}

uint64_t PhantomRandom::Bits() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

double PhantomRandom::Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }

double PhantomRandom::Uniform(double low, double high) { return low + (high - low) * Uniform(); }

double PhantomRandom::Normal() {
  const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
  return radius * std::cos(2 * std::numbers::pi * Uniform());
}

cv::Mat NoiseImage(PhantomRandom& random, cv::Size size, double cell) {
  const int pad = 2;
  const cv::Size lattice(static_cast<int>(size.width / cell) + 2 * pad + 1,
                         static_cast<int>(size.height / cell) + 2 * pad + 1);
  cv::Mat heights(lattice, CV_32F);
  for (auto it = heights.begin<float>(); it != heights.end<float>(); ++it) {
    *it = static_cast<float>(random.Normal());
  }
  // A random phase, so that the lattice is at another place in every image.
  const double x = random.Uniform(), y = random.Uniform();
  const cv::Matx23d map(1 / cell, 0, pad - 1 + x, 0, 1 / cell, pad - 1 + y);
  cv::Mat noise;
  cv::warpAffine(heights, noise, map, size, cv::INTER_CUBIC | cv::WARP_INVERSE_MAP,
                 cv::BORDER_REFLECT);
  return noise * 1.3;  // interpolation averages: bring the variance back to about 1
}

NoiseVolume::NoiseVolume(PhantomRandom& random) : heights_(kSide * kSide * kSide) {
  for (float& height : heights_) height = static_cast<float>(random.Uniform(-1, 1));
}

float NoiseVolume::At(cv::Point3f point) const {
  // Cheaper than std::floor, which is a call on machines without SSE 4.1; this is the renderer's
  // innermost loop.
  const auto floor = [](float c) { return static_cast<int>(c) - (c < 0); };
  const int bx = floor(point.x), by = floor(point.y), bz = floor(point.z);
  const auto smooth = [](float t) { return t * t * (3 - 2 * t); };
  const float u = smooth(point.x - static_cast<float>(bx));
  const float v = smooth(point.y - static_cast<float>(by));
  const float w = smooth(point.z - static_cast<float>(bz));
  constexpr int kMask = kSide - 1;
  const int x[2] = {bx & kMask, (bx + 1) & kMask};
  const int y[2] = {(by & kMask) * kSide, ((by + 1) & kMask) * kSide};
  const int z[2] = {(bz & kMask) * kSide * kSide, ((bz + 1) & kMask) * kSide * kSide};
  const auto row = [&](int j, int k) {
    const float* heights = &heights_[y[j] + z[k]];
    return heights[x[0]] + (heights[x[1]] - heights[x[0]]) * u;
  };
  const float near = row(0, 0) + (row(1, 0) - row(0, 0)) * v;
  const float far = row(0, 1) + (row(1, 1) - row(0, 1)) * v;
  return near + (far - near) * w;
}

float NoiseVolume::Fractal(cv::Point3f point, int octaves) const {
  float sum = 0, height = 1;
  for (int i = 0; i < octaves; ++i, height /= 2) {
    sum += height * At(point);
    // Shifted as well as scaled: the lattices of the octaves must not coincide at the origin.
    point = point * 2 + cv::Point3f(7.3f, 3.1f, 5.7f);
  }
  return sum;
}

}  // namespace alignflow
