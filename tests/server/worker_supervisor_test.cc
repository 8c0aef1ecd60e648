#include "server/worker_supervisor.h"

#include <algorithm>
#include <csignal>
#include <functional>
#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/common/temp_folder.h"

namespace alignflow {
namespace {

const absl::Time kSupervisorStart = absl::FromUnixSeconds(1000000);

// Gives way to other processes until something has happened, which a broken program never does.
void AwaitThat(const std::function<bool()>& happened) {
  const absl::Time deadline = absl::Now() + absl::Minutes(2);
  while (!happened()) {
    ASSERT_LT(absl::Now(), deadline);
    std::this_thread::yield();
  }
}

class WorkerSupervisorTest : public testing::Test {
 protected:
  // A worker that writes a line when it starts and goes on with `rest`.
  std::vector<std::string> Command(const std::string& rest) const {
    return {"/bin/sh", "-c", "echo $$ >> " + file_.string() + "; " + rest};
  }
  int Starts() const {
    const std::string lines = ReadFile(file_);
    return static_cast<int>(std::count(lines.begin(), lines.end(), '\n'));
  }

  TempFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "starts";
};

TEST_F(WorkerSupervisorTest, StartsAsManyAsItWasAskedFor) {
  WorkerSupervisor supervisor(Command("exec sleep 1000"), 3);
  supervisor.Tick(kSupervisorStart);
  supervisor.Tick(kSupervisorStart + absl::Hours(1));
  AwaitThat([&] { return Starts() == 3; });
  supervisor.Stop(absl::Minutes(1));
  EXPECT_EQ(Starts(), 3);
}

TEST_F(WorkerSupervisorTest, StartsADeadWorkerAgainButNotAtOnce) {
  WorkerSupervisor supervisor(Command("exit 1"), 1);
  supervisor.Tick(kSupervisorStart);
  AwaitThat([&] { return Starts() == 1; });
  // Its death is noted some time; the clock stands still, so nothing is started.
  absl::Time now = kSupervisorStart;
  for (int i = 0; i < 100; ++i) supervisor.Tick(now);
  EXPECT_EQ(Starts(), 1);
  AwaitThat([&] {
    supervisor.Tick(now += absl::Minutes(1));
    return Starts() >= 3;
  });
}

TEST_F(WorkerSupervisorTest, LeavesNoWorkerBehind) {
  WorkerSupervisor supervisor(Command("trap '' TERM; while :; do sleep 0.01; done"), 1);
  supervisor.Tick(kSupervisorStart);
  AwaitThat([&] { return Starts() == 1; });
  const pid_t pid = std::stoi(ReadFile(file_));
  supervisor.Stop(absl::ZeroDuration());
  EXPECT_EQ(kill(pid, 0), -1) << "a worker that ignores SIGTERM is killed";
}

TEST_F(WorkerSupervisorTest, AProgramThatCannotRunIsTriedAgainLater) {
  const std::filesystem::path program = folder_.path() / "program";
  WorkerSupervisor supervisor({program.string()}, 1);
  supervisor.Tick(kSupervisorStart);  // it is not there yet
  WriteFile(program, "#!/bin/sh\necho $$ >> " + file_.string() + "\nexec sleep 1000\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  supervisor.Tick(kSupervisorStart + absl::Milliseconds(1));
  EXPECT_EQ(Starts(), 0) << "not at once";
  supervisor.Tick(kSupervisorStart + absl::Minutes(1));
  AwaitThat([&] { return Starts() == 1; });
  supervisor.Stop(absl::ZeroDuration());
}

}  // namespace
}  // namespace alignflow
