#include "worker/alignment/reference_split.h"

#include <algorithm>
#include <cmath>

namespace alignflow {

ReferenceSplit SplitReferences(int64_t count, double share) {
  int64_t out = 0;
  if (share > 0 && count >= kLeastToLeaveOut) {
    out = std::max<int64_t>(1, std::lround(share * static_cast<double>(count)));
  }
  ReferenceSplit split;
  for (int64_t i = 0; i < count; ++i) {
    // The left-out ones are the middles of `out` equal parts.
    const int64_t part = i * out / count;
    const int64_t first = (part * count + out - 1) / std::max<int64_t>(1, out);
    const int64_t next = ((part + 1) * count + out - 1) / std::max<int64_t>(1, out);
    const bool is_out = out > 0 && i == (first + next - 1) / 2;
    (is_out ? split.left_out : split.learned).push_back(i);
  }
  return split;
}

}  // namespace alignflow
