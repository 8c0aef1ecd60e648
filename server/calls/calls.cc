#include "server/calls/calls.h"

#include <utility>

namespace alignflow {

void LastingCall::Wake() {
  Pace pace = pace_.load();
  for (;;) {
    switch (pace) {
      case Pace::kQueued:
      case Pace::kWokenWhileStepping:
        return;
      case Pace::kResting:
        if (!pace_.compare_exchange_weak(pace, Pace::kQueued)) continue;
        calls_.Enqueue(shared_from_this());
        return;
      case Pace::kStepping:
        if (pace_.compare_exchange_weak(pace, Pace::kWokenWhileStepping)) return;
    }
  }
}

std::function<void()> LastingCall::Waker() {
  return [weak = weak_from_this()] {
    if (const auto call = weak.lock()) call->Wake();
  };
}

Calls::Calls(int threads, const Access* access) : access_(access) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Calls::~Calls() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void Calls::Add(LastingCall& call) {
  absl::MutexLock lock(&mutex_);
  call.place_ = live_.insert(live_.end(), &call);
}

void Calls::Remove(LastingCall& call) {
  absl::MutexLock lock(&mutex_);
  live_.erase(call.place_);
}

void Calls::Enqueue(std::shared_ptr<LastingCall> call) {
  absl::MutexLock lock(&mutex_);
  (call->urgent() ? urgent_ : queue_).push_back(std::move(call));
}

void Calls::Run() {
  for (;;) {
    std::shared_ptr<LastingCall> call;
    {
      absl::MutexLock lock(&mutex_);
      const auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stop_ || !urgent_.empty() || !queue_.empty();
      };
      mutex_.Await(absl::Condition(&due));
      std::deque<std::shared_ptr<LastingCall>>& next = urgent_.empty() ? queue_ : urgent_;
      if (next.empty()) return;
      call = std::move(next.front());
      next.pop_front();
    }
    call->pace_ = LastingCall::Pace::kStepping;
    call->Step();
    LastingCall::Pace stepping = LastingCall::Pace::kStepping;
    if (!call->pace_.compare_exchange_strong(stepping, LastingCall::Pace::kResting)) {
      call->pace_ = LastingCall::Pace::kQueued;
      Enqueue(std::move(call));
    }
  }
}

std::vector<std::shared_ptr<LastingCall>> Calls::Live() {
  absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<LastingCall>> live;
  live.reserve(live_.size());
  for (LastingCall* call : live_) {
    if (auto shared = call->weak_from_this().lock()) live.push_back(std::move(shared));
  }
  return live;
}

void Calls::Tick(absl::Time now) {
  for (const auto& call : Live()) call->Tick(now);
}

void Calls::WakeAll() {
  for (const auto& call : Live()) call->Wake();
}

void Calls::Close() {
  closing_ = true;
  WakeAll();
}

}  // namespace alignflow
