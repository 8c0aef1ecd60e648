#include "worker/agent/worker_metrics.h"

#include "common/settings/result_version.h"
#include "common/settings/settings.h"
#include "common/version.h"

namespace alignflow {
namespace {

prometheus::Family<prometheus::Gauge>& Gauges(prometheus::Registry& registry, const char* name,
                                              const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& Counters(prometheus::Registry& registry, const char* name,
                                                  const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& BlobBytes(prometheus::Registry& registry) {
  return Counters(registry, "alignflow_worker_blob_bytes_total",
                  "Bytes of blobs moved to and from the coordinator.");
}

void SetIfPresent(const TaskProgress& progress, const char* value, auto&& gauge) {
  const auto found = progress.values.find(value);
  if (found != progress.values.end()) gauge().Set(found->second);
}

}  // namespace

WorkerMetrics::WorkerMetrics(prometheus::Registry& registry)
    : loss_(Gauges(registry, "alignflow_worker_loss", "Latest training loss.")),
      steps_per_second_(
          Gauges(registry, "alignflow_worker_steps_per_second", "Latest training speed.")),
      tasks_(Counters(registry, "alignflow_worker_tasks_total", "Tasks that ended, by outcome.")),
      images_per_second_(Gauges(registry, "alignflow_worker_images_per_second",
                                "Latest speed of generating images.")
                             .Add({})),
      device_memory_(Gauges(registry, "alignflow_worker_device_memory_bytes",
                            "Memory that tensors hold on the device; resident memory on a CPU.")
                         .Add({})),
      bytes_sent_(BlobBytes(registry).Add({{"direction", "sent"}})),
      bytes_received_(BlobBytes(registry).Add({{"direction", "received"}})) {
  Gauges(registry, "alignflow_worker_build_info", "The program's version and that of its results.")
      .Add(
          {{"version", std::string(Version())}, {"result_version", std::to_string(kResultVersion)}})
      .Set(1);
}

void WorkerMetrics::ObserveProgress(const std::string& kind, const TaskProgress& progress) {
  const prometheus::Labels stage = {{"stage", kind}};
  SetIfPresent(
      progress, "loss", [&]() -> auto& { return loss_.Add(stage); });
  SetIfPresent(
      progress, "steps_per_second", [&]() -> auto& { return steps_per_second_.Add(stage); });
  SetIfPresent(
      progress, "images_per_second", [&]() -> auto& { return images_per_second_; });
}

void WorkerMetrics::ObserveDeviceMemory(int64_t bytes) {
  device_memory_.Set(static_cast<double>(bytes));
}

void WorkerMetrics::CountTask(const std::string& kind, const std::string& outcome) {
  tasks_.Add({{"kind", kind}, {"outcome", outcome}}).Increment();
}

void WorkerMetrics::CountBlobBytes(int64_t sent, int64_t received) {
  bytes_sent_.Increment(static_cast<double>(sent));
  bytes_received_.Increment(static_cast<double>(received));
}

}  // namespace alignflow
