#include "common/logging.h"

#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spdlog/spdlog.h"

namespace alignflow {
namespace {

TEST(LoggingTest, GoesToStderrInUtcFromTheLevelThatTheEnvironmentNames) {
  setenv("ALIGNFLOW_LOG", "warn", 1);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  InitLogging("by-environment");
  spdlog::info("too quiet");
  spdlog::warn("loud enough");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::MatchesRegex("....-..-..T..:..:..[.]...Z .*by-environment.*loud enough\n"));
  unsetenv("ALIGNFLOW_LOG");
}

TEST(LoggingTest, UnknownLevelFallsBack) {
  setenv("ALIGNFLOW_LOG", "shout", 1);
  InitLogging("by-mistake", "error");
  EXPECT_EQ(spdlog::default_logger()->level(), spdlog::level::err);
  unsetenv("ALIGNFLOW_LOG");
}

}  // namespace
}  // namespace alignflow
