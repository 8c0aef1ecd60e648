#ifndef ALIGNFLOW_SERVER_SCHEDULER_FAIR_SHARE_H_
#define ALIGNFLOW_SERVER_SCHEDULER_FAIR_SHARE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace alignflow {

// Whose turn it is among tenants whose tasks wait: weighted fair queueing of worker time. Each
// tenant has a clock, which runs on by the time that workers have given it, divided by its weight;
// the tenant with the fewest running tasks for its weight comes first and, among those, the one
// whose clock is behind. A tenant that had nothing to do saves nothing up: its clock begins at that
// of the tenant served last. So a tenant that comes with one task has it leased next, however many
// tasks others have queued. What a turn costs grows with the tenants that wait, not with their
// tasks. Plain data; time is an argument.
class FairShare {
 public:
  struct Waiting {
    std::string tenant;
    int64_t weight = 1;
  };
  // The tenants in the order of their turns.
  std::vector<std::string> Order(const std::vector<Waiting>& waiting);

  // A lease of the task begins, or goes on if it runs already.
  void Take(const std::string& task, const std::string& tenant, absl::Time now);
  // It ends; does nothing if none runs.
  void Release(const std::string& task, absl::Time now);
  // What the task's lease has taken so far, and of whose share; nothing if none runs.
  absl::Duration TakenBy(const std::string& task, absl::Time now) const;
  std::string TakerOf(const std::string& task) const;

 private:
  struct Tenant {
    double weight = 1;
    double clock = 0;  // seconds of workers, divided by the weight
    int running = 0;
  };
  struct Lease {
    std::string tenant;
    absl::Time since;
  };

  std::map<std::string, Tenant> tenants_;
  std::map<std::string, Lease> leases_;  // by task
  double served_clock_ = 0;              // of the tenant served last, before that
};

}  // namespace alignflow

#endif  // ALIGNFLOW_SERVER_SCHEDULER_FAIR_SHARE_H_
