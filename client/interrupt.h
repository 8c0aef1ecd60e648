#ifndef ALIGNFLOW_CLIENT_INTERRUPT_H_
#define ALIGNFLOW_CLIENT_INTERRUPT_H_

#include <string>

namespace alignflow {

// What SIGINT (Ctrl-C), SIGTERM and SIGHUP do to afctl: unfinished files are removed, stderr gets
// what the user should know, and the exit code is 128 + the signal's number (130 for Ctrl-C). With
// --json, stdout gets the error as its document. A signal that our parent ignores (nohup) stays
// ignored.
class Interrupt {
 public:
  // Has a thread of its own wait for the signals. At the top of main, before any other thread;
  // once.
  static void Install();
  static void SetJson(bool json);
  // From here on, stdout is the command's: an interrupt says nothing any more. If one is on its way
  // the process ends here.
  static void LeaveToCommand();
};

// What the user should know if the command is interrupted while this lives; the newest counts. One
// thread at a time.
class InterruptNote {
 public:
  explicit InterruptNote(std::string text);
  ~InterruptNote();
  InterruptNote(const InterruptNote&) = delete;
  InterruptNote& operator=(const InterruptNote&) = delete;

  // The newest note's text; empty if there is none.
  static std::string Current();

 private:
  std::string outer_;
};

// While this lives, what is typed at the terminal that stdin is, if it is one, is not shown. An
// interrupt shows it again, too. One at a time.
class HiddenTyping {
 public:
  HiddenTyping();
  ~HiddenTyping();
  HiddenTyping(const HiddenTyping&) = delete;
  HiddenTyping& operator=(const HiddenTyping&) = delete;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_CLIENT_INTERRUPT_H_
