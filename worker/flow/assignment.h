#ifndef ALIGNFLOW_WORKER_FLOW_ASSIGNMENT_H_
#define ALIGNFLOW_WORKER_FLOW_ASSIGNMENT_H_

#include <cstdint>
#include <span>
#include <vector>

namespace alignflow {

// The assignment of columns to rows with the least sum of costs, by shortest augmenting paths
// (Jonker and Volgenant 1987): exact, O(n^3). costs: n x n, row by row. Returns each row's column.
// Of several least ones the same is returned every time. Throws std::invalid_argument for a matrix
// that is not square or has a cost that is no finite number.
std::vector<int64_t> LeastAssignment(std::span<const double> costs, int64_t n);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_FLOW_ASSIGNMENT_H_
