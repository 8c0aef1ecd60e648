#include <ATen/core/grad_mode.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "worker/data/image_decode.h"
#include "worker/figures/classes.h"
#include "worker/figures/distances.h"
#include "worker/figures/downstream.h"
#include "worker/figures/features.h"
#include "worker/figures/gates.h"
#include "worker/figures/images.h"
#include "worker/figures/samples.h"
#include "worker/figures/subjects.h"
#include "worker/figures/table.h"
#include "worker/figures/verdicts.h"
#include "worker/metrics/tsne.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kMostPoints = 120;  // of each set in the scatter plot
constexpr int64_t kLeastPoints = 8;   // of all sets together

FeaturesByName FeaturesOfSets(const FeatureExtractor& extractor, const FigureSets& sets,
                              at::Device device, const ProgressReporter& progress) {
  FeaturesByName features;
  const auto add = [&](const FigureSubject& subject) {
    if (features.contains(subject.name)) return;
    features[subject.name] =
        FeaturesOf(extractor, subject.set.images, device, [&] { progress.ThrowIfCancelled(); });
  };
  add(sets.made());
  for (const FigureSubject& subject : sets.subjects) {
    if (subject.rows.empty()) {
      add(subject);
    } else {
      features[subject.name] =
          features.at(sets.made().name).index_select(0, at::tensor(subject.rows, at::kLong));
    }
  }
  add(sets.target);
  return features;
}

// embedding.json: the sets side by side in a plane, from all over each.
std::string EmbeddingJson(const FeaturesByName& features, const ProgressReporter& progress) {
  std::vector<at::Tensor> parts;
  std::vector<std::string> names;
  for (const auto& [name, all] : features) {
    parts.push_back(all.index_select(0, EquallySpaced(all.size(0), kMostPoints)));
    names.insert(names.end(), parts.back().size(0), name);
  }
  nlohmann::json embedding = nlohmann::json::array();
  if (static_cast<int64_t>(names.size()) < kLeastPoints) return embedding.dump();
  const at::Tensor places =
      EmbedInPlane(at::cat(parts), 30, [&] { progress.ThrowIfCancelled(); }).contiguous();
  const auto place = places.accessor<double, 2>();
  for (size_t i = 0; i < names.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    embedding.push_back({{"subject", names[i]}, {"x", place[row][0]}, {"y", place[row][1]}});
  }
  return embedding.dump();
}

}  // namespace

// What the job has made, in numbers, verdicts and pictures. Networks run on the worker's device,
// all else on the CPU.
TaskOutputs RunFigures(const TaskSpec& spec, TaskContext& context) {
  const at::NoGradGuard no_grad;
  const at::Device device = DeviceOf(context);
  const FigureSets sets = LoadFigureSets(context, spec);
  const std::vector<FeatureSpace> spaces = LoadFeatureSpaces(context, spec);
  ProgressReporter progress(context, static_cast<int64_t>(spaces.size()) + 4, "steps");
  int64_t step = 0;
  const auto advance = [&] {
    progress.Report(step++);
    progress.ThrowIfCancelled();
  };

  FigureTable table(IntegerSetting(spec, "seed"),
                    sets.volumes ? "of three slices of each volume side by side" : "");
  JobFindings found{.alignment = {},
                    .diversity = {},
                    .gates = {},
                    .whole = {},
                    .views = {},
                    .views_known = QuantitiesOf(sets),
                    .target = sets.target.name,
                    .known = QuantitiesOf(sets),
                    .references = sets.references.size(),
                    .has_references = sets.has_references(),
                    .not_held_out = sets.not_held_out,
                    .diversity_needed = RealSetting(spec, "gates.diversity"),
                    .mask_agreement_needed = RealSetting(spec, "gates.mask_agreement"),
                    .memorization_needed = RealSetting(spec, "gates.memorization")};
  const FeatureSpace& judging = JudgingSpace(spaces);
  FeaturesByName shown;  // in the scatter plot: DINOv3 where it is there
  for (const FeatureSpace& space : spaces) {
    advance();
    FeaturesByName features;
    if (space.extractor) features = FeaturesOfSets(*space.extractor, sets, device, progress);
    const bool first = &space == &spaces.front();
    if (&space == &judging) AddClassFigures(space, sets, features, table);
    AddSetFigures(space, sets, features, table, &space == &judging ? &found.alignment : nullptr,
                  first ? &found.diversity : nullptr);
    if (space.extractor && !space.diversity.empty()) shown = std::move(features);
  }
  advance();
  AddImageFigures(sets, table);
  AddLikeness(
      sets, LoadLpips(context), device, [&] { progress.ThrowIfCancelled(); }, table);
  advance();
  found.gates = AddGateFigures(sets, table);
  found.whole = AddDownstream(context, spec, "whole", sets.target, table, found.known);
  found.views = AddDownstream(context, spec, "view", sets.target, table, found.views_known);
  advance();
  if (sets.in_parts()) shown.erase(sets.made().name);  // the parts are there
  const std::string embedding = EmbeddingJson(shown, progress);
  advance();
  const std::string sheet = ValueOrThrow(EncodePng(FiguresSheet(sets)));
  TaskOutputs outputs;
  for (const auto& [role, bytes] : {std::pair<const char*, std::string>{"figures", table.Json()},
                                    {"contact-sheet.png", sheet},
                                    {"verdicts.json", VerdictsJson(found)},
                                    {"samples.json", SamplesJson(sets)},
                                    {"scores.json", ScoresJson(context, spec, sets.target)},
                                    {"embedding.json", embedding}}) {
    outputs[role] = ValueOrThrow(context.Store(bytes));
  }
  progress.Report(step);
  return outputs;
}

}  // namespace alignflow
