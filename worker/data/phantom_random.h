#ifndef ALIGNFLOW_WORKER_DATA_PHANTOM_RANDOM_H_
#define ALIGNFLOW_WORKER_DATA_PHANTOM_RANDOM_H_

#include <cstdint>
#include <initializer_list>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace alignflow {

// Numbers drawn from a key, the same ones with every compiler and library (the distributions of
// <random> are not). SplitMix64: the state is a counter, the output its hash.
class PhantomRandom {
 public:
  explicit PhantomRandom(std::initializer_list<uint64_t> key);

  uint64_t Bits();
  double Uniform();                         // [0,1)
  double Uniform(double low, double high);  // [low,high)
  float Draw(double low, double high) { return static_cast<float>(Uniform(low, high)); }
  double Normal();  // mean 0, variance 1
  bool Chance(double probability) { return Uniform() < probability; }

 private:
  uint64_t state_ = 0;
};

// Smooth noise on an image: random heights on a lattice of `cell` pixels, interpolated; CV_32F,
// about variance 1.
cv::Mat NoiseImage(PhantomRandom& random, cv::Size size, double cell);

// Smooth noise in space, period kSide: random heights on the integer lattice, interpolated by
// smoothstep; within [-1,1].
class NoiseVolume {
 public:
  explicit NoiseVolume(PhantomRandom& random);

  float At(cv::Point3f point) const;
  // The sum of `octaves` noises, each of twice the frequency and half the height.
  float Fractal(cv::Point3f point, int octaves) const;

 private:
  static constexpr int kSide = 32;
  std::vector<float> heights_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_DATA_PHANTOM_RANDOM_H_
