#include "worker/volumes/mask_facts.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "worker/volumes/resample.h"

namespace alignflow {
namespace {

constexpr int kMostValues = 32;

std::array<int64_t, 256> Histogram(const std::vector<float>& labels) {
  std::array<int64_t, 256> counts{};
  for (const float label : labels) ++counts[static_cast<uint8_t>(label)];
  return counts;
}

}  // namespace

std::map<int, ClassStructures> StructuresOfVolume(const std::vector<float>& labels,
                                                  const VolumeGrid& grid,
                                                  std::span<const int> sizes) {
  const std::array<int64_t, 256> counts = Histogram(labels);
  std::map<int, ClassStructures> by_value;
  if (std::ranges::count_if(counts, [](int64_t count) { return count > 0; }) > kMostValues) {
    return by_value;
  }
  for (int value = 0; value < 256; ++value) {
    if (counts[value] == 0) continue;
    by_value[value] = {.images = 1, .structures = 1, .pixels = counts[value], .kept = {}};
  }
  for (const int size : sizes) {
    const std::array<int64_t, 256> left =
        Histogram(ResampleLabels(labels, grid.size, PlanCube(grid, size).inner));
    for (auto& [value, shown] : by_value) {
      shown.kept[size] = left[value] > 0 ? KeptStructures{1, shown.pixels} : KeptStructures{};
    }
  }
  return by_value;
}

}  // namespace alignflow
