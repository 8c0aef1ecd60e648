#include "worker/figures/subjects.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "common/data/groups.h"
#include "common/settings/pair_mix.h"
#include "common/settings/settings.h"
#include "worker/figures/overlap.h"
#include "worker/pairs/pair_detail.h"
#include "worker/sets/dataset_decode.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/reference_set.h"
#include "worker/sets/usable_set.h"
#include "worker/sets/volume_row.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kShownSide = 256;  // of pairs that people look at, at most
constexpr int64_t kMostReal = 2000;  // real images of a set that take part

bool HasInputs(const TaskSpec& spec, const std::string& prefix) {
  return std::ranges::any_of(
      spec.inputs, [&](const auto& input) { return input.first.starts_with(prefix + "/"); });
}

std::set<std::string> GroupsOfReferences(TaskContext& context, const TaskSpec& spec) {
  std::set<std::string> groups;
  if (!spec.inputs.contains("references")) return groups;
  for (const DatasetItem& item : LoadManifest(context, Input(spec, "references")).items) {
    groups.insert(GroupOf(item));
  }
  return groups;
}

FigureSubject Generated(const std::string& name, GeneratedSet pairs) {
  FigureSubject subject{.name = name, .set = std::move(pairs.set)};
  pairs.set = {};
  subject.pairs = std::move(pairs);
  subject.set = AsPictures(std::move(subject.set));
  return subject;
}

FigureSubject PartOf(const FigureSubject& whole, const std::string& name,
                     const std::vector<int64_t>& rows) {
  const at::Tensor taken = at::tensor(rows, at::kLong);
  FigureSubject part{.name = name,
                     .set = {.images = whole.set.images.index_select(0, taken),
                             .classes = whole.set.classes.index_select(0, taken),
                             .labels = whole.set.labels,
                             .names = {},
                             .note = ""}};
  part.rows = rows;
  part.pairs.handed_out = part.size();
  for (const int64_t row : rows) {
    part.set.names.push_back(whole.set.names[row]);
    part.pairs.pairs.push_back(whole.pairs.pairs[row]);
    part.pairs.origins.push_back(whole.pairs.origins[row]);
    part.pairs.records.push_back(whole.pairs.records[row]);
  }
  return part;
}

// Rows by whether a model has made them.
struct RowsByKind {
  std::vector<int64_t> of_model, recoloured;
};
RowsByKind RowsOf(const FigureSubject& made) {
  RowsByKind rows;
  for (int64_t row = 0; row < made.size(); ++row) {
    const bool recoloured = KindOfPair(made, row) == NameOf(PairKind::kRecoloured);
    (recoloured ? rows.recoloured : rows.of_model).push_back(row);
  }
  return rows;
}

// Stage 1's images but for pairs that are recoloured in the end.
void AddStage1(FigureSubject stage1, const FigureSubject& made, const RowsByKind& rows,
               std::vector<FigureSubject>& subjects) {
  std::set<int64_t> left_out;
  for (const int64_t row : rows.recoloured) left_out.insert(made.pairs.pairs[row]);
  if (!left_out.empty()) {
    std::vector<int64_t> kept;
    for (int64_t row = 0; row < stage1.size(); ++row) {
      if (!left_out.contains(stage1.pairs.pairs[row])) kept.push_back(row);
    }
    if (kept.empty()) return;
    stage1 = PartOf(stage1, stage1.name, kept);
    stage1.rows.clear();
  }
  subjects.push_back(std::move(stage1));
}

}  // namespace

std::string KindOfPair(const FigureSubject& made, int64_t row) {
  const nlohmann::json record = nlohmann::json::parse(made.pairs.records[row]);
  const auto kind = record.find("synthetic");
  return kind != record.end() && kind->is_string() ? kind->get<std::string>() : "";
}

const FigureSubject* FigureSets::Find(const std::string& name) const {
  for (const FigureSubject& subject : subjects) {
    if (subject.name == name) return &subject;
  }
  return nullptr;
}

