#include "server/scheduler/plan.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/settings/pair_mix.h"

namespace alignflow {
namespace {

JobShape ShapeOfJob(const PlanInput& job) {
  return ShapeOf(job.kind, job.settings,
                 {.references = !job.references_digest.empty(),
                  .target = !job.target_digest.empty(),
                  .masks = !job.masks_digest.empty()},
                 job.pairs);
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
  // One input "prefix/NNNNNN" for each of the stage's tasks from the first on.
  void GetAll(const std::string& stage, int count, const std::string& role,
              const std::string& prefix, TaskSpec& task, int first = 0) {
    for (int i = 0; i < count; ++i) {
      task.inputs[absl::StrFormat("%s/%06d", prefix, i)] = Get({stage, first + i}, role);
    }
  }
  const absl::Status& status() const { return status_; }

 private:
  const std::map<TaskPlace, TaskOutputs>& outputs_;
  absl::Status status_;
};

// Whether the job's model was trained elsewhere: its file is read instead of a training.
bool ImportsModel(const PlanInput& job) {
  return job.kind == JobKind::kFit && !job.references_digest.empty();
}

// Of the settings of a task that imports a model, what it depends on, and what pairs with the model
// are made with unless their job says otherwise.
void KeepSettingsOfImport(const SettingMap& settings, TaskSpec& task) {
  std::erase_if(task.settings, [](const auto& setting) {
    return setting.first != "preset" && setting.first != "size" && setting.first != "pictures";
  });
  for (const char* name : {"generate.steps", "generate.solver"}) {
    task.settings[name] = settings.at(name);
  }
}

// The side in pixels of what segmentation models are trained and tested on.
int64_t EvaluatedSide(const PlanInput& job) {
  const int64_t side = ImageSide(job.preset, job.settings);
  const auto setting = job.settings.find("evaluate.size");
  int64_t asked = 0;
  const bool asks = setting != job.settings.end() && absl::SimpleAtoi(setting->second, &asked);
  return asks && asked > 0 ? asked : side;
}

// What segmentation models see, in turn, that is not prepared for the other tasks anyway.
std::vector<std::string> PreparedBesides(const PlanInput& job, const JobShape& shape) {
  if (EvaluatedSide(job) != ImageSide(job.preset, job.settings)) return shape.evaluated;
  std::vector<std::string> besides = shape.evaluated;
  std::erase(besides, PicturesOf(shape));
  return besides;
}

// Where a dataset, source or target, is prepared for the tasks of models and figures.
TaskPlace PreparedPlace(bool target) { return {"prepare", target ? 1 : 0}; }
// And for segmentation models that see such pictures.
TaskPlace EvaluatedPlace(const PlanInput& job, const JobShape& shape, bool target,
                         const std::string& pictures) {
  const std::vector<std::string> besides = PreparedBesides(job, shape);
  const auto place = std::ranges::find(besides, pictures);
  if (place == besides.end()) return PreparedPlace(target);
  return {"prepare", 2 + 2 * static_cast<int>(place - besides.begin()) + (target ? 1 : 0)};
}

// The tasks that read a dataset's own files, once for every size and cut. No setting but these is
// in their keys, so that all jobs and methods share them.
std::vector<TaskSpec> PrepareTasks(const PlanInput& job, const JobShape& shape) {
  std::vector<TaskSpec> tasks;
  const auto add = [&](const std::string& digest, const std::string& pictures, int64_t side) {
    if (digest.empty()) return;
    tasks.push_back({.kind = "prepare",
                     .settings = {{"size", absl::StrCat(side)}, {"pictures", pictures}},
                     .inputs = {{"dataset", digest}}});
    if (DimsOfPreset(job.preset) == 3) tasks.back().settings["dims"] = "3";
  };
  const int64_t side = ImageSide(job.preset, job.settings);
  add(job.source_digest, PicturesOf(shape), side);
  add(job.target_digest, PicturesOf(shape), side);
  for (const std::string& pictures : PreparedBesides(job, shape)) {
    add(job.source_digest, pictures, EvaluatedSide(job));
    add(job.target_digest, pictures, EvaluatedSide(job));
  }
  add(job.masks_digest, PicturesOf(shape), side);
  return tasks;
}

// How many tasks those are.
int Prepared(const PlanInput& job, const JobShape& shape) {
  return (job.target_digest.empty() ? 1 : 2) +
         2 * static_cast<int>(PreparedBesides(job, shape).size()) + (shape.masks_apart ? 1 : 0);
}

// Where the dataset of the masks is prepared, if it is another than the source.
TaskPlace PreparedMasks(const PlanInput& job, const JobShape& shape) {
  return {"prepare", Prepared(job, shape) - 1};
}

// The task of a kind on a prepared dataset alone.
TaskSpec TaskOn(const PlanInput& job, const TaskPlace& place, const std::string& kind,
                const std::string& pictures, OutputReader& outputs) {
  TaskSpec task{.kind = kind,
                .settings = SettingsOfKind(kind, job.preset, job.settings),
                .inputs = {{"source", outputs.Get(place, "packed")}}};
  task.settings["pictures"] = pictures;
  return task;
}

TaskSpec SourceTask(const PlanInput& job, const JobShape& shape, const std::string& kind,
                    OutputReader& outputs) {
  return TaskOn(job, PreparedPlace(false), kind, PicturesOf(shape), outputs);
}

// Likewise of segmentation models that see such pictures.
TaskSpec SegmenterTask(const PlanInput& job, const JobShape& shape, const std::string& kind,
                       const std::string& pictures, OutputReader& outputs) {
  return TaskOn(job, EvaluatedPlace(job, shape, false, pictures), kind, pictures, outputs);
}

// The task of a kind on the dataset whose masks the pairs have.
TaskSpec MasksTask(const PlanInput& job, const JobShape& shape, const std::string& kind,
                   OutputReader& outputs) {
  TaskSpec task = SourceTask(job, shape, kind, outputs);
  if (shape.masks_apart) {
    task.inputs["source"] = outputs.Get(PreparedMasks(job, shape), "packed");
  }
  return task;
}

void GiveStatistics(OutputReader& outputs, TaskSpec& task) {
  task.inputs["statistics"] = outputs.Get({"describe", 0}, "statistics");
}

// The task once for each of the part's shards of `pairs` pairs.
std::vector<TaskSpec> Sharded(TaskSpec task, int64_t pairs, const StagePart& part) {
  std::vector<TaskSpec> tasks;
  for (int64_t shard = part.first; shard < int64_t{part.first} + part.count; ++shard) {
    const int64_t first = shard * kShardPairs + 1;
    if (first > pairs) break;
    task.settings["first_pair"] = absl::StrCat(first);
    task.settings["last_pair"] = absl::StrCat(std::min(first + kShardPairs - 1, pairs));
    tasks.push_back(task);
  }
  return tasks;
}

void GiveMasks(const JobShape& shape, const StagePart& part, OutputReader& outputs,
               std::vector<TaskSpec>& shards) {
  if (!shape.makes_masks) return;
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].inputs["masks"] = outputs.Get({"masks", part.first + static_cast<int>(i)}, "masks");
  }
}

