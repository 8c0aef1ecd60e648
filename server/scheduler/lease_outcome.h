#ifndef ALIGNFLOW_SERVER_SCHEDULER_LEASE_OUTCOME_H_
#define ALIGNFLOW_SERVER_SCHEDULER_LEASE_OUTCOME_H_

#include <array>
#include <string_view>

namespace alignflow {

// How a lease ends: there is no other way. Each is counted, by job and stage and in the metrics,
// and each but success and cancellation is bounded (LeasePolicy).
enum class LeaseOutcome {
  kSucceeded,
  kFailed,      // the worker says that the task failed
  kRefused,     // the worker's result was not accepted
  kUnsuited,    // the worker cannot do such tasks; says nothing about the task
  kLost,        // the worker fell silent
  kUnheard,     // the worker asks for another task instead of ending this one
  kHandedBack,  // the worker stopped before the end
  kInputLost,   // a file that the task needs is gone, and is made again
  kCancelled,   // nobody wants the task any more
};

inline constexpr std::array kLeaseOutcomes = {
    LeaseOutcome::kSucceeded,  LeaseOutcome::kFailed,    LeaseOutcome::kRefused,
    LeaseOutcome::kUnsuited,   LeaseOutcome::kLost,      LeaseOutcome::kUnheard,
    LeaseOutcome::kHandedBack, LeaseOutcome::kInputLost, LeaseOutcome::kCancelled};

// "succeeded", "handed back", ...: as users, metrics and the catalog have it.
constexpr std::string_view OutcomeName(LeaseOutcome outcome) {
  constexpr std::array<std::string_view, kLeaseOutcomes.size()> kNames = {
      "succeeded", "failed",      "refused",    "unsuited", "lost",
      "unheard",   "handed back", "input lost", "cancelled"};
  return kNames[static_cast<size_t>(outcome)];
}

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_LEASE_OUTCOME_H_
