#include "server/scheduler/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/digest.h"

namespace alignflow {
namespace {

int Shards(int64_t pairs) { return static_cast<int>((pairs + kShardPairs - 1) / kShardPairs); }

// Pairs of either stage that the figures look at: the same masks for both.
int64_t ComparedPairs(const PlanInput& job) {
  int64_t samples = 0;
  const auto setting = job.settings.find("figures.samples");
  if (setting == job.settings.end() || !absl::SimpleAtoi(setting->second, &samples))
    return job.pairs;
  return std::min(samples, job.pairs);
}

bool RollsOutFirst(const PlanInput& job) {
  const auto setting = job.settings.find("align.rollout");
  return setting == job.settings.end() || setting->second != "fresh";
}

std::vector<TaskPlace> Places(const std::string& stage, int count) {
  std::vector<TaskPlace> places;
  places.reserve(count);
  for (int i = 0; i < count; ++i) places.push_back({stage, i});
  return places;
}

// The shards of `pairs` pairs made with one model.
std::vector<TaskSpec> GenerateTasks(const PlanInput& job, const std::string& model, int64_t pairs) {
  TaskSpec task;
  task.kind = "generate";
  task.inputs = {{"source", job.source_digest}, {"model", model}};
  std::vector<TaskSpec> tasks;
  for (int64_t first = 1; first <= pairs; first += kShardPairs) {
    task.settings = SettingsOfKind("generate", job.preset, job.settings);
    task.settings["first_pair"] = absl::StrCat(first);
    task.settings["last_pair"] = absl::StrCat(std::min(first + kShardPairs - 1, pairs));
    tasks.push_back(task);
  }
  return tasks;
}

// Looks up outputs, and remembers the first that is not there.
class OutputReader {
 public:
  explicit OutputReader(const std::map<TaskPlace, TaskOutputs>& outputs) : outputs_(outputs) {}

  std::string Get(const TaskPlace& place, const std::string& role) {
    const auto task = outputs_.find(place);
    if (task != outputs_.end()) {
      const auto output = task->second.find(role);
      if (output != task->second.end()) return output->second;
    }
    status_.Update(absl::InternalError(absl::StrCat("plan: task ", place.ordinal, " of stage ",
                                                    place.stage, " has no output ", role)));
    return "";
  }
  const absl::Status& status() const { return status_; }

 private:
  const std::map<TaskPlace, TaskOutputs>& outputs_;
  absl::Status status_;
};

TaskSpec FiguresTask(const PlanInput& job, OutputReader& outputs) {
  TaskSpec task;
  task.kind = "figures";
  task.settings = SettingsOfKind("figures", job.preset, job.settings);
  task.inputs = {{"source", job.source_digest}, {"references", job.references_digest}};
  if (!job.target_digest.empty()) task.inputs["target"] = job.target_digest;
  for (int i = 0; i < Shards(ComparedPairs(job)); ++i) {
    task.inputs[absl::StrFormat("stage1/%06d", i)] = outputs.Get({"compare", i}, "pairs");
    task.inputs[absl::StrFormat("stage2/%06d", i)] = outputs.Get({"generate", i}, "pairs");
  }
  return task;
}

}  // namespace

std::vector<std::string> Stages(const PlanInput& job) {
  if (RollsOutFirst(job)) return {"fit", "rollout", "align", "generate", "compare", "figures"};
  return {"fit", "align", "generate", "compare", "figures"};
}

int StageSize(const PlanInput& job, std::string_view stage) {
  if (stage == "generate") return Shards(job.pairs);
  if (stage == "compare") return Shards(ComparedPairs(job));
  return 1;
}

std::vector<TaskPlace> Prerequisites(const PlanInput& job, std::string_view stage) {
  if (stage == "rollout" || stage == "compare") return {{"fit", 0}};
  if (stage == "align") {
    if (RollsOutFirst(job)) return {{"fit", 0}, {"rollout", 0}};
    return {{"fit", 0}};
  }
  if (stage == "generate") return {{"fit", 0}, {"align", 0}};
  if (stage != "figures") return {};
  const int shards = Shards(ComparedPairs(job));
  std::vector<TaskPlace> places = Places("compare", shards);
  for (TaskPlace& place : Places("generate", shards)) places.push_back(std::move(place));
  return places;
}

absl::StatusOr<std::vector<TaskSpec>> StageTasks(const PlanInput& job, std::string_view stage,
                                                 const std::map<TaskPlace, TaskOutputs>& outputs) {
  OutputReader reader(outputs);
  std::vector<TaskSpec> tasks;
  if (stage == "generate") {
    tasks = GenerateTasks(job, reader.Get({"align", 0}, "model"), job.pairs);
    for (TaskSpec& task : tasks) task.inputs["stage1"] = reader.Get({"fit", 0}, "model");
  } else if (stage == "compare") {
    tasks = GenerateTasks(job, reader.Get({"fit", 0}, "model"), ComparedPairs(job));
  } else if (stage == "figures") {
    tasks = {FiguresTask(job, reader)};
  } else {
    TaskSpec task;
    task.kind = stage;
    task.settings = SettingsOfKind(stage, job.preset, job.settings);
    task.inputs["source"] = job.source_digest;
    if (stage != "fit") task.inputs["model"] = reader.Get({"fit", 0}, "model");
    if (stage == "align") task.inputs["references"] = job.references_digest;
    if (stage == "align" && RollsOutFirst(job)) {
      task.inputs["pool"] = reader.Get({"rollout", 0}, "pool");
    }
    tasks = {task};
  }
  if (!reader.status().ok()) return reader.status();
  return tasks;
}

std::vector<std::string> OutputRoles(std::string_view kind) {
  if (kind == "fit" || kind == "align") return {"model"};
  if (kind == "rollout") return {"pool"};
  if (kind == "generate") return {"pairs"};
  if (kind == "figures") return {"figures", "contact-sheet.png"};
  return {};
}

std::string TaskKey(const TaskSpec& task) {
  // Maps are sorted, so there is one text per task.
  const nlohmann::json json = {{"kind", task.kind},
                               {"settings", task.settings},
                               {"inputs", task.inputs},
                               {"result_version", kResultVersion}};
  return Sha256OfString(json.dump());
}

absl::StatusOr<PairRange> PairsOf(const TaskSpec& generate) {
  const auto number = [&](const char* name) {
    const auto setting = generate.settings.find(name);
    int64_t value = 0;
    return setting != generate.settings.end() && absl::SimpleAtoi(setting->second, &value) ? value
                                                                                           : 0;
  };
  const PairRange range{number("first_pair"), number("last_pair")};
  if (range.first < 1 || range.last < range.first) {
    return absl::InvalidArgumentError("the task's settings do not say which pairs it makes");
  }
  return range;
}

int ShardOfPair(int64_t pair) { return static_cast<int>((pair - 1) / kShardPairs); }

}  // namespace alignflow
