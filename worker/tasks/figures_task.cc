#include <algorithm>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <optional>

#include "worker/alignment/filter_bank.h"
#include "worker/data/contact_sheet.h"
#include "worker/data/image_decode.h"
#include "worker/data/mask_contrast.h"
#include "worker/metrics/distribution.h"
#include "worker/tasks/image_set.h"
#include "worker/tasks/model_file.h"
#include "worker/tasks/pair_list.h"
#include "worker/tasks/pixels.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kMostReal = 1000;  // real images of a set that take part
constexpr int64_t kFeatureBatch = 64;
constexpr int64_t kSheetRows = 8;

// One of the sets that figures compare.
struct Subject {
  std::string name;
  at::Tensor bytes;    // uint8 [N,3,S,S]
  at::Tensor classes;  // uint8 [N,S,S]; undefined without masks
  LabelTable labels;
  at::Tensor features;  // float [N,d]

  Subject(std::string name, const ImageSet& set, const FilterBank& extractor)
      : name(std::move(name)), bytes(set.images), classes(set.classes), labels(set.labels) {
    std::vector<at::Tensor> parts;
    for (const at::Tensor& part : bytes.split(kFeatureBatch)) {
      parts.push_back(extractor.Features(ImagesFromBytes(part)));
    }
    features = at::cat(parts);
  }
  int64_t size() const { return bytes.size(0); }
};

// Mean over images and the labels that their masks show.
std::optional<double> MeanMaskContrast(const Subject& subject) {
  if (!subject.classes.defined()) return std::nullopt;
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < subject.size(); ++i) {
    const cv::Mat image = ImageOfTensor(subject.bytes[i]);
    const cv::Mat mask = MaskOfTensor(subject.classes[i], subject.labels);
    for (const LabelTable::Label& label : subject.labels.labels()) {
      if (cv::countNonZero(mask == label.value) == 0) continue;
      sum += MaskContrast(image, mask, label.value);
      ++count;
    }
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

class FigureTable {
 public:
  void Add(const std::string& name, const Subject& subject, double value, const char* better) {
    figures_.push_back({{"name", name},
                        {"subject", subject.name},
                        {"value", value},
                        {"better", better},
                        {"sample_count", subject.size()}});
  }
  std::string Json() const { return figures_.dump(); }

 private:
  nlohmann::json figures_ = nlohmann::json::array();
};

// A distance of every subject to the target, and of the target's halves to one another, which is
// the least that can be reached. Returns the values by subject.
std::map<std::string, double> AddDistance(const std::string& name,
                                          double (*distance)(const at::Tensor&, const at::Tensor&),
                                          const std::vector<Subject>& subjects,
                                          const Subject& target, FigureTable& table) {
  std::map<std::string, double> values;
  if (target.size() < 4) return values;
  for (const Subject& subject : subjects) {
    if (subject.size() < 2) continue;
    values[subject.name] = distance(subject.features, target.features);
    table.Add(name, subject, values[subject.name], "lower");
  }
  const at::Tensor even = target.features.slice(0, 0, at::nullopt, 2);
  const at::Tensor odd = target.features.slice(0, 1, at::nullopt, 2);
  table.Add(name, target, distance(even, odd), "lower");
  return values;
}

// How much of the way from stage 1 to the references' own distance, which a perfect fit to them
// would reach, stage 2 has gone.
void AddGapClosed(const std::map<std::string, double>& mmd, const Subject& stage2,
                  FigureTable& table) {
  if (!mmd.contains("stage 1") || !mmd.contains("stage 2") || !mmd.contains("references")) return;
  const double gap = mmd.at("stage 1") - mmd.at("references");
  if (gap <= 0) return;
  table.Add("gap closed (percent)", stage2, 100 * (mmd.at("stage 1") - mmd.at("stage 2")) / gap,
            "higher");
}

void AddOwnFigures(const std::vector<Subject>& subjects, const Subject& target,
                   FigureTable& table) {
  std::vector<const Subject*> all;
  for (const Subject& subject : subjects) all.push_back(&subject);
  all.push_back(&target);
  for (const Subject* subject : all) {
    if (subject->size() < 2) continue;
    table.Add("mean pairwise distance", *subject, MeanPairwiseDistance(subject->features),
              "higher");
  }
  const double fine = Roughness(ImagesFromBytes(target.bytes)).mean().item<double>();
  for (const Subject& subject : subjects) {
    const double own = Roughness(ImagesFromBytes(subject.bytes)).mean().item<double>();
    table.Add("roughness (target = 1)", subject, own / fine, "");
  }
  for (const Subject* subject : all) {
    const std::optional<double> contrast = MeanMaskContrast(*subject);
    if (contrast) table.Add("mask contrast", *subject, *contrast, "higher");
  }
}

// The first images of a set for the sheet, or, spread, some from all over it: neighbours may be
// frames of one video.
ContactSheetColumn ColumnOf(const Subject& subject, int background, bool spread = false) {
  ContactSheetColumn column;
  column.title = subject.name;
  const int64_t rows = std::min(subject.size(), kSheetRows);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t i = spread ? row * subject.size() / rows : row;
    column.images.push_back(ImageOfTensor(subject.bytes[i]));
    if (!subject.classes.defined()) continue;
    // The sheet outlines all values but one, so every table's background becomes the same.
    cv::Mat mask = MaskOfTensor(subject.classes[i], subject.labels);
    mask.setTo(background, mask == subject.labels.background());
    column.masks.push_back(mask);
  }
  return column;
}

