#include "server/fleet_metrics.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/scheduler/task_kinds.h"

namespace alignflow {
namespace {

// Looks follow each other within a second or two; after a longer pause nobody knows who worked.
constexpr absl::Duration kLongestGap = absl::Minutes(1);
constexpr const char* kDevices[] = {"cpu", "cuda"};

using Labels = prometheus::Labels;

prometheus::Family<prometheus::Gauge>& GaugesOf(prometheus::Registry& registry, const char* name,
                                                const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

// Those whose progress is counted in images.
const std::vector<std::string>& ImageKinds() {
  static const auto* kinds =
      new std::vector<std::string>{"prepare", "describe", "rollout", "generate", "transfer"};
  return *kinds;
}

const char* YesNo(bool value) { return value ? "yes" : "no"; }

Labels LabelsOf(const std::string& kind, bool pretrained) {
  return {{"kind", kind}, {"pretrained", YesNo(pretrained)}};
}

// Shows 0 where `values` has nothing, so that what has gone does not stay.
void SetByKind(const std::vector<std::string>& kinds, const std::map<std::string, double>& values,
               prometheus::Family<prometheus::Gauge>& family) {
  for (const std::string& kind : kinds) {
    const auto value = values.find(kind);
    family.Add({{"kind", kind}}).Set(value == values.end() ? 0 : value->second);
  }
}

}  // namespace

FleetMetrics::FleetMetrics(prometheus::Registry& registry)
    : queued_(GaugesOf(registry, "alignflow_queued_tasks", "Tasks that wait for a worker")),
      oldest_(GaugesOf(registry, "alignflow_oldest_queued_task_seconds",
                       "Time that the task has waited for a worker which waits longest")),
      workers_(GaugesOf(registry, "alignflow_workers",
                        "Workers that are connected and take tasks (open) or do not (closed)")),
      running_(GaugesOf(registry, "alignflow_running_tasks", "Tasks that workers hold")),
      checkpoint_age_(GaugesOf(registry, "alignflow_checkpoint_age_seconds",
                               "Longest time since a running training was leased or stored its "
                               "latest checkpoint")),
      steps_(GaugesOf(registry, "alignflow_training_steps_per_second",
                      "Latest training speed of all workers together")),
      images_(GaugesOf(registry, "alignflow_images_per_second",
                       "Latest speed of all workers together, at tasks that go image by image")),
      worker_seconds_(prometheus::BuildCounter()
                          .Name("alignflow_worker_seconds_total")
                          .Help("Time that workers have held tasks")
                          .Register(registry)) {
  SetQueue({}, absl::UnixEpoch());
  for (const std::string& kind : TaskKinds()) {
    for (const char* device : kDevices) worker_seconds_.Add({{"kind", kind}, {"device", device}});
  }
}

void FleetMetrics::SetQueue(const QueueLook& queue, absl::Time now) {
  for (const bool pretrained : {false, true}) {
    for (const std::string& kind : TaskKinds()) {
      const auto tasks = queue.tasks.find({kind, pretrained});
      queued_.Add(LabelsOf(kind, pretrained))
          .Set(tasks == queue.tasks.end() ? 0 : static_cast<double>(tasks->second));
    }
    const auto oldest = queue.oldest.find(pretrained);
    const absl::Duration age =
        oldest == queue.oldest.end() ? absl::ZeroDuration() : now - oldest->second;
    oldest_.Add({{"pretrained", YesNo(pretrained)}}).Set(std::max(0.0, absl::ToDoubleSeconds(age)));
  }
}

void FleetMetrics::SetWorkers(const Fleet& fleet) {
  std::map<std::string, Fleet::Group> counts;
  for (const auto& [abilities, group] : fleet.groups()) {
    counts[abilities.device].workers += group.workers;
    counts[abilities.device].open += group.open;
  }
  for (const char* device : kDevices) {
    const Fleet::Group& count = counts[device];
    workers_.Add({{"device", device}, {"state", "open"}}).Set(count.open);
    workers_.Add({{"device", device}, {"state", "closed"}}).Set(count.workers - count.open);
  }
}

absl::Duration FleetMetrics::SetWork(const std::vector<LiveState::Lease>& leases,
                                     const Fleet& fleet, absl::Time now) {
  SetWorkers(fleet);
  const absl::Duration passed = CountWorkerSeconds(leases, fleet, now);
  std::map<std::pair<std::string, bool>, int> running;
  std::map<std::string, double> age, steps, images;
  for (const LiveState::Lease& lease : leases) {
    ++running[{lease.kind, lease.pretrained}];
    steps[lease.kind] += lease.steps_per_second;
    images[lease.kind] += lease.images_per_second;
    age[lease.kind] = std::max(age[lease.kind], absl::ToDoubleSeconds(now - lease.saved));
  }
  for (const std::string& kind : TaskKinds()) {
    for (const bool pretrained : {false, true}) {
      running_.Add(LabelsOf(kind, pretrained)).Set(running[{kind, pretrained}]);
    }
  }
  SetByKind(TrainingKinds(), age, checkpoint_age_);
  SetByKind(TrainingKinds(), steps, steps_);
  SetByKind(ImageKinds(), images, images_);
  return passed;
}

absl::Duration FleetMetrics::CountWorkerSeconds(const std::vector<LiveState::Lease>& leases,
                                                const Fleet& fleet, absl::Time now) {
  absl::Duration passed;
  {
    absl::MutexLock lock(&mutex_);
    if (now > looked_) passed = std::min(now - looked_, kLongestGap);
    looked_ = now;
  }
  if (passed <= absl::ZeroDuration()) return absl::ZeroDuration();
  for (const LiveState::Lease& lease : leases) {
    const FleetWorker* worker = fleet.Find(lease.worker);
    if (worker == nullptr) continue;  // it has not come back since the coordinator's start
    worker_seconds_.Add({{"kind", lease.kind}, {"device", worker->abilities.device}})
        .Increment(absl::ToDoubleSeconds(passed));
  }
  return passed;
}

}  // namespace alignflow
