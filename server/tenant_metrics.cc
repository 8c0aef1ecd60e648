#include "server/tenant_metrics.h"

namespace alignflow {
namespace {

constexpr char kOthers[] = "(others)";  // no tenant can be named so

prometheus::Family<prometheus::Gauge>& GaugesOf(prometheus::Registry& registry, const char* name,
                                                const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

TenantMetrics::TenantMetrics(prometheus::Registry& registry)
    : queued_(GaugesOf(registry, "alignflow_tenant_queued_tasks",
                       "Tasks that wait for a worker, by the tenant whose turn they take")),
      jobs_(GaugesOf(registry, "alignflow_tenant_jobs", "Jobs that are queued or running")),
      bytes_(GaugesOf(registry, "alignflow_tenant_stored_bytes",
                      "Bytes of the files that belong to a tenant")),
      worker_seconds_(prometheus::BuildCounter()
                          .Name("alignflow_tenant_worker_seconds_total")
                          .Help("Time that workers have held tasks for a tenant")
                          .Register(registry)) {}

std::string TenantMetrics::LabelOf(const std::string& tenant) {
  if (named_.contains(tenant)) return tenant;
  if (named_.size() >= kNamed) return kOthers;
  named_.insert(tenant);
  return tenant;
}

void TenantMetrics::SetUses(const std::vector<TenantLook>& tenants) {
  absl::MutexLock lock(&mutex_);
  std::set<std::string> there;
  for (const TenantLook& tenant : tenants) there.insert(tenant.name);
  std::erase_if(named_, [&](const std::string& name) { return !there.contains(name); });
  std::map<std::string, TenantLook> sums;
  for (const TenantLook& tenant : tenants) {
    TenantLook& sum = sums[LabelOf(tenant.name)];
    sum.queued_tasks += tenant.queued_tasks;
    sum.jobs += tenant.jobs;
    sum.stored_bytes += tenant.stored_bytes;
  }
  // Those that have been deleted go.
  std::erase_if(shown_, [&](const auto& entry) {
    const auto& [label, gauges] = entry;
    if (sums.contains(label)) return false;
    queued_.Remove(gauges[0]);
    jobs_.Remove(gauges[1]);
    bytes_.Remove(gauges[2]);
    return true;
  });
  for (const auto& [label, sum] : sums) {
    std::vector<prometheus::Gauge*>& gauges = shown_[label];
    if (gauges.empty()) {
      for (Gauges* family : {&queued_, &jobs_, &bytes_}) {
        gauges.push_back(&family->Add({{"tenant", label}}));
      }
    }
    gauges[0]->Set(static_cast<double>(sum.queued_tasks));
    gauges[1]->Set(static_cast<double>(sum.jobs));
    gauges[2]->Set(static_cast<double>(sum.stored_bytes));
  }
}

void TenantMetrics::CountWork(const std::vector<LiveState::Lease>& leases, const Fleet& fleet,
                              absl::Duration passed) {
  if (passed <= absl::ZeroDuration()) return;
  absl::MutexLock lock(&mutex_);
  for (const LiveState::Lease& lease : leases) {
    const FleetWorker* worker = fleet.Find(lease.worker);
    if (worker == nullptr) continue;  // it has not come back since the coordinator's start
    worker_seconds_.Add({{"tenant", LabelOf(lease.tenant)}, {"device", worker->abilities.device}})
        .Increment(absl::ToDoubleSeconds(passed));
  }
}

}  // namespace alignflow
