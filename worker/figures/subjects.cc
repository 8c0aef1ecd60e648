#include "worker/figures/subjects.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "worker/sets/prepared_set.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kMostReal = 2000;  // real images of a set that take part

bool HasInputs(const TaskSpec& spec, const std::string& prefix) {
  return std::ranges::any_of(
      spec.inputs, [&](const auto& input) { return input.first.starts_with(prefix + "/"); });
}

FigureSubject Generated(const std::string& name, GeneratedSet pairs) {
  FigureSubject subject{.name = name, .set = std::move(pairs.set)};
  pairs.set = {};
  subject.pairs = std::move(pairs);
  return subject;
}

}  // namespace

const FigureSubject* FigureSets::Find(const std::string& name) const {
  for (const FigureSubject& subject : subjects) {
    if (subject.name == name) return &subject;
  }
  return nullptr;
}

FigureSets LoadFigureSets(TaskContext& context, const TaskSpec& spec) {
  const int64_t samples = IntegerSetting(spec, "figures.samples");
  const auto real = [&](const std::string& name) {
    return FigureSubject{.name = name,
                         .set = Thinned(LoadPrepared(context, spec, name), kMostReal)};
  };
  FigureSets sets;
  sets.held_out = spec.inputs.contains("target");
  sets.subjects.push_back(real("source"));
  sets.references = {
      .name = "references",
      .set = LoadReferences(context, Input(spec, "references"), ImageSize(spec), kMostReal)};
  sets.target = sets.held_out ? real("target") : sets.references;
  if (sets.held_out) sets.subjects.push_back(sets.references);
  const LabelTable labels = sets.source().set.labels;
  const bool compared = HasInputs(spec, "stage1");
  if (compared) {
    sets.subjects.push_back(
        Generated("stage 1", LoadPairs(context, spec, "stage1", labels, samples)));
  }
  sets.subjects.push_back(Generated(compared ? "stage 2" : "pairs",
                                    LoadPairs(context, spec, "stage2", labels, samples)));
  return sets;
}

std::optional<int64_t> OriginRow(const FigureSubject& made, int64_t row, const ImageSet& source) {
  const nlohmann::json record = nlohmann::json::parse(made.pairs.records[row]);
  if (record.value("mask_kind", "real") != "real") return std::nullopt;
  const auto found = std::ranges::find(source.names, made.pairs.origins[row]);
  if (found == source.names.end()) return std::nullopt;
  return found - source.names.begin();
}

}  // namespace alignflow
