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

// Of `count` references, `share` is left out, rounded, at least one, and equally spaced; none with
// share 0 or fewer references than kLeastToLeaveOut.
ReferenceSplit SplitReferences(int64_t count, double share);

inline constexpr int64_t kLeastToLeaveOut = 4;

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_ALIGNMENT_REFERENCE_SPLIT_H_
