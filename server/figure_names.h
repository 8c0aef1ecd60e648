#ifndef ALIGNFLOW_SERVER_FIGURE_NAMES_H_
#define ALIGNFLOW_SERVER_FIGURE_NAMES_H_

#include <string_view>

namespace alignflow {

// Whether docs/figures.md defines the figure and knows what it is of. Other names may hold text of
// a user's, such as a label, which must not get into metrics.
bool IsKnownFigure(std::string_view name, std::string_view subject);

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_FIGURE_NAMES_H_
