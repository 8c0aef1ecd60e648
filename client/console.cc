#include "client/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace alignflow {

Console SystemConsole() {
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  return Console{.out = std::cout,
                 .err = std::cerr,
                 .interactive = isatty(STDERR_FILENO) == 1 && !dumb,
                 .width = [] {
                   winsize size{};
                   if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
                   return static_cast<int>(size.ws_col);
                 }};
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