// `set` reduced to the items named, in that order; as it is if one is not there.
ImageSet ItemsNamed(const ImageSet& set, const std::vector<std::string>& names) {
  std::vector<int64_t> rows;
  for (const std::string& name : names) {
    const auto found = std::ranges::find(set.names, name);
    if (found == set.names.end()) return set;
    rows.push_back(found - set.names.begin());
  }
  ImageSet part = set;
  const at::Tensor items = at::tensor(rows, at::kLong);
  part.images = set.images.index_select(0, items);
  part.classes = set.classes.index_select(0, items);
  return part;
}

}  // namespace

// What stage 2 has done, in numbers and to look at. Computed on the CPU: it is little.
TaskOutputs RunFigures(const TaskSpec& spec, TaskContext& context) {
  const at::NoGradGuard no_grad;
  const int64_t samples = IntegerSetting(spec, "figures.samples");
  const int64_t size = ImageSize(spec);
  ProgressReporter progress(context, 2, "steps");
  progress.Report(0);

  const ImageSet source = LoadImageSet(context, Input(spec, "source"), size, kMostReal);
  FilterBank extractor;
  extractor.Fit(ImagesFromBytes(source.images));
  const ImageSet references = LoadImageSet(context, Input(spec, "references"), size, kMostReal);
  const GeneratedSet stage1 = LoadPairs(context, spec, "stage1", source.labels, samples);
  const GeneratedSet stage2 = LoadPairs(context, spec, "stage2", source.labels, samples);
  const bool held_out = spec.inputs.contains("target");
  const Subject target(
      held_out ? "target" : "references",
      held_out ? LoadImageSet(context, Input(spec, "target"), size, kMostReal) : references,
      extractor);
  std::vector<Subject> subjects;
  subjects.emplace_back("source", source, extractor);
  if (held_out) subjects.emplace_back("references", references, extractor);
  subjects.emplace_back("stage 1", stage1.set, extractor);
  subjects.emplace_back("stage 2", stage2.set, extractor);
  progress.Report(1);
  progress.ThrowIfCancelled();

  FigureTable table;
  const std::string to = " to " + target.name;
  const auto mmd = AddDistance("mmd" + to, Mmd, subjects, target, table);
  AddGapClosed(mmd, subjects.back(), table);
  AddDistance("fd (filter bank)" + to, FrechetDistance, subjects, target, table);
  AddOwnFigures(subjects, target, table);

  const int background = source.labels.background();
  const Subject origins("source", ItemsNamed(source, stage2.origins), extractor);
  std::vector<ContactSheetColumn> columns{ColumnOf(origins, background)};
  columns.push_back(
      ColumnOf(Subject("references", references, extractor), background, /*spread=*/true));
  for (const Subject& subject : subjects) {
    if (subject.name.starts_with("stage")) columns.push_back(ColumnOf(subject, background));
  }
  if (held_out) columns.push_back(ColumnOf(target, background, /*spread=*/true));
  const cv::Mat sheet = ContactSheet(
      columns, {.title = "", .footer = "", .tile = 128, .mask_background = background});
  progress.Report(2);
  return {{"figures", ValueOrThrow(context.Store(table.Json()))},
          {"contact-sheet.png", ValueOrThrow(context.Store(ValueOrThrow(EncodePng(sheet))))}};
}

}  // namespace alignflow
