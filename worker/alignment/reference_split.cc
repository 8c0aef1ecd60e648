#include "worker/alignment/reference_split.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace alignflow {

ReferenceSplit SplitReferences(int64_t count, int64_t wanted, double share) {
  if (wanted > count) {
    throw std::invalid_argument("align.references asks for " + std::to_string(wanted) +
                                " references, but only " + std::to_string(count) + " are given");
  }
  const int64_t taken = wanted == 0 ? count : wanted;
  int64_t out = 0;
  if (share > 0 && taken >= kLeastToLeaveOut) {
    out = std::max<int64_t>(1, std::lround(share * static_cast<double>(taken)));
  }
  ReferenceSplit split;
  for (int64_t i = 0; i < taken; ++i) {
    // The left-out ones are the middles of `out` equal parts.
    const int64_t part = i * out / taken;
    const int64_t first = (part * taken + out - 1) / std::max<int64_t>(1, out);
    const int64_t next = ((part + 1) * taken + out - 1) / std::max<int64_t>(1, out);
    const bool is_out = out > 0 && i == (first + next - 1) / 2;
    (is_out ? split.left_out : split.learned).push_back(i * count / taken);
  }
  return split;
}

}  // namespace alignflow
