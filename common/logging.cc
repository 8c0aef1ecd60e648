#include "common/logging.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

spdlog::level::level_enum LevelOf(std::string_view name) {
  // from_str answers "off" for a word that it does not know.
  const auto level = spdlog::level::from_str(std::string(name));
  return level == spdlog::level::off && name != "off" ? spdlog::level::n_levels : level;
}

}  // namespace

void InitLogging(std::string_view program, std::string_view fallback) {
  // gRPC has a line for every handshake that fails, in a form of its own. Read at its first use.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  auto logger = spdlog::stderr_color_mt(std::string(program));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n[%P] %v", spdlog::pattern_time_type::utc));
  const char* wanted = std::getenv("ALIGNFLOW_LOG");
  auto level = LevelOf(wanted == nullptr ? fallback : wanted);
  if (level == spdlog::level::n_levels) level = LevelOf(fallback);
  logger->set_level(level);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace alignflow