FigureSets LoadFigureSets(TaskContext& context, const TaskSpec& spec) {
  const int64_t samples = IntegerSetting(spec, "figures.samples");
  std::vector<at::Tensor> files;  // digests of all that the target may not hold
  const auto real = [&](const std::string& name) {
    const ImageSet whole = LoadPrepared(context, spec, name);
    FigureSubject subject{.name = name, .set = AsPictures(Thinned(whole, kMostReal))};
    if (name == "source") files.push_back(whole.image_digests);
    // Slices of two patients are as alike as two pictures of one.
    if (!whole.volumes.defined()) KeepDistinct(subject);
    return subject;
  };
  FigureSets sets;
  sets.volumes = DimsOfPreset(TextSetting(spec, "preset")) == 3;
  sets.held_out = spec.inputs.contains("target");
  sets.subjects.push_back(real("source"));
  if (spec.inputs.contains("references")) {
    sets.references = {.name = "references",
                       .set = AsPictures(LoadReferences(context, spec, kMostReal))};
    files.push_back(sets.references.set.image_digests);
    if (!sets.volumes) KeepDistinct(sets.references);
  }
  if (spec.inputs.contains("origins")) sets.apart = real("origins");
  sets.target = sets.held_out           ? real("target")
                : sets.has_references() ? sets.references
                                        : sets.source();
  if (sets.held_out) {
    sets.not_held_out = LeaveOutKnown(files, GroupsOfReferences(context, spec), sets.source(),
                                      sets.references, /*by_picture=*/!sets.volumes, sets.target);
  }
  Quantities known{{Quantity::kSourceImages, sets.source().size()}};
  if (sets.has_references()) known[Quantity::kReferences] = sets.references.size();
  ThrowIfError(CheckLeastNumbers(spec.kind, known));
  if (sets.held_out && sets.has_references()) sets.subjects.push_back(sets.references);
  const LabelTable labels = sets.source().set.labels;
  FigureSubject made =
      Generated("pairs", LoadPairs(context, spec, "stage2", labels, PictureUse::kView, samples));
  if (nlohmann::json::parse(made.pairs.records.front()).contains("framing")) {
    const int64_t side = std::max(ImageSize(spec), std::min(PairSide(spec), kShownSide));
    std::set<int64_t> numbers;
    for (const int64_t row : RowsToShow(made)) numbers.insert(made.pairs.pairs[row]);
    sets.framed = LoadSomePairs(context, spec, "stage2", labels, numbers, side);
  }
  const RowsByKind rows = RowsOf(made);
  const bool compared = HasInputs(spec, "stage1");
  if (compared) {
    AddStage1(Generated("stage 1",
                        LoadPairs(context, spec, "stage1", labels, PictureUse::kView, samples)),
              made, rows, sets.subjects);
  }
  const std::string recoloured(NameOf(PairKind::kRecoloured));
  if (rows.of_model.empty()) {
    made.name = recoloured;
  } else if (!rows.recoloured.empty()) {
    sets.subjects.push_back(PartOf(made, "stage 2", rows.of_model));
    sets.subjects.push_back(PartOf(made, recoloured, rows.recoloured));
  } else if (compared) {
    made.name = "stage 2";
  }
  sets.subjects.push_back(std::move(made));
  return sets;
}

Quantities QuantitiesOf(const FigureSets& sets) {
  Quantities known{{Quantity::kSourceImages, sets.source().size()},
                   {Quantity::kReferences, sets.references.size()},
                   {Quantity::kTargetImages, sets.target.size()},
                   {Quantity::kPairs, sets.made().size()},
                   // A pair that was left out was judged as well.
                   {Quantity::kPairStructures,
                    ImagesWithStructures(sets.made().set) + sets.made().pairs.left_out}};
  if (sets.held_out) known[Quantity::kTargetStructures] = ImagesWithStructures(sets.target.set);
  return known;
}

std::optional<int64_t> OriginRow(const FigureSubject& made, int64_t row,
                                 const FigureSubject& origins) {
  const nlohmann::json record = nlohmann::json::parse(made.pairs.records[row]);
  if (record.value("mask_kind", "real") != "real") return std::nullopt;
  const std::string& name = origins.Kept(made.pairs.origins[row]);
  const std::vector<std::string>& names = origins.set.names;
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return found - names.begin();
}

}  // namespace alignflow
