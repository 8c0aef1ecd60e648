#ifndef ALIGNFLOW_CLIENT_TEXT_TABLE_H_
#define ALIGNFLOW_CLIENT_TEXT_TABLE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace alignflow {

// Rows of cells as lines of aligned columns, two spaces apart; the first row is the head. Cells are
// made Printable. Columns listed in `right` (from 0) are aligned to the right.
std::string TableText(const std::vector<std::vector<std::string>>& rows,
                      const std::vector<size_t>& right = {});

// "830 B", "12.4 MB"; powers of 1000.
std::string BytesText(int64_t bytes);

// "4.2 s", "3m07s", "2h15m". Negative counts as zero.
std::string DurationText(absl::Duration duration);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_TEXT_TABLE_H_