// Those of a whole stage's tasks that are in the part.
std::vector<TaskSpec> Within(const StagePart& part, std::vector<TaskSpec> tasks) {
  const int size = static_cast<int>(tasks.size());
  tasks.resize(std::min(part.first + part.count, size));
  tasks.erase(tasks.begin(), tasks.begin() + std::min<int>(part.first, std::ssize(tasks)));
  return tasks;
}

// Stage 1 recolours nothing, so that jobs with other shares of recoloured pairs use its images.
void MakeOfStage1(TaskSpec& task) {
  const absl::StatusOr<PairMix> mix = PairMix::Of(task.settings);
  if (mix.ok()) task.settings["generate.mix"] = mix->OfModelText();
}

std::vector<TaskSpec> GenerateTasks(const PlanInput& job, const JobShape& shape,
                                    const StagePart& part, OutputReader& outputs) {
  TaskSpec task = MasksTask(job, shape, shape.transfers ? "transfer" : "generate", outputs);
  const bool uses_references =
      shape.transfers || shape.has_gates || shape.recolours || shape.frames_as_references;
  if (shape.has_references && uses_references) task.inputs["references"] = job.references_digest;
  if (shape.has_gates) {
    outputs.GetAll("judge", shape.judges, "segmenter", "judge", task);
    GiveStatistics(outputs, task);
    if (shape.masks_apart) task.inputs["training"] = outputs.Get({"prepare", 0}, "packed");
  }
  if (!shape.transfers) {
    const std::string stage1 = outputs.Get({"fit", 0}, "model");
    task.inputs["model"] = shape.aligns ? outputs.Get({"align", 0}, "model") : stage1;
    if (shape.aligns) {
      task.inputs["stage1"] = stage1;
    } else {
      MakeOfStage1(task);
    }
  }
  std::vector<TaskSpec> tasks = Sharded(task, job.pairs, part);
  GiveMasks(shape, part, outputs, tasks);
  return tasks;
}

