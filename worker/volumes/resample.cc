#include "worker/volumes/resample.h"

#include <algorithm>
#include <cmath>

namespace alignflow {
namespace {

// The old voxels that a new one is made of.
struct Share {
  int64_t first = 0;
  std::vector<double> weights;  // together 1
};

std::vector<Share> SharesOf(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  std::vector<Share> shares(to);
  for (int64_t i = 0; i < to; ++i) {
    Share& share = shares[i];
    if (scale >= 1) {  // the mean over what it covers
      const double begin = static_cast<double>(i) * scale, end = begin + scale;
      share.first = std::min(static_cast<int64_t>(begin), from - 1);
      const auto last = std::min(static_cast<int64_t>(std::ceil(end)), from);
      for (int64_t old = share.first; old < last; ++old) {
        const double covered = std::min<double>(end, static_cast<double>(old + 1)) -
                               std::max<double>(begin, static_cast<double>(old));
        share.weights.push_back(std::max(covered, 0.0) / scale);
      }
    } else {  // between the centres of two
      const double place = std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0,
                                      static_cast<double>(from - 1));
      share.first = std::min(static_cast<int64_t>(place), std::max<int64_t>(from - 2, 0));
      const double rest = place - static_cast<double>(share.first);
      share.weights = from > 1 ? std::vector<double>{1 - rest, rest} : std::vector<double>{1};
    }
  }
  return shares;
}

// Along one axis. `inner`: voxels between neighbours along it, `outer`: how often the axis begins
// anew.
std::vector<float> ResampleAxis(const std::vector<float>& voxels, int64_t outer, int64_t from,
                                int64_t to, int64_t inner) {
  if (from == to) return voxels;
  const std::vector<Share> shares = SharesOf(from, to);
  std::vector<float> out(outer * to * inner);
  std::vector<double> sums(inner);
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < to; ++i) {
      std::ranges::fill(sums, 0);
      for (size_t w = 0; w < shares[i].weights.size(); ++w) {
        const float* line =
            voxels.data() + (o * from + shares[i].first + static_cast<int64_t>(w)) * inner;
        const double weight = shares[i].weights[w];
        for (int64_t n = 0; n < inner; ++n) sums[n] += weight * line[n];
      }
      float* line = out.data() + (o * to + i) * inner;
      for (int64_t n = 0; n < inner; ++n) line[n] = static_cast<float>(sums[n]);
    }
  }
  return out;
}

// The row (k, j) of the volume within the cube.
int64_t RowInCube(const CubePlan& plan, int64_t k, int64_t j) {
  return ((plan.first[2] + k) * plan.side + plan.first[1] + j) * plan.side + plan.first[0];
}

}  // namespace

CubePlan PlanCube(const VolumeGrid& grid, int64_t side) {
  CubePlan plan{.side = side, .inner = {}, .first = {}, .grid = {}};
  const std::array<double, 3> spacing = grid.Spacing();
  std::array<double, 3> extent{};
  for (int i = 0; i < 3; ++i) extent[i] = spacing[i] * static_cast<double>(grid.size[i]);
  const double longest = *std::ranges::max_element(extent);
  for (int row = 0; row < 3; ++row) plan.grid.affine[4 * row + 3] = grid.affine[4 * row + 3];
  for (int i = 0; i < 3; ++i) {
    plan.inner[i] =
        std::clamp<int64_t>(std::llround(extent[i] / longest * static_cast<double>(side)), 1, side);
    plan.first[i] = (side - plan.inner[i]) / 2;
    const double scale = static_cast<double>(grid.size[i]) / static_cast<double>(plan.inner[i]);
    for (int row = 0; row < 3; ++row) {
      const double step = grid.affine[4 * row + i];
      plan.grid.affine[4 * row + i] = step * scale;
      // The outer faces of both grids coincide.
      plan.grid.affine[4 * row + 3] += step * (scale - 1) / 2;
    }
  }
  plan.grid.size = plan.inner;
  return plan;
}

std::vector<float> ResampleValues(const std::vector<float>& voxels,
                                  const std::array<int64_t, 3>& from,
                                  const std::array<int64_t, 3>& to) {
  // k first: it leaves the fewest for the axes whose voxels lie side by side.
  std::vector<float> out = ResampleAxis(voxels, 1, from[2], to[2], from[0] * from[1]);
  out = ResampleAxis(out, to[2], from[1], to[1], from[0]);
  return ResampleAxis(out, to[2] * to[1], from[0], to[0], 1);
}

std::vector<float> ResampleLabels(const std::vector<float>& voxels,
                                  const std::array<int64_t, 3>& from,
                                  const std::array<int64_t, 3>& to) {
  const auto at = [&](int64_t i, int axis) {
    return std::min((2 * i + 1) * from[axis] / (2 * to[axis]), from[axis] - 1);
  };
  std::vector<float> out(to[0] * to[1] * to[2]);
  auto next = out.begin();
  for (int64_t k = 0; k < to[2]; ++k) {
    for (int64_t j = 0; j < to[1]; ++j) {
      const float* line = voxels.data() + (at(k, 2) * from[1] + at(j, 1)) * from[0];
      for (int64_t i = 0; i < to[0]; ++i) *next++ = line[at(i, 0)];
    }
  }
  return out;
}

void PutIntoCube(const std::vector<uint8_t>& inner, const CubePlan& plan, uint8_t* cube) {
  auto from = inner.begin();
  for (int64_t k = 0; k < plan.inner[2]; ++k) {
    for (int64_t j = 0; j < plan.inner[1]; ++j) {
      std::copy_n(from, plan.inner[0], cube + RowInCube(plan, k, j));
      from += plan.inner[0];
    }
  }
}

std::vector<uint8_t> TakeFromCube(const uint8_t* cube, const CubePlan& plan) {
  std::vector<uint8_t> inner(plan.inner[0] * plan.inner[1] * plan.inner[2]);
  auto to = inner.begin();
  for (int64_t k = 0; k < plan.inner[2]; ++k) {
    for (int64_t j = 0; j < plan.inner[1]; ++j) {
      to = std::copy_n(cube + RowInCube(plan, k, j), plan.inner[0], to);
    }
  }
  return inner;
}

}  // namespace alignflow
