#include "worker/figures/classes.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/data/groups.h"
#include "worker/metrics/linear_classifier.h"
#include "worker/sets/image_classes.h"

namespace alignflow {
namespace {

constexpr int kFolds = 5;
constexpr int64_t kResamples = 500;
constexpr int64_t kNeeded = 50;        // images
constexpr size_t kMostInNote = 8;      // rows of the confusion matrix
constexpr double kLeastShare = 0.005;  // that a note tells of

// A classifier for each part of the source, trained on all others.
class CrossFitted {
 public:
  CrossFitted(const ImageSet& source, const at::Tensor& features,
              const std::vector<std::string>& names)
      : names_(names), folds_(FoldsOf(source.groups, kFolds)) {
    std::vector<int64_t> classes;
    for (const std::string& name : source.image_classes) classes.push_back(Number(name));
    classes_ = at::tensor(classes, at::kLong);
    for (int fold = 0; fold < kFolds; ++fold) {
      std::vector<int64_t> rows;
      for (size_t row = 0; row < folds_.size(); ++row) {
        if (folds_[row] != fold) rows.push_back(static_cast<int64_t>(row));
      }
      if (rows.empty()) rows = {0};
      const at::Tensor kept = at::tensor(rows, at::kLong);
      classifiers_.emplace_back(features.index_select(0, kept), classes_.index_select(0, kept),
                                std::ssize(names_));
    }
  }

  int64_t Number(const std::string& name) const {
    return std::ranges::find(names_, name) - names_.begin();
  }
  const at::Tensor& classes() const { return classes_; }

  // What an image shows, by the classifier that never saw image `row` of the source.
  int64_t Tell(const at::Tensor& features, int64_t row) const {
    return classifiers_[folds_[row]].Classify(features.unsqueeze(0)).item<int64_t>();
  }

 private:
  const std::vector<std::string>& names_;
  std::vector<int> folds_;
  at::Tensor classes_;
  std::vector<LinearClassifier> classifiers_;
};

// counts: int64 [K,K], of what is there by what is told: "of adenoma 90 % adenoma, 10 % serrated".
std::string MatrixText(const at::Tensor& counts, const std::vector<std::string>& names) {
  std::vector<std::string> rows;
  for (size_t i = 0; i < names.size() && rows.size() < kMostInNote; ++i) {
    const at::Tensor told = counts[static_cast<int64_t>(i)].to(at::kDouble);
    const double all = told.sum().item<double>();
    if (all == 0) continue;
    std::vector<std::string> shares;
    for (size_t j = 0; j < names.size(); ++j) {
      const double share = told[static_cast<int64_t>(j)].item<double>() / all;
      if (share >= kLeastShare) {
        shares.push_back(absl::StrCat(std::lround(100 * share), " % ", names[j]));
      }
    }
    rows.push_back(absl::StrCat("of ", names[i], " ", absl::StrJoin(shares, ", ")));
  }
  return absl::StrJoin(rows, "; ");
}

// "filter bank" of "fd (filter bank)"; all of a name without brackets.
std::string NameOfFeatures(const std::string& frechet) {
  const size_t open = frechet.find('('), close = frechet.find(')');
  return close == std::string::npos ? frechet : frechet.substr(open + 1, close - open - 1);
}

// The figure of one subject: there[i] and told[i] are numbers of classes.
void AddFigure(const std::string& subject, const std::vector<int64_t>& there,
               const std::vector<int64_t>& told, const std::vector<std::string>& names,
               const FeatureSpace& space, FigureTable& table) {
  if (there.empty()) return;
  const auto count = static_cast<int64_t>(names.size());
  const at::Tensor is = at::tensor(there, at::kLong), as = at::tensor(told, at::kLong);
  const at::Tensor counts = at::bincount(is * count + as, {}, count * count).view({count, count});
  const at::Tensor right = 100 * is.eq(as).to(at::kDouble);
  const auto images = static_cast<int64_t>(there.size());
  std::string note = absl::StrCat(MatrixText(counts, names), "; told by a linear classifier on ",
                                  NameOfFeatures(space.frechet), " features");
  if (const std::string small = SmallSampleNote(images, kNeeded); !small.empty()) {
    note = absl::StrCat(small, "; ", note);
  }
  table.Add({.name = "class accuracy (percent)",
             .subject = subject,
             .value = right.mean().item<double>(),
             .interval = IntervalOfMean(right, kResamples, table.NextStream()),
             .better = "higher",
             .unit = "percent",
             .note = std::move(note),
             .sample_count = images});
}

}  // namespace

void AddClassFigures(const FeatureSpace& space, const FigureSets& sets,
                     const FeaturesByName& features, FigureTable& table) {
  const FigureSubject& source = sets.source();
  const std::vector<std::string> names = ClassNames(source.set);
  if (names.size() < 2) return;
  const at::Tensor& of_source = features.at(source.name);
  const CrossFitted classifier(source.set, of_source, names);
  for (const FigureSubject& subject : sets.subjects) {
    std::vector<int64_t> there, told;
    if (&subject == &source) {
      for (int64_t row = 0; row < subject.size(); ++row) {
        there.push_back(classifier.classes()[row].item<int64_t>());
        told.push_back(classifier.Tell(of_source[row], row));
      }
    }
    for (int64_t row = 0; subject.generated() && row < subject.size(); ++row) {
      const nlohmann::json record = nlohmann::json::parse(subject.pairs.records[row]);
      const int64_t number = classifier.Number(record.value("class", ""));
      if (number == std::ssize(names)) continue;
      there.push_back(number);
      const std::string& origin = source.Kept(subject.pairs.origins[row]);
      const auto found = std::ranges::find(source.set.names, origin);
      told.push_back(classifier.Tell(features.at(subject.name)[row],
                                     found == source.set.names.end()
                                         ? 0  // of another dataset, whose images none was fitted to
                                         : found - source.set.names.begin()));
    }
    AddFigure(subject.name, there, told, names, space, table);
  }
}

}  // namespace alignflow