// What stage 1's images do not depend on.
bool IsOfStage2(absl::string_view setting) {
  return absl::StartsWith(setting, "gates.") || setting == "framing.least_scale" ||
         setting == "restyle.least_style" || setting == "align.references" ||
         setting == "align.tune";
}

// Images of stage 1 for the same masks. They are for the figures only, so no gates: such settings
// are the preset's, whatever the job's are, so that jobs which differ in them share the images.
std::vector<TaskSpec> CompareTasks(const PlanInput& job, const JobShape& shape,
                                   const StagePart& part, OutputReader& outputs) {
  TaskSpec task = MasksTask(job, shape, "generate", outputs);
  task.settings["framing"] = "none";  // figures look at views
  task.inputs["model"] = outputs.Get({"fit", 0}, "model");
  const absl::StatusOr<SettingMap> defaults = PresetDefaults(job.preset);
  for (auto& [name, value] : task.settings) {
    if (!IsOfStage2(name) || !defaults.ok()) continue;
    const auto preset = defaults->find(name);
    if (preset != defaults->end()) value = preset->second;
  }
  MakeOfStage1(task);
  if (task.settings.contains("gates.enabled")) task.settings["gates.enabled"] = "off";
  std::vector<TaskSpec> tasks = Sharded(task, shape.compared_pairs, part);
  GiveMasks(shape, part, outputs, tasks);
  return tasks;
}

// A segmenter for each fold of the source, which it is not trained on; with one fold, on all of it.
std::vector<TaskSpec> JudgeTasks(const PlanInput& job, const JobShape& shape,
                                 OutputReader& outputs) {
  std::vector<TaskSpec> tasks(shape.judges, SourceTask(job, shape, "judge", outputs));
  for (int fold = 0; shape.judges > 1 && fold < shape.judges; ++fold) {
    tasks[fold].settings["fold"] = absl::StrCat(fold);
  }
  return tasks;
}

// The task once for each run: seeds 1, 2, ...
std::vector<TaskSpec> ByRun(TaskSpec task, const JobShape& shape) {
  std::vector<TaskSpec> tasks;
  for (int run = 1; run <= shape.evaluation_runs; ++run) {
    task.settings["run"] = absl::StrCat(run);
    tasks.push_back(task);
  }
  return tasks;
}

// For each kind of pictures: segmentation models on the source alone.
std::vector<TaskSpec> BaselineTasks(const PlanInput& job, const JobShape& shape,
                                    OutputReader& outputs) {
  std::vector<TaskSpec> tasks;
  for (const std::string& pictures : shape.evaluated) {
    std::ranges::copy(ByRun(SegmenterTask(job, shape, "baseline", pictures, outputs), shape),
                      std::back_inserter(tasks));
  }
  return tasks;
}

// For each kind of pictures: segmentation models trained on the pairs, too, and tested; then the
// baseline's, tested.
std::vector<TaskSpec> EvaluateTasks(const PlanInput& job, const JobShape& shape,
                                    OutputReader& outputs) {
  std::vector<TaskSpec> tasks;
  for (size_t i = 0; i < shape.evaluated.size(); ++i) {
    const std::string& pictures = shape.evaluated[i];
    TaskSpec task = SegmenterTask(job, shape, "evaluate", pictures, outputs);
    task.inputs["target"] = outputs.Get(EvaluatedPlace(job, shape, true, pictures), "packed");
    std::vector<TaskSpec> baselines = ByRun(task, shape);
    int place = 0;
    for (const int shard : shape.evaluated_shards) {
      task.inputs[absl::StrFormat("pairs/%06d", place++)] =
          outputs.Get({"generate", shard}, "pairs");
    }
    std::ranges::copy(ByRun(task, shape), std::back_inserter(tasks));
    for (int run = 0; run < shape.evaluation_runs; ++run) {
      const int ordinal = static_cast<int>(i) * shape.evaluation_runs + run;
      baselines[run].inputs["segmenter"] = outputs.Get({"baseline", ordinal}, "segmenter");
      baselines[run].settings.erase("evaluate.synthetic_share");
      tasks.push_back(std::move(baselines[run]));
    }
  }
  return tasks;
}

