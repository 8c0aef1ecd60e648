#ifndef ALIGNFLOW_SERVER_CATALOG_ANSWER_LIMIT_H_
#define ALIGNFLOW_SERVER_CATALOG_ANSWER_LIMIT_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/steady_now.h"

namespace alignflow {

// Cuts a connection that waits too long for its server: libpq waits for ever where the server keeps
// the connection open and says nothing, and the server's own limits do not help then. Thread-safe.
class AnswerLimit {
 public:
  AnswerLimit();
  ~AnswerLimit();
  AnswerLimit(const AnswerLimit&) = delete;

  // The connection's socket, which stays the caller's; -1: there is none (any more).
  void Watch(int socket);
  // From now until Stop; about `limit` later, to a second, whoever reads from the socket finds it
  // closed, and so does whoever reads from a later one until Stop.
  void Start(absl::Duration limit);
  void Stop();

 private:
  void Run();

  absl::Mutex mutex_;
  int socket_ ABSL_GUARDED_BY(mutex_) = -1;  // a copy: its number is not given to another meanwhile
  absl::Time deadline_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  SteadyFlag stopped_;
  std::thread thread_;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CATALOG_ANSWER_LIMIT_H_
