#include "server/scheduler/task_rules.h"

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "common/digest.h"
#include "common/settings/result_version.h"
#include "common/settings/settings.h"

namespace alignflow {

std::vector<std::string> OutputRoles(std::string_view kind) {
  if (kind == "prepare") return {"packed"};
  if (kind == "describe") return {"statistics"};
  if (kind == "fit" || kind == "align") return {"model", "curve.json"};
  if (kind == "fit-masks") return {"model", "curve.json", "rules"};
  if (kind == "rollout") return {"pool"};
  if (kind == "masks") return {"masks"};
  if (kind == "judge" || kind == "baseline") return {"segmenter"};
  if (MakesPairs(kind)) return {"pairs"};
  if (kind == "evaluate") return {"scores"};
  if (kind == "figures") {
    return {"figures",      "contact-sheet.png", "verdicts.json",
            "samples.json", "scores.json",       "embedding.json"};
  }
  return {};
}

bool MakesPairs(std::string_view kind) { return kind == "generate" || kind == "transfer"; }

std::string TaskKey(const TaskSpec& task) {
  // Maps are sorted, so there is one text per task.
  const nlohmann::json json = {{"kind", task.kind},
                               {"settings", task.settings},
                               {"inputs", task.inputs},
                               {"result_version", kResultVersion}};
  return Sha256OfString(json.dump());
}

absl::StatusOr<PairRange> PairsOf(const TaskSpec& task) {
  const auto number = [&](const char* name) {
    const auto setting = task.settings.find(name);
    int64_t value = 0;
    return setting != task.settings.end() && absl::SimpleAtoi(setting->second, &value) ? value : 0;
  };
  const PairRange range{number("first_pair"), number("last_pair")};
  if (range.first < 1 || range.last < range.first) {
    return absl::InvalidArgumentError("the task's settings do not say which pairs it makes");
  }
  return range;
}

int ShardOfPair(int64_t pair) { return static_cast<int>((pair - 1) / kShardPairs); }

}  // namespace alignflow
