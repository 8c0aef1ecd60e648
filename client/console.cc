#include "client/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace alignflow {
namespace {

// `otherwise` where the terminal does not tell.
int WindowSize(int terminal, unsigned short winsize::*side, int otherwise) {
  winsize size{};
  if (ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.*side == 0) return otherwise;
  return size.*side;
}

}  // namespace

Console SystemConsole() {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return Console{.out = std::cout,
                 .err = std::cerr,
                 .interactive = isatty(STDERR_FILENO) == 1 && !dumb,
                 .width = [] { return WindowSize(STDERR_FILENO, &winsize::ws_col, 80); },
                 .height = [] { return WindowSize(STDERR_FILENO, &winsize::ws_row, 24); },
                 .out_width = WindowSize(STDOUT_FILENO, &winsize::ws_col, 0)};
}

std::string Printable(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return result;
}

}  // namespace alignflow
