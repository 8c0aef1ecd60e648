#ifndef ALIGNFLOW_CLIENT_CONSOLE_H_
#define ALIGNFLOW_CLIENT_CONSOLE_H_

#include <functional>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace alignflow {

// How often a line is written on progress where none can be redrawn.
inline constexpr absl::Duration kPlainInterval = absl::Seconds(5);

// Where a command writes. Results go to `out`, everything else (progress, warnings, errors) to
// `err`, so that stdout can be read by a program.
struct Console {
  std::ostream& out;
  std::ostream& err;
  // Whether `err` is a terminal that lines can be redrawn on.
  bool interactive = false;
  // Columns and lines of the terminal now; asked before every drawing, because windows change their
  // size.
  std::function<int()> width = [] { return 80; };
  std::function<int()> height = [] { return 24; };
  // Columns of the terminal that `out` is; 0 if it is none, where lines may have any length.
  int out_width = 0;
};

// std::cout and std::cerr of this process.
Console SystemConsole();

// The text with control characters replaced by '?', so that what a server sends can't steer a
// terminal. UTF-8 passes.
std::string Printable(std::string_view text);

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_CONSOLE_H_
