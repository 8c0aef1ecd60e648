#ifndef ALIGNFLOW_COMMON_PROCESS_H_
#define ALIGNFLOW_COMMON_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace alignflow {

// SIGTERM and SIGINT as a flag that threads can wait for. The handler raises the flag and nothing
// else. Thread-safe.
class StopSignal {
 public:
  // Installs the handlers, and ignores SIGPIPE. Call it at the top of main, before any thread
  // starts.
  static void Install();
  // Whether a stop was asked for.
  static bool Raised();
  // Waits until a stop is asked for, or `timeout` has passed. Returns Raised().
  static bool WaitFor(absl::Duration timeout);
};

// A program that this process started. It gets SIGTERM when the thread that called Spawn ends, so
// call Spawn from main's thread: the children then never outlive their parent, however it dies. Not
// thread-safe.
class ChildProcess {
 public:
  // Runs argv[0] (a path) with the arguments. Its stdout goes to our stderr, and it inherits no
  // other open file. NotFound or Internal if it can't be run.
  static absl::StatusOr<ChildProcess> Spawn(const std::vector<std::string>& argv);

  // Kills and reaps a child that still runs.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  pid_t pid() const { return pid_; }
  // Exit code, or minus the signal's number, once it has ended; nothing while it runs. Does not
  // wait.
  std::optional<int> Poll();
  // Sends SIGTERM and returns at once.
  void RequestStop();
  // Waits up to `grace` for the end, then sends SIGKILL. Returns as Poll does. Pair it with
  // RequestStop, so that many children can stop at the same time.
  int WaitOrKill(absl::Duration grace);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
  std::optional<int> exit_;
};

// The folder of the running program's file.
absl::StatusOr<std::filesystem::path> ExecutableDirectory();

}  // namespace alignflow

#endif  // ALIGNFLOW_COMMON_PROCESS_H_
