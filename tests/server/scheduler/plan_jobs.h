#ifndef ALIGNFLOW_TESTS_SERVER_SCHEDULER_PLAN_JOBS_H_
#define ALIGNFLOW_TESTS_SERVER_SCHEDULER_PLAN_JOBS_H_

#include <map>
#include <string>
#include <vector>

#include "server/scheduler/plan.h"
#include "server/scheduler/task_rules.h"

// Jobs to be planned, and their tasks as if all before them were done.
namespace alignflow {

inline const std::string kSource(64, 'a');
inline const std::string kReferences(64, 'b');
inline const std::string kModel(64, 'c');
inline const std::string kPool(64, 'd');
inline const std::string kStage2(64, 'e');

inline const std::string kTarget(64, 'f');
inline const std::string kPacked(64, '1');
inline const std::string kStatistics(64, '2');

inline PlanInput Job(int64_t pairs, SettingMap given = {}) {
  // The plain method, where a test does not say otherwise.
  given.insert({{"gates.enabled", "off"}, {"evaluate.segmenter", "none"}});
  return {.source_digest = kSource,
          .references_digest = kReferences,
          .target_digest = "",
          .pairs = pairs,
          .preset = "unet-64",
          .settings = ResolveSettings("unet-64", given).value()};
}

inline PlanInput WithTarget(PlanInput job) {
  job.target_digest = kTarget;
  return job;
}

// Outputs as if all tasks were done, each named after its place.
inline std::map<TaskPlace, TaskOutputs> AllDone(const PlanInput& job) {
  std::map<TaskPlace, TaskOutputs> outputs;
  for (const std::string& stage : Stages(job)) {
    for (int i = 0; i < StageSize(job, stage); ++i) {
      for (const char* role : {"packed", "statistics", "model", "rules", "pool", "masks",
                               "segmenter", "pairs", "scores"}) {
        outputs[{stage, i}][role] = stage + " " + std::to_string(i);
      }
    }
  }
  return outputs;
}

inline StagePart Whole(const PlanInput& job, const std::string& stage) {
  return {.stage = stage, .first = 0, .count = StageSize(job, stage)};
}

inline std::vector<TaskSpec> TasksOf(const PlanInput& job, const std::string& stage) {
  return StageTasks(job, Whole(job, stage), AllDone(job)).value();
}

// Outputs as if all up to align were done.
inline std::map<TaskPlace, TaskOutputs> TrainingDone() {
  return {{{"prepare", 0}, {{"packed", kPacked}}},
          {{"describe", 0}, {{"statistics", kStatistics}}},
          {{"fit", 0}, {{"model", kModel}}},
          {{"rollout", 0}, {{"pool", kPool}}},
          {{"align", 0}, {{"model", kStage2}}}};
}

inline std::vector<TaskPlace> PlacesOf(const std::vector<StagePart>& parts) {
  std::vector<TaskPlace> places;
  for (const StagePart& part : parts) {
    for (int i = 0; i < part.count; ++i) places.push_back({part.stage, part.first + i});
  }
  return places;
}

inline std::string KeyOf(const PlanInput& job, const std::string& stage) {
  return TaskKey(StageTasks(job, Whole(job, stage), TrainingDone()).value().front());
}

}  // namespace alignflow

#endif  // ALIGNFLOW_TESTS_SERVER_SCHEDULER_PLAN_JOBS_H_
