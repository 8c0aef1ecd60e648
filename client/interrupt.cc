#include "client/interrupt.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/message_json.h"
#include "common/partial_file.h"
#include "common/scratch_folder.h"

namespace alignflow {
namespace {

// What an interrupt needs to know.
struct State {
  std::mutex mutex;
  std::string note;
  bool json = false;
  bool silent = false;
  std::optional<termios> terminal;  // as it was before typing was hidden
};

State& Shared() {
  static auto* const state = new State;
  return *state;
}

// Past the streams of this process, whose locks another thread may hold.
void Write(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(descriptor, text.data(), text.size());
    if (count < 0) return;
    text.remove_prefix(count);
  }
}

[[noreturn]] void End(int signal) {
  State& state = Shared();
  state.mutex.lock();  // for good: no thread of the command gets past it
  PartialFile::AbandonAll();
  ScratchFolder::AbandonAll();
  if (state.terminal) tcsetattr(STDIN_FILENO, TCSANOW, &*state.terminal);
  if (!state.silent) {
    const std::string message =
        state.note.empty() ? "interrupted" : absl::StrCat("interrupted: ", state.note);
    // A line of progress may stand on the terminal.
    Write(STDERR_FILENO, absl::StrCat("\nafctl: ", message, "\n"));
    if (state.json) {
      const Json document = {{"error", {{"code", "INTERRUPTED"}, {"message", message}}}};
      Write(STDOUT_FILENO, document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    }
  }
  _exit(128 + signal);
}

}  // namespace

void Interrupt::Install() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction parents = {};
    sigaction(signal, nullptr, &parents);
    if (parents.sa_handler != SIG_IGN) sigaddset(&signals, signal);
  }
  // Threads that start later inherit the mask, so that the signals wait for ours.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    while (sigwait(&signals, &signal) != 0) {
    }
    End(signal);
  }).detach();
}

void Interrupt::SetJson(bool json) {
  const std::lock_guard lock(Shared().mutex);
  Shared().json = json;
}

void Interrupt::LeaveToCommand() {
  const std::lock_guard lock(Shared().mutex);
  Shared().silent = true;
}

InterruptNote::InterruptNote(std::string text) {
  const std::lock_guard lock(Shared().mutex);
  outer_ = std::exchange(Shared().note, std::move(text));
}

InterruptNote::~InterruptNote() {
  const std::lock_guard lock(Shared().mutex);
  Shared().note = std::move(outer_);
}

HiddenTyping::HiddenTyping() {
  const std::lock_guard lock(Shared().mutex);
  termios shown = {};
  if (tcgetattr(STDIN_FILENO, &shown) != 0) return;
  Shared().terminal = shown;
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
}

HiddenTyping::~HiddenTyping() {
  const std::lock_guard lock(Shared().mutex);
  if (!Shared().terminal) return;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &*Shared().terminal);
  Shared().terminal.reset();
}

std::string InterruptNote::Current() {
  const std::lock_guard lock(Shared().mutex);
  return Shared().note;
}

}  // namespace alignflow
