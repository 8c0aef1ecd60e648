#ifndef ALIGNFLOW_SERVER_SERVICES_CANCEL_CHECK_H_
#define ALIGNFLOW_SERVER_SERVICES_CANCEL_CHECK_H_

#include <cstdint>
#include <functional>
#include <utility>

namespace alignflow {

// Whether the client of a call has gone, for loops over many items: gRPC, which takes a look at its
// queues for the answer, is asked at the first of kItems items alone. Not thread-safe.
class CancelCheck {
 public:
  static constexpr int kItems = 64;

  explicit CancelCheck(std::function<bool()> cancelled) : cancelled_(std::move(cancelled)) {}

  // Once an item. Stays true.
  bool Cancelled() {
    if (items_++ % kItems == 0) gone_ = gone_ || cancelled_();
    return gone_;
  }

 private:
  const std::function<bool()> cancelled_;
  int64_t items_ = 0;
  bool gone_ = false;
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SERVICES_CANCEL_CHECK_H_