TaskSpec FiguresTask(const PlanInput& job, const JobShape& shape, OutputReader& outputs) {
  TaskSpec task = SourceTask(job, shape, "figures", outputs);
  GiveStatistics(outputs, task);
  if (shape.has_references) task.inputs["references"] = job.references_digest;
  if (shape.masks_apart) {
    task.inputs["origins"] = outputs.Get(PreparedMasks(job, shape), "packed");
  }
  if (!job.target_digest.empty()) {
    task.inputs["target"] = outputs.Get(PreparedPlace(true), "packed");
  }
  if (shape.compares) outputs.GetAll("compare", shape.compared_shards, "pairs", "stage1", task);
  outputs.GetAll("generate", shape.compared_shards, "pairs", "stage2", task);
  for (size_t i = 0; i < shape.evaluated.size(); ++i) {
    const int runs = shape.evaluation_runs, first = 2 * runs * static_cast<int>(i);
    outputs.GetAll("evaluate", runs, "scores", shape.evaluated[i] + "/both", task, first);
    outputs.GetAll("evaluate", runs, "scores", shape.evaluated[i] + "/real", task, first + runs);
  }
  return task;
}

}  // namespace

std::vector<std::string> Stages(const PlanInput& job) {
  const JobShape shape = ShapeOfJob(job);
  std::vector<std::string> stages;
  const auto add = [&](bool needed, const char* stage) {
    if (needed) stages.emplace_back(stage);
  };
  if (shape.fits_alone) return {"prepare", "fit"};
  add(true, "prepare");
  add(true, "describe");
  add(!shape.transfers, "fit");
  add(shape.makes_masks, "fit-masks");
  add(shape.has_gates, "judge");
  add(shape.rolls_out, "rollout");
  add(shape.aligns, "align");
  add(shape.makes_masks, "masks");
  add(true, "generate");
  add(shape.compares, "compare");
  add(shape.evaluation_runs > 0, "baseline");
  add(shape.evaluation_runs > 0, "evaluate");
  add(true, "figures");
  return stages;
}

bool IsOfModel(const PlanInput& job, std::string_view stage) {
  return job.kind == JobKind::kGenerate && (stage == "fit" || stage == "align");
}

int StageSize(const PlanInput& job, std::string_view stage) {
  const JobShape shape = ShapeOfJob(job);
  const int forms = static_cast<int>(shape.evaluated.size());
  if (stage == "prepare") return Prepared(job, shape);
  if (stage == "generate" || stage == "masks") return shape.shards;
  if (stage == "compare") return shape.compared_shards;
  if (stage == "judge") return shape.judges;
  if (stage == "baseline") return forms * shape.evaluation_runs;
  if (stage == "evaluate") return 2 * forms * shape.evaluation_runs;
  return 1;
}

std::vector<StagePart> Prerequisites(const PlanInput& job, std::string_view stage) {
  const JobShape shape = ShapeOfJob(job);
  const int forms = static_cast<int>(shape.evaluated.size());
  std::vector<StagePart> parts;
  const auto add = [&](bool needed, const char* needed_stage, int count = 1) {
    if (needed && count > 0) parts.push_back({.stage = needed_stage, .count = count});
  };
  if (stage == "prepare" || IsOfModel(job, stage)) return parts;
  const bool trains_segmenters = stage == "baseline" || stage == "evaluate";
  const bool needs_target = stage == "figures" && !job.target_digest.empty();
  const bool needs_masks = shape.masks_apart && stage != "describe" && stage != "judge";
  const int prepared = trains_segmenters || needs_masks ? Prepared(job, shape)
                       : needs_target                   ? 2
                                                        : 1;
  add(true, "prepare", prepared);
  add(stage == "align" || stage == "figures" || (stage == "generate" && shape.has_gates),
      "describe");
  if (stage == "masks") {
    add(true, "fit-masks");
  } else if (stage == "rollout") {
    add(true, "fit");
  } else if (stage == "align") {
    add(true, "fit");
    add(shape.rolls_out, "rollout");
  } else if (stage == "generate") {
    add(!shape.transfers, "fit");
    add(shape.has_gates, "judge", shape.judges);
    add(shape.aligns, "align");
    add(shape.makes_masks, "masks", shape.shards);
  } else if (stage == "compare") {
    add(true, "fit");
    add(shape.makes_masks, "masks", shape.compared_shards);
  } else if (stage == "evaluate") {
    add(true, "generate", shape.shards);
    add(true, "baseline", forms * shape.evaluation_runs);
  } else if (stage == "figures") {
    add(true, "generate", shape.compared_shards);
    add(shape.compares, "compare", shape.compared_shards);
    add(true, "evaluate", 2 * forms * shape.evaluation_runs);
  }
  return parts;
}

