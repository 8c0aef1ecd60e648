#include "worker/flow/assignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace alignflow {

std::vector<int64_t> LeastAssignment(std::span<const double> costs, int64_t n) {
  if (n < 0 || static_cast<int64_t>(costs.size()) != n * n) {
    throw std::invalid_argument("an assignment needs a square matrix of costs");
  }
  if (!std::ranges::all_of(costs, [](double cost) { return std::isfinite(cost); })) {
    throw std::invalid_argument("an assignment needs costs that are finite numbers");
  }
  constexpr int64_t kNone = -1;
  // Prices of columns; a row's cheapest column by cost less price is its own wherever it has one.
  std::vector<double> row_price(n, 0), column_price(n, 0);
  std::vector<int64_t> row_of(n, kNone), column_of(n, kNone);
  std::vector<double> distance(n);
  std::vector<int64_t> before(n);  // the row from which a column was reached
  std::vector<bool> settled(n);
  for (int64_t first = 0; first < n; ++first) {
    // The shortest way from row `first` to a column without a row.
    std::ranges::fill(distance, std::numeric_limits<double>::infinity());
    std::fill(settled.begin(), settled.end(), false);
    int64_t row = first, end = kNone;
    double so_far = 0;
    while (end == kNone) {
      int64_t next = kNone;
      for (int64_t column = 0; column < n; ++column) {
        if (settled[column]) continue;
        const double way = so_far + costs[row * n + column] - row_price[row] - column_price[column];
        if (way < distance[column]) {
          distance[column] = way;
          before[column] = row;
        }
        // Of equal ones a free column, which ends the search.
        if (next == kNone || distance[column] < distance[next] ||
            (distance[column] == distance[next] && row_of[column] == kNone &&
             row_of[next] != kNone)) {
          next = column;
        }
      }
      settled[next] = true;
      so_far = distance[next];
      if (row_of[next] == kNone) {
        end = next;
      } else {
        row = row_of[next];
      }
    }
    row_price[first] += so_far;
    for (int64_t column = 0; column < n; ++column) {
      if (!settled[column] || column == end) continue;
      const double change = so_far - distance[column];
      column_price[column] -= change;
      row_price[row_of[column]] += change;
    }
    // Along the way each row takes the column that it reached.
    for (int64_t column = end; column != kNone;) {
      const int64_t taker = before[column];
      row_of[column] = taker;
      std::swap(column, column_of[taker]);
      if (taker == first) break;
    }
  }
  return column_of;
}

}  // namespace alignflow
