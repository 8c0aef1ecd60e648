#include "common/steady_now.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace alignflow {
namespace {

TEST(SteadyFlagTest, ItIsWaitedForAndTakenBack) {
  SteadyFlag flag;
  EXPECT_FALSE(flag.Wait(absl::ZeroDuration()));
  EXPECT_FALSE(flag.Set());
  EXPECT_TRUE(flag.Set());
  EXPECT_TRUE(flag.IsSet());
  EXPECT_TRUE(flag.Wait(absl::InfiniteDuration()));
  EXPECT_TRUE(flag.Take(absl::InfiniteDuration()));
  EXPECT_FALSE(flag.Take(-absl::Seconds(1)));
  std::jthread setter([&] { flag.Set(); });
  EXPECT_TRUE(flag.Wait(absl::InfiniteDuration()));
}

// What waits by absl's timeouts waits by the machine's clock.
TEST(SteadyFlagTest, NoServiceWaitsByAClockThatCanBeSet) {
  const std::filesystem::path root = std::filesystem::path(ALIGNFLOW_TEST_DATA) / "../..";
  int seen = 0;
  for (const char* room : {"server", "common", "worker/agent"}) {
    for (const auto& file : std::filesystem::recursive_directory_iterator(root / room)) {
      if (!file.is_regular_file()) continue;
      std::ifstream in(file.path());
      const std::string text((std::istreambuf_iterator<char>(in)),
                             std::istreambuf_iterator<char>());
      ++seen;
      for (const char* wait : {"AwaitWithTimeout", "AwaitWithDeadline", "WaitWithTimeout",
                               "WaitWithDeadline", "WaitForNotificationWith", "LockWhenWith"}) {
        EXPECT_EQ(text.find(wait), std::string::npos) << file.path() << ": " << wait;
      }
    }
  }
  EXPECT_GT(seen, 100);
}

}  // namespace
}  // namespace alignflow
