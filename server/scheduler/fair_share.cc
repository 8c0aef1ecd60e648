#include "server/scheduler/fair_share.h"

#include <algorithm>
#include <tuple>

namespace alignflow {
namespace {

// What a lease counts at least, so that tasks of no time take turns as well.
constexpr double kLeastSeconds = 1;

}  // namespace

std::vector<std::string> FairShare::Order(const std::vector<Waiting>& waiting) {
  struct Turn {
    double running;
    double clock;
    std::string tenant;
  };
  std::vector<Turn> turns;
  for (const Waiting& one : waiting) {
    Tenant& tenant = tenants_[one.tenant];
    tenant.weight = static_cast<double>(std::max<int64_t>(one.weight, 1));
    tenant.clock = std::max(tenant.clock, served_clock_);
    turns.push_back({tenant.running / tenant.weight, tenant.clock, one.tenant});
  }
  std::ranges::sort(turns, [](const Turn& a, const Turn& b) {
    return std::tie(a.running, a.clock, a.tenant) < std::tie(b.running, b.clock, b.tenant);
  });
  std::vector<std::string> order;
  for (Turn& turn : turns) order.push_back(std::move(turn.tenant));
  return order;
}

void FairShare::Take(const std::string& task, const std::string& tenant, absl::Time now) {
  if (!leases_.try_emplace(task, Lease{.tenant = tenant, .since = now}).second) return;
  Tenant& taker = tenants_[tenant];
  served_clock_ = std::max(served_clock_, taker.clock);
  taker.clock = served_clock_ + kLeastSeconds / taker.weight;
  ++taker.running;
}

void FairShare::Release(const std::string& task, absl::Time now) {
  const auto lease = leases_.find(task);
  if (lease == leases_.end()) return;
  Tenant& taker = tenants_[lease->second.tenant];
  const double seconds = absl::ToDoubleSeconds(now - lease->second.since);
  taker.clock += std::max(seconds - kLeastSeconds, 0.0) / taker.weight;
  --taker.running;
  leases_.erase(lease);
}

std::string FairShare::TakerOf(const std::string& task) const {
  const auto lease = leases_.find(task);
  return lease == leases_.end() ? "" : lease->second.tenant;
}

absl::Duration FairShare::TakenBy(const std::string& task, absl::Time now) const {
  const auto lease = leases_.find(task);
  return lease == leases_.end() ? absl::ZeroDuration()
                                : std::max(now - lease->second.since, absl::ZeroDuration());
}

}  // namespace alignflow
