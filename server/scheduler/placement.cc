#include "server/scheduler/placement.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"

namespace alignflow {
namespace {

// Figures look at a pretrained model's features where there are any, and do without elsewhere.
bool LoadsModel(const TaskSpec& task) { return task.kind != "figures"; }

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

Misfit MisfitOf(const WorkerAbilities& abilities, bool failed_it, const TaskNeeds& needs,
                const TaskTrials& trials) {
  const int64_t memory = abilities.memory_bytes;
  return {.failed_it = failed_it,
          .short_of_memory = trials.memory_bytes > 0 && memory > 0 && memory <= trials.memory_bytes,
          .slow = !needs.model.empty() && abilities.device == "cpu"};
}

// How many of these workers each group has. Those that are not connected are none's.
std::map<const WorkerAbilities*, Fleet::Group> CountByGroup(const Fleet& fleet,
                                                            const std::set<std::string>& workers) {
  std::map<const WorkerAbilities*, Fleet::Group> counts;
  for (const std::string& id : workers) {
    const FleetWorker* worker = fleet.Find(id);
    if (worker == nullptr) continue;
    Fleet::Group& count = counts[&fleet.groups().find(worker->abilities)->first];
    ++count.workers;
    if (worker->open) ++count.open;
  }
  return counts;
}

// Whether a group with an open worker that has not tried the task, other than `worker`, can do it
// and `suits`.
template <typename Suits>
bool HasFreshWorker(const Fleet& fleet, const std::string& worker, const TaskNeeds& needs,
                    const TaskTrials& trials, const Suits& suits) {
  std::set<std::string> others = {worker};
  for (const auto& [id, outcome] : trials.tried) others.insert(id);
  auto left_out = CountByGroup(fleet, others);
  return std::ranges::any_of(fleet.groups(), [&](const auto& entry) {
    const auto& [abilities, group] = entry;
    return group.open > left_out[&abilities].open && Lacks(abilities, needs).empty() &&
           suits(abilities);
  });
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

bool MayTake(const std::string& worker, const TaskSpec& task, const TaskTrials& trials,
             const Fleet& fleet, absl::Time now) {
  const FleetWorker* me = fleet.Find(worker);
  const TaskNeeds needs = NeedsOf(task);
  if (me == nullptr || trials.not_before > now || !Can(*me, needs, trials)) return false;
  const Misfit misfit = MisfitOf(me->abilities, trials.tried.contains(worker), needs, trials);
  if (misfit == Misfit{}) return true;
  const auto suits_better = [&](const WorkerAbilities& abilities) {
    return MisfitOf(abilities, false, needs, trials) < misfit;
  };
  if (HasFreshWorker(fleet, worker, needs, trials, suits_better)) return false;
  return std::ranges::none_of(trials.tried, [&](const auto& tried) {
    const FleetWorker* other = fleet.Find(tried.first);
    return other != nullptr && other != me && Can(*other, needs, trials) &&
           MisfitOf(other->abilities, true, needs, trials) < misfit;
  });
}

bool AnotherCan(const std::string& worker, const TaskSpec& task, const TaskTrials& trials,
                const Fleet& fleet) {
  return HasFreshWorker(fleet, worker, NeedsOf(task), trials,
                        [](const WorkerAbilities&) { return true; });
}

std::string WhyNobodyCan(const TaskSpec& task, const TaskTrials& trials, const Fleet& fleet) {
  const TaskNeeds needs = NeedsOf(task);
  if (fleet.size() == 0) {
    if (needs.model.empty()) return "no worker is connected";
    return absl::StrCat("no worker is connected; it takes one with --models-dir DIR, where DIR/",
                        needs.model, " holds the model (docs/sd35.md), best on a GPU");
  }
  std::set<std::string> unsuited;
  for (const auto& [id, outcome] : trials.tried) {
    if (IsUnsuited(id, trials)) unsuited.insert(id);
  }
  auto left_out = CountByGroup(fleet, unsuited);
  std::string lacks;
  bool could = false;  // were it open
  for (const auto& [abilities, group] : fleet.groups()) {
    lacks = Lacks(abilities, needs);
    if (!lacks.empty()) continue;
    if (group.open > left_out[&abilities].open) return "";
    could |= group.workers > left_out[&abilities].workers;
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
