#ifndef ALIGNFLOW_WORKER_ALIGNMENT_REFERENCE_SPLIT_H_
#define ALIGNFLOW_WORKER_ALIGNMENT_REFERENCE_SPLIT_H_

#include <cstdint>
#include <vector>

namespace alignflow {

// Which references stage 2 learns from and which it leaves out, to be watched: rising numbers.
struct ReferenceSplit {
  std::vector<int64_t> learned;
  std::vector<int64_t> left_out;
};

// Of `count` references, `wanted` (0: all) equally spaced ones take part. Of these, `share` is left
// out, rounded, at least one, and equally spaced; none with share 0 or where fewer than
// kLeastToLeaveOut take part. Throws std::invalid_argument if more are wanted than there are.
ReferenceSplit SplitReferences(int64_t count, int64_t wanted, double share);

inline constexpr int64_t kLeastToLeaveOut = 4;

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_REFERENCE_SPLIT_H_