std::vector<StagePart> InputsOf(const PlanInput& job, const StagePart& part) {
  std::vector<StagePart> inputs = Prerequisites(job, part.stage);
  if (part.stage == "evaluate") {
    const JobShape shape = ShapeOfJob(job);
    if (std::ssize(shape.evaluated_shards) < shape.shards) {
      std::erase_if(inputs, [](const StagePart& input) { return input.stage == "generate"; });
      for (const int shard : shape.evaluated_shards) {
        inputs.push_back({.stage = "generate", .first = shard, .count = 1});
      }
    }
    return inputs;
  }
  if (part.stage != "generate" && part.stage != "compare") return inputs;
  for (StagePart& input : inputs) {
    if (input.stage != "masks") continue;
    const int end = std::min(input.count, part.first + part.count);
    input.first = part.first;
    input.count = std::max(end - part.first, 0);
  }
  return inputs;
}

absl::StatusOr<std::vector<TaskSpec>> StageTasks(const PlanInput& job, const StagePart& part,
                                                 const std::map<TaskPlace, TaskOutputs>& outputs) {
  const std::string& stage = part.stage;
  const JobShape shape = ShapeOfJob(job);
  OutputReader reader(outputs);
  std::vector<TaskSpec> tasks;
  if (stage == "prepare") {
    tasks = PrepareTasks(job, shape);
  } else if (stage == "describe") {
    tasks = {{.kind = "describe",
              .settings = {},
              .inputs = {{"source", reader.Get({"prepare", 0}, "packed")}}}};
  } else if (stage == "generate") {
    tasks = GenerateTasks(job, shape, part, reader);
  } else if (stage == "compare") {
    tasks = CompareTasks(job, shape, part, reader);
  } else if (stage == "masks") {
    TaskSpec task = MasksTask(job, shape, "masks", reader);
    task.inputs["model"] = reader.Get({"fit-masks", 0}, "model");
    task.inputs["rules"] = reader.Get({"fit-masks", 0}, "rules");
    tasks = Sharded(task, job.pairs, part);
  } else if (stage == "judge") {
    tasks = JudgeTasks(job, shape, reader);
  } else if (stage == "baseline") {
    tasks = BaselineTasks(job, shape, reader);
  } else if (stage == "evaluate") {
    tasks = EvaluateTasks(job, shape, reader);
  } else if (stage == "figures") {
    tasks = {FiguresTask(job, shape, reader)};
  } else {
    TaskSpec task = stage == "fit-masks" ? MasksTask(job, shape, stage, reader)
                                         : SourceTask(job, shape, stage, reader);
    if (stage == "fit" && ImportsModel(job)) {
      KeepSettingsOfImport(job.settings, task);
      task.inputs["weights"] = job.references_digest;
    }
    const bool after_fit = stage == "rollout" || stage == "align";
    if (after_fit) task.inputs["model"] = reader.Get({"fit", 0}, "model");
    if (stage == "align") {
      task.inputs["references"] = job.references_digest;
      GiveStatistics(reader, task);
    }
    if (stage == "align" && shape.rolls_out) {
      task.inputs["pool"] = reader.Get({"rollout", 0}, "pool");
    }
    tasks = {task};
  }
  if (!reader.status().ok()) return reader.status();
  const bool has_part_only = stage == "generate" || stage == "compare" || stage == "masks";
  return has_part_only ? tasks : Within(part, std::move(tasks));
}

}  // namespace alignflow
