#include "worker/metrics/students_t.h"

#include <cmath>
#include <numbers>

namespace alignflow {
namespace {

constexpr int kMostTerms = 1000;
constexpr double kTiny = 1e-300;

double AwayFromZero(double value) { return std::abs(value) < kTiny ? kTiny : value; }

// The continued fraction of the incomplete beta function by Lentz's method (Numerical Recipes,
// section 6.4; DLMF 8.17.22).
double BetaFraction(double a, double b, double x) {
  double c = 1, d = 1 / AwayFromZero(1 - (a + b) * x / (a + 1)), fraction = d;
  for (int m = 1; m <= kMostTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / AwayFromZero(1 + even * d);
    c = AwayFromZero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / AwayFromZero(1 + odd * d);
    c = AwayFromZero(1 + odd / c);
    const double change = d * c;
    fraction *= change;
    if (std::abs(change - 1) < 1e-14) break;
  }
  return fraction;
}

// The regularised incomplete beta function. `rest` is 1 - x, which may be too small to be seen in
// x.
double RegularisedBeta(double a, double b, double x, double rest) {
  if (x <= 0) return 0;
  if (rest <= 0) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log(rest));
  return x < (a + 1) / (a + b + 2) ? front * BetaFraction(a, b, x) / a
                                   : 1 - front * BetaFraction(b, a, rest) / b;
}

}  // namespace

double TwoSidedPValue(double t, double degrees) {
  if (std::isinf(t)) return 0;
  const double square = t * t;
  return RegularisedBeta(degrees / 2, 0.5, degrees / (degrees + square),
                         square / (degrees + square));
}

// Newton's method: the probability falls ever more slowly with t, so steps from the left never
// pass the solution.
double TwoSidedQuantile(double p, double degrees) {
  const double log_scale = std::lgamma((degrees + 1) / 2) - std::lgamma(degrees / 2) -
                           0.5 * std::log(degrees * std::numbers::pi);
  const auto density = [&](double t) {
    return std::exp(log_scale - (degrees + 1) / 2 * std::log1p(t * t / degrees));
  };
  double t = 0;
  for (int i = 0; i < kMostTerms; ++i) {
    const double step = (TwoSidedPValue(t, degrees) - p) / (2 * density(t));
    t += step;
    if (step <= 1e-12 * t) break;
  }
  return t;
}

}  // namespace alignflow
