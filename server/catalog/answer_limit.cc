#include "server/catalog/answer_limit.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace alignflow {
namespace {

constexpr absl::Duration kLook = absl::Seconds(1);

}  // namespace

AnswerLimit::AnswerLimit() : thread_([this] { Run(); }) {}

AnswerLimit::~AnswerLimit() {
  stopped_.Set();
  thread_.join();
  Watch(-1);
}

void AnswerLimit::Watch(int socket) {
  absl::MutexLock lock(&mutex_);
  if (socket_ >= 0) close(socket_);
  socket_ = socket < 0 ? -1 : fcntl(socket, F_DUPFD_CLOEXEC, 0);
}

void AnswerLimit::Start(absl::Duration limit) {
  absl::MutexLock lock(&mutex_);
  deadline_ = SteadyNow() + limit;
}

void AnswerLimit::Stop() {
  absl::MutexLock lock(&mutex_);
  deadline_ = absl::InfiniteFuture();
}

void AnswerLimit::Run() {
  while (!stopped_.Wait(kLook)) {
    absl::MutexLock lock(&mutex_);
    if (socket_ >= 0 && SteadyNow() >= deadline_) shutdown(socket_, SHUT_RDWR);
  }
}

}  // namespace alignflow
