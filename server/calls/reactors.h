#ifndef ALIGNFLOW_SERVER_CALLS_REACTORS_H_
#define ALIGNFLOW_SERVER_CALLS_REACTORS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/status_conversion.h"
#include "common/steady_now.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/access/listener.h"
#include "server/calls/calls.h"

// Lasting calls on gRPC's callback API. gRPC's threads do no more than note what happened and wake
// the call; everything else is a step.
namespace alignflow {

// How long a client may be silent where it is its turn: to send the next message, or to take one.
inline constexpr absl::Duration kClientSilence = absl::Seconds(30);

// A lasting call of one of gRPC's kinds of reactor. It lives until gRPC is done with it.
template <typename Reactor>
class CallOf : public Reactor, public LastingCall {
 public:
  CallOf(Calls& calls, CallKind kind, grpc::CallbackServerContext& call)
      : LastingCall(calls),
        call_(call),
        admission_(AdmissionOf(call)),
        place_(calls.limits(), kind, ClientOf(call)) {
    calls.Add(*this);
  }
  ~CallOf() override { calls_.Remove(*this); }

  // Makes the first step, unless there is no place for such a call: then it ends at once. Once,
  // before the reactor is returned to gRPC.
  void Begin() {
    self_ = this->shared_from_this();
    if (place_.status().ok()) return Wake();
    End(place_.status());
  }

  void OnCancel() override {
    gone_ = true;
    Wake();
  }
  void OnDone() override { const std::shared_ptr<LastingCall> self = std::move(self_); }
  void Tick(absl::Time now) override {
    if (!calls_.Admits(admission_, now)) {
      shut_out_ = true;
      Wake();
    }
    const int64_t since = silent_since_;
    if (since == 0 || now - absl::FromUnixNanos(since) <= kClientSilence) return;
    too_silent_ = true;
    Wake();
  }

 protected:
  // Ends the call. Once, and nothing is started afterwards.
  void End(const absl::Status& status) {
    ended_ = true;
    LetGo();
    place_.Release();
    this->Finish(ToGrpcStatus(status));
  }
  bool ended() const { return ended_; }
  // The client has gone: there is nobody to answer to.
  bool gone() const { return gone_; }

  // Gives up what others may wait for. Called before the answer goes out, so that who has the
  // answer finds it free.
  virtual void LetGo() {}

  // Ends the call if it has to end whatever else there is to do. Returns whether it has ended.
  bool EndIfOver() {
    if (ended_) return true;
    if (gone_) {
      End(absl::CancelledError("the client has gone"));
    } else if (shut_out_) {
      End(absl::UnauthenticatedError("the access key has expired or was revoked"));
    } else if (calls_.closing()) {
      End(absl::UnavailableError("the coordinator is closing; ask again"));
    }
    return ended_;
  }
  // Breaks off the operation under way; the step after that ends the call. From a step of a call
  // that has not ended: until then gRPC keeps its context.
  void BreakOff() { call_.TryCancel(); }

  // It is the client's turn, or no longer.
  void StartWaitingForClient() {
    too_silent_ = false;
    silent_since_ = absl::ToUnixNanos(SteadyNow());
  }
  void StopWaitingForClient() { silent_since_ = 0; }
  bool too_silent() const { return too_silent_; }
  // What the call was admitted by opens nothing any more.
  bool shut_out() const { return shut_out_; }

 private:
  grpc::CallbackServerContext& call_;
  const Admission admission_;
  CallPlace place_;
  std::shared_ptr<LastingCall> self_;
  std::atomic<bool> shut_out_ = false;
  std::atomic<bool> gone_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<int64_t> silent_since_ = 0;  // nanoseconds since 1970; 0: it is not its turn
  std::atomic<bool> too_silent_ = false;
};

// A call that sends messages.
template <typename Message>
class SendingCall : public CallOf<grpc::ServerWriteReactor<Message>> {
 public:
  using CallOf<grpc::ServerWriteReactor<Message>>::CallOf;

  void OnWriteDone(bool ok) override {
    if (!ok) unheard_ = true;
    this->StopWaitingForClient();
    sending_ = false;
    this->Wake();
  }

 protected:
  enum class Next { kMessage, kWait, kEnd };
  // Fills in the next message, or says that there is none yet (something will wake the call) or
  // none any more. An error ends the call.
  virtual absl::StatusOr<Next> FillIn(Message& message) = 0;

 private:
  void Step() override {
    if (this->ended()) return;
    if (sending_) {
      if (this->too_silent() || this->shut_out()) this->BreakOff();
      return;
    }
    if (unheard_) return this->End(absl::CancelledError("the client has gone"));
    if (this->EndIfOver()) return;
    message_.Clear();
    const absl::StatusOr<Next> next = FillIn(message_);
    if (!next.ok()) return this->End(next.status());
    if (*next == Next::kEnd) return this->End(absl::OkStatus());
    if (*next == Next::kWait) return;
    sending_ = true;
    this->StartWaitingForClient();
    this->StartWrite(&message_);
  }

  Message message_;
  std::atomic<bool> sending_ = false;
  std::atomic<bool> unheard_ = false;
};

// A call that takes messages and answers once.
template <typename Message>
class TakingCall : public CallOf<grpc::ServerReadReactor<Message>> {
 public:
  using CallOf<grpc::ServerReadReactor<Message>>::CallOf;

  void OnReadDone(bool ok) override {
    this->StopWaitingForClient();
    at_end_ = !ok;
    reading_ = false;
    this->Wake();
  }

 protected:
  // Takes a message. True: go on. False: the answer is complete, and nothing further is looked at.
  virtual absl::StatusOr<bool> Take(const Message& message) = 0;
  // The client has sent all that it will.
  virtual absl::Status TakeEnd() = 0;

 private:
  void Step() override {
    if (this->EndIfOver()) return;
    if (reading_) {
      if (this->too_silent()) {
        this->End(absl::DeadlineExceededError(absl::StrCat("nothing has come for ",
                                                           absl::FormatDuration(kClientSilence),
                                                           "; go on where the stream stood")));
      }
      return;
    }
    if (std::exchange(begun_, true)) {
      if (at_end_) return this->End(TakeEnd());
      const absl::StatusOr<bool> more = Take(message_);
      if (!more.ok() || !*more) return this->End(more.status());
    }
    reading_ = true;
    this->StartWaitingForClient();
    this->StartRead(&message_);
  }

  Message message_;
  bool begun_ = false;
  std::atomic<bool> reading_ = false;
  std::atomic<bool> at_end_ = false;
};

// Makes a call, begins it, and hands its reactor to gRPC.
template <typename Call, typename... Arguments>
Call* StartCall(Arguments&&... arguments) {
  auto call = std::make_shared<Call>(std::forward<Arguments>(arguments)...);
  call->Begin();
  return call.get();
}

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_CALLS_REACTORS_H_
