#include "worker/metrics/tsne.h"

#include <algorithm>
#include <stdexcept>

namespace alignflow {
namespace {

constexpr int64_t kTsneSteps = 750;
constexpr int64_t kExaggerated = 250;  // first steps, in which neighbours attract kEarly times more
constexpr double kEarly = 12;
constexpr int kSearchSteps = 60;

at::Tensor SquaredDistances(const at::Tensor& x) {
  return at::cdist(x, x, 2, /*compute_mode=*/2).square();
}

// The joint probabilities of neighbours, [N,N] with zeros on the diagonal: each point's Gaussian is
// as wide as gives it `perplexity` neighbours, found by bisection of all precisions at once.
at::Tensor Affinities(const at::Tensor& features, double perplexity) {
  at::Tensor distance = SquaredDistances(features);
  distance = distance / distance.mean().clamp_min(1e-300);
  distance.fill_diagonal_(INFINITY);
  const at::Tensor nearest = distance.amin(1, /*keepdim=*/true);
  at::Tensor low = at::full_like(nearest, -20), high = at::full_like(nearest, 40);  // log precision
  at::Tensor p;
  for (int i = 0; i < kSearchSteps; ++i) {
    const at::Tensor middle = (low + high) / 2;
    p = at::softmax(-(distance - nearest) * middle.exp(), 1);
    const at::Tensor entropy = -at::xlogy(p, p).sum(1, /*keepdim=*/true);
    const at::Tensor wide = entropy > std::log(perplexity);
    low = at::where(wide, middle, low);
    high = at::where(wide, high, middle);
  }
  return (p + p.t()) / (2 * static_cast<double>(features.size(0)));
}

// The first two principal components, scaled to a small deviation, with signs that do not depend on
// the library's.
at::Tensor Start(const at::Tensor& features) {
  const at::Tensor centred = features - features.mean(0);
  const auto [left, values, right] = at::linalg_svd(centred, /*full_matrices=*/false);
  at::Tensor start = at::zeros({features.size(0), 2}, at::kDouble);
  const int64_t known = std::min<int64_t>(2, values.size(0));
  start.slice(1, 0, known).copy_(left.slice(1, 0, known) * values.slice(0, 0, known));
  for (int64_t axis = 0; axis < known; ++axis) {
    const at::Tensor column = start.select(1, axis);
    if (column[column.abs().argmax()].item<double>() < 0) column.neg_();
  }
  return start * (1e-4 / start.select(1, 0).std().clamp_min(1e-12));
}

}  // namespace

at::Tensor EmbedInPlane(const at::Tensor& features, double perplexity,
                        const std::function<void()>& each_step) {
  const int64_t count = features.size(0);
  if (count < 4) throw std::invalid_argument("t-SNE needs at least 4 points");
  const at::Tensor wide = features.to(at::kDouble);
  const at::Tensor p =
      Affinities(wide, std::min(perplexity, static_cast<double>(count - 1) / 3)).clamp_min(1e-12);
  at::Tensor y = Start(wide);
  at::Tensor velocity = at::zeros_like(y), gain = at::ones_like(y);
  const double rate = std::max(static_cast<double>(count) / kEarly / 4, 50.0);
  for (int64_t step = 0; step < kTsneSteps; ++step) {
    each_step();
    const bool early = step < kExaggerated;
    at::Tensor near = SquaredDistances(y).add_(1).reciprocal_();
    near.fill_diagonal_(0);
    const at::Tensor pull = (p * (early ? kEarly : 1.0) - near / near.sum()) * near;
    const at::Tensor gradient = 4 * (pull.sum(1, /*keepdim=*/true) * y - at::mm(pull, y));
    // Per-coordinate rates (Jacobs 1988), as in the paper's own programme.
    gain = at::where(gradient.sign() == velocity.sign(), gain * 0.8, gain + 0.2).clamp_min(0.01);
    velocity = velocity * (early ? 0.5 : 0.8) - rate * gain * gradient;
    y = y + velocity;
    y = y - y.mean(0);
  }
  return y;
}

}  // namespace alignflow
