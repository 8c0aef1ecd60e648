#ifndef ALIGNFLOW_COMMON_LOGGING_H_
#define ALIGNFLOW_COMMON_LOGGING_H_

#include <string_view>

namespace alignflow {

// Sends spdlog's default logger to stderr, with UTC time, level, program and process number. The
// level comes from the environment variable ALIGNFLOW_LOG (trace, debug, info, warn, error, off;
// `fallback` if unset or unknown). Call it once, first thing in main. What may be logged: digests
// and ids; never a pixel, a path of the user's or a label.
void InitLogging(std::string_view program, std::string_view fallback = "info");

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_LOGGING_H_
