#include "server/scheduler/placement.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

// Figures look at a pretrained model's features where there are any, and do without elsewhere.
bool LoadsModel(const TaskSpec& task) { return task.kind != "figures"; }

bool Tried(const std::string& worker, const TaskTrials& trials) {
  return trials.tried.contains(worker);
}

bool IsUnsuited(const std::string& worker, const TaskTrials& trials) {
  const auto tried = trials.tried.find(worker);
  return tried != trials.tried.end() && tried->second == LeaseOutcome::kUnsuited;
}

bool Can(const FleetWorker& worker, const TaskNeeds& needs, const TaskTrials& trials) {
  return worker.open && !IsUnsuited(worker.id, trials) && Lacks(worker.abilities, needs).empty();
}

// The less, the better the worker suits the task.
struct Misfit {
  bool failed_it = false;
  bool short_of_memory = false;
  bool slow = false;
  auto operator<=>(const Misfit&) const = default;
};

Misfit MisfitOf(const FleetWorker& worker, const TaskNeeds& needs, const TaskTrials& trials) {
  const int64_t memory = worker.abilities.memory_bytes;
  return {.failed_it = Tried(worker.id, trials),
          .short_of_memory = trials.memory_bytes > 0 && memory > 0 && memory <= trials.memory_bytes,
          .slow = !needs.model.empty() && worker.abilities.device == "cpu"};
}

}  // namespace

TaskNeeds NeedsOf(const TaskSpec& task) {
  TaskNeeds needs;
  const auto preset = task.settings.find("preset");
  if (preset != task.settings.end()) needs.preset = preset->second;
  const auto weights = task.settings.find("weights");
  if (weights != task.settings.end() && LoadsModel(task)) needs.model = weights->second;
  return needs;
}

std::string Lacks(const WorkerAbilities& worker, const TaskNeeds& needs) {
  if (!needs.preset.empty() && !worker.presets.empty() &&
      std::ranges::find(worker.presets, needs.preset) == worker.presets.end()) {
    return absl::StrCat("does not know the preset ", needs.preset);
  }
  if (!needs.model.empty() &&
      std::ranges::find(worker.models, needs.model, &ModelFolder::name) == worker.models.end()) {
    return absl::StrCat("has no model folder '", needs.model, "'");
  }
  return "";
}

bool MayTake(const FleetWorker& worker, const TaskSpec& task, const TaskTrials& trials,
             const Fleet& fleet, absl::Time now) {
  const TaskNeeds needs = NeedsOf(task);
  if (trials.not_before > now || !Can(worker, needs, trials)) return false;
  const Misfit misfit = MisfitOf(worker, needs, trials);
  if (misfit == Misfit{}) return true;
  return std::ranges::none_of(fleet, [&](const FleetWorker& other) {
    return other.id != worker.id && Can(other, needs, trials) &&
           MisfitOf(other, needs, trials) < misfit;
  });
}

bool AnotherCan(const std::string& worker, const TaskSpec& task, const TaskTrials& trials,
                const Fleet& fleet) {
  const TaskNeeds needs = NeedsOf(task);
  return std::ranges::any_of(fleet, [&](const FleetWorker& other) {
    return other.id != worker && !Tried(other.id, trials) && Can(other, needs, trials);
  });
}

std::string WhyNobodyCan(const TaskSpec& task, const TaskTrials& trials, const Fleet& fleet) {
  if (fleet.empty()) return "no worker is connected";
  const TaskNeeds needs = NeedsOf(task);
  std::string lacks;
  bool could = false;  // were it open
  for (const FleetWorker& worker : fleet) {
    if (Can(worker, needs, trials)) return "";
    lacks = Lacks(worker.abilities, needs);
    could |= lacks.empty() && !IsUnsuited(worker.id, trials);
  }
  const std::string workers =
      fleet.size() == 1 ? "the worker" : absl::StrCat("each of the ", fleet.size(), " workers");
  if (could) {
    return absl::StrCat(
        "no worker that can do it takes tasks: see `afctl worker list` for those that are "
        "cordoned, draining or in quarantine");
  }
  if (!needs.model.empty() && !lacks.empty()) {
    return absl::StrCat("no worker can do it: ", workers, " ", lacks,
                        "; start one with --models-dir DIR, where DIR/", needs.model,
                        " holds the model (docs/sd35.md)");
  }
  return absl::StrCat("no worker can do it: ", workers, " ",
                      lacks.empty() ? "has said that it is not fit for it" : lacks);
}

}  // namespace alignflow
