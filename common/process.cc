#include "common/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace alignflow {
namespace {

std::atomic<bool> stop_raised = false;
static_assert(std::atomic<bool>::is_always_lock_free);
// Written to by the handler and never read, so that it wakes every waiter, now and later.
int stop_pipe[2] = {-1, -1};

void OnStopSignal(int) {
  const int saved = errno;
  stop_raised = true;
  [[maybe_unused]] const ssize_t ignored = write(stop_pipe[1], "", 1);
  errno = saved;
}

// The child's side of Spawn. Only async-signal-safe calls: other threads of the parent may have
// held any lock.
[[noreturn]] void RunChild(char* const* argv, pid_t parent, int error_fd) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);  // it died before prctl took effect
  dup2(STDERR_FILENO, STDOUT_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  execv(argv[0], argv);
  const int error = errno;
  [[maybe_unused]] const ssize_t ignored = write(error_fd, &error, sizeof(error));
  _exit(127);
}

int ExitOf(int wait_status) {
  return WIFSIGNALED(wait_status) ? -WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace

void StopSignal::Install() {
  if (stop_pipe[0] >= 0) return;
  if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe for signals");
  }
  struct sigaction action = {};
  action.sa_handler = OnStopSignal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool StopSignal::Raised() { return stop_raised; }

bool StopSignal::WaitFor(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!Raised()) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) break;
    pollfd wait = {.fd = stop_pipe[0], .events = POLLIN, .revents = 0};
    const auto milliseconds = absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1)));
    poll(&wait, 1, static_cast<int>(std::min<int64_t>(milliseconds, 60000)));
  }
  return Raised();
}

absl::StatusOr<ChildProcess> ChildProcess::Spawn(const std::vector<std::string>& argv) {
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  int errors[2];  // closed unwritten when exec succeeds
  if (pipe2(errors, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) RunChild(arguments.data(), parent, errors[1]);
  const int fork_error = errno;
  close(errors[1]);
  int error = 0;
  ssize_t count = 0;
  while (pid > 0 && (count = read(errors[0], &error, sizeof(error))) < 0 && errno == EINTR) {
  }
  close(errors[0]);
  if (pid < 0) return absl::ErrnoToStatus(fork_error, "fork");
  ChildProcess child(pid);
  if (count > 0) return absl::ErrnoToStatus(error, absl::StrCat(argv[0], ": run"));
  return child;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !Poll()) WaitOrKill(absl::ZeroDuration());
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(exit_, other.exit_);
  return *this;
}

std::optional<int> ChildProcess::Poll() {
  if (exit_) return exit_;
  int status = 0;
  pid_t done;
  while ((done = waitpid(pid_, &status, WNOHANG)) < 0 && errno == EINTR) {
  }
  if (done == pid_) exit_ = ExitOf(status);
  if (done < 0) exit_ = 127;  // not ours any more: nothing is left to wait for
  return exit_;
}

void ChildProcess::RequestStop() {
  if (!Poll()) kill(pid_, SIGTERM);
}

int ChildProcess::WaitOrKill(absl::Duration grace) {
  const absl::Time deadline = absl::Now() + grace;
  while (!Poll() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
  if (!exit_) {
    kill(pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    exit_ = ExitOf(status);
  }
  return *exit_;
}

absl::StatusOr<std::filesystem::path> ExecutableDirectory() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return absl::InternalError(absl::StrCat("/proc/self/exe: ", error.message()));
  return program.parent_path();
}

}  // namespace alignflow
