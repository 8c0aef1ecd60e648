#include "common/process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace alignflow {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Minutes(1);

TEST(ChildProcessTest, ExitCodeAndSignalAreTold) {
  auto three = ChildProcess::Spawn({"/bin/sh", "-c", "exit 3"});
  ASSERT_TRUE(three.ok()) << three.status();
  EXPECT_EQ(three->WaitOrKill(kLong), 3);
  EXPECT_EQ(three->Poll(), 3);
  auto killed = ChildProcess::Spawn({"/bin/sh", "-c", "kill -9 $$"});
  ASSERT_TRUE(killed.ok());
  EXPECT_EQ(killed->WaitOrKill(kLong), -SIGKILL);
}

TEST(ChildProcessTest, ProgramThatIsNotThereIsNamed) {
  const auto child = ChildProcess::Spawn({"/nonexistent/program"});
  EXPECT_TRUE(absl::IsNotFound(child.status())) << child.status();
  EXPECT_THAT(std::string(child.status().message()), HasSubstr("/nonexistent/program"));
}

TEST(ChildProcessTest, StopIsAPoliteRequestFirst) {
  auto child = ChildProcess::Spawn({"/bin/sleep", "1000"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->Poll(), std::nullopt);
  child->RequestStop();
  EXPECT_EQ(child->WaitOrKill(kLong), -SIGTERM);
}

TEST(ChildProcessTest, ChildThatIgnoresTheRequestIsKilled) {
  auto child = ChildProcess::Spawn({"/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->WaitOrKill(absl::ZeroDuration()), -SIGKILL);
}

TEST(ChildProcessTest, OutputOfAChildDoesNotMixWithOurStdout) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  auto child = ChildProcess::Spawn({"/bin/sh", "-c", "echo from the child"});
  ASSERT_TRUE(child.ok());
  child->WaitOrKill(kLong);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "from the child\n");
}

TEST(ChildProcessTest, ChildEndsWithItsParent) {
  // Orphans become ours, so that their end can be waited for.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    auto child = ChildProcess::Spawn({"/bin/sleep", "1000"});
    const pid_t pid = child.ok() ? child->pid() : -1;
    [[maybe_unused]] const auto written = write(pipe_fds[1], &pid, sizeof(pid));
    _exit(0);  // without any farewell
  }
  pid_t child = -1;
  ASSERT_EQ(read(pipe_fds[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
}

TEST(StopSignalTest, SignalRaisesTheFlagAndWakesAWaitingThread) {
  StopSignal::Install();
  EXPECT_FALSE(StopSignal::WaitFor(absl::ZeroDuration()));
  std::jthread sender([] { kill(getpid(), SIGTERM); });
  EXPECT_TRUE(StopSignal::WaitFor(kLong));
  EXPECT_TRUE(StopSignal::Raised());
  EXPECT_TRUE(StopSignal::WaitFor(kLong)) << "a later waiter must not sleep";
}

TEST(ExecutableDirectoryTest, HoldsThisTestsBinary) {
  EXPECT_EQ(ExecutableDirectory().value(), std::filesystem::path(ALIGNFLOW_BIN_DIR));
}

}  // namespace
}  // namespace alignflow
