#include "worker/figures/distances.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/metrics/distribution.h"
#include "worker/metrics/kernel_distance.h"
#include "worker/metrics/manifold.h"

namespace alignflow {
namespace {

constexpr int64_t kDistanceResamples = 200;
constexpr int64_t kFrechetResamples = 50;  // each takes a decomposition
constexpr int64_t kVendiResamples = 50;    // likewise
constexpr int64_t kPermutations = 499;
constexpr int64_t kSubsets = 100;
constexpr int64_t kLeastTarget = 4;
// Mean distance, in deviations of the source's features, from which images differ at all: that of a
// set of different images is about 10.
constexpr double kLeastDiversity = 0.5;
constexpr int64_t kFrechetNeeds = 300;
constexpr int64_t kKernelNeeds = 50;
constexpr int64_t kManifoldNeeds = 100;
constexpr int64_t kNeighbours = 5;

struct Kernels {
  std::map<std::string, double> values;  // by subject
  std::map<std::string, at::Tensor>
      resamples;  // [kDistanceResamples], with the target's draws in common
};

std::string Joined(const std::string& a, const std::string& b) {
  return a.empty() || b.empty() ? a + b : a + "; " + b;
}

Kernels AddKernelDistances(const std::string& name, const FigureSets& sets,
                           const FeaturesByName& features, FigureTable& table) {
  Kernels kernels;
  const at::Tensor& target = features.at(sets.target.name);
  const at::Tensor target_counts =
      CountsOfRows(ResampleRows(kDistanceResamples, target.size(0), table.NextStream()));
  for (const FigureSubject& subject : sets.subjects) {
    if (subject.size() < 2 || sets.IsTarget(subject)) continue;
    const KernelDistance distance(features.at(subject.name), target);
    const double value = distance.Value();
    const at::Tensor resamples = distance.Values(
        CountsOfRows(ResampleRows(kDistanceResamples, subject.size(), table.NextStream())),
        target_counts);
    const int64_t fewest = std::min(distance.size_x(), distance.size_y());
    const int64_t part = std::min<int64_t>(1000, std::max<int64_t>(2, fewest / 2));
    const KernelDistance::Spread spread = distance.OverSubsets(kSubsets, part, table.NextStream());
    table.Add({.name = name,
               .subject = subject.name,
               .value = value,
               .interval = PercentileInterval(resamples, value),
               .better = "lower",
               .unit = "",
               .note = Joined(absl::StrFormat("spread over subsets of %d images: %.3g", part,
                                              spread.deviation),
                              SmallSampleNote(fewest, kKernelNeeds)),
               .sample_count = subject.size()});
    kernels.values[subject.name] = value;
    kernels.resamples[subject.name] = resamples;
  }
  return kernels;
}

void AddFrechetDistances(const std::string& name, const FigureSets& sets,
                         const FeaturesByName& features, FigureTable& table) {
  const at::Tensor& target = features.at(sets.target.name);
  for (const FigureSubject& subject : sets.subjects) {
    if (subject.size() < 2 || sets.IsTarget(subject)) continue;
    const at::Tensor& own = features.at(subject.name);
    const double value = FrechetDistance(own, target);
    table.Add({.name = name,
               .subject = subject.name,
               .value = value,
               .interval = PercentileInterval(ResampleFigure(FrechetDistance, own, target,
                                                             kFrechetResamples, table.NextStream()),
                                              value),
               .better = "lower",
               .unit = "",
               .note = SmallSampleNote(std::min(subject.size(), target.size(0)), kFrechetNeeds),
               .sample_count = subject.size()});
  }
}

// Of the target's halves, the least that can be reached.
void AddFloor(const std::string& name, double (*distance)(const at::Tensor&, const at::Tensor&),
              const FigureSubject& target, const at::Tensor& features, FigureTable& table) {
  const at::Tensor even = features.slice(0, 0, at::nullopt, 2);
  const at::Tensor odd = features.slice(0, 1, at::nullopt, 2);
  table.Add({.name = name,
             .subject = target.name,
             .value = distance(even, odd),
             .interval = {},
             .better = "lower",
             .unit = "",
             .note = "between its own halves",
             .sample_count = target.size()});
}

// How much of the way from stage 1 to the references' own distance, which a perfect fit to them
// would reach, stage 2 has gone.
void AddGapClosed(const std::string& distance, const Kernels& kernels, const FigureSets& sets,
                  FigureTable& table) {
  const auto& values = kernels.values;
  if (!values.contains("stage 1") || !values.contains("stage 2")) return;
  if (!values.contains("references")) return;
  const double gap = values.at("stage 1") - values.at("references");
  // The share of a gap that may be none says nothing, however large it is.
  const Interval sure =
      PercentileInterval(kernels.resamples.at("stage 1") - kernels.resamples.at("references"), gap);
  Figure figure{.name = "gap closed (percent)",
                .subject = "stage 2",
                .value = {},
                .interval = {},
                .better = "higher",
                .unit = "percent",
                .note = absl::StrCat("not available: stage 1 is not clearly further away than the "
                                     "references by ",
                                     distance),
                .sample_count = sets.Find("stage 2")->size()};
  if (sure.low > 0) {
    figure.value = 100 * (values.at("stage 1") - values.at("stage 2")) / gap;
    figure.note = absl::StrCat("by ", distance);
  }
  table.Add(figure);
}

void AddManifold(const FeatureSpace& space, const FigureSets& sets, const FeaturesByName& features,
                 FigureTable& table) {
  const at::Tensor& target = features.at(sets.target.name);
  for (const FigureSubject& subject : sets.subjects) {
    if (sets.IsTarget(subject)) continue;
    const int64_t fewest = std::min(subject.size(), target.size(0));
    const auto add = [&](const char* name, const at::Tensor& by_image) {
      Figure figure{.name = absl::StrCat(name, " ", space.manifold, sets.To()),
                    .subject = subject.name,
                    .value = {},
                    .interval = {},
                    .better = "higher",
                    .unit = "",
                    .note = SmallSampleNote(fewest, kManifoldNeeds),
                    .sample_count = subject.size()};
      if (by_image.defined()) {
        figure.value = by_image.mean().item<double>();
        figure.interval = IntervalOfMean(by_image, kDistanceResamples, table.NextStream());
      } else {
        figure.note =
            absl::StrCat("not available: needs more than ", kNeighbours, " images of both sets");
      }
      table.Add(figure);
    };
    ManifoldFigures figures;
    if (fewest > kNeighbours) {
      figures = CompareManifolds(features.at(subject.name), target, kNeighbours);
    }
    add("precision", figures.precision);
    add("recall", figures.recall);
    add("density", figures.density);
    add("coverage", figures.coverage);
  }
}

void AddDiversity(const FeatureSpace& space, const FigureSets& sets, const FeaturesByName& features,
                  FigureTable& table) {
  std::vector<const FigureSubject*> all;
  for (const FigureSubject& subject : sets.subjects) all.push_back(&subject);
  if (!sets.IsTarget(sets.source())) all.push_back(&sets.target);
  for (const FigureSubject* subject : all) {
    if (subject->size() < 2) continue;
    const at::Tensor own = features.at(subject->name).to(at::kDouble);
    const double mean = MeanPairwiseDistance(own);
    // A member drawn twice is not compared with itself: those pairs are taken out of the mean.
    const at::Tensor counts =
        CountsOfRows(ResampleRows(kDistanceResamples, own.size(0), table.NextStream()));
    const at::Tensor sum =
        (at::mm(counts, at::cdist(own, own, 2, /*compute_mode=*/2)) * counts).sum(1);
    const at::Tensor pairs = counts.sum(1).square() - counts.square().sum(1);
    table.Add({.name = space.diversity,
               .subject = subject->name,
               .value = mean,
               .interval = PercentileInterval(sum / pairs.clamp_min(1), mean),
               .better = "higher",
               .unit = "",
               .note = "",
               .sample_count = subject->size()});
    const double vendi = VendiScore(own);
    const auto of_first = [](const at::Tensor& x, const at::Tensor&) { return VendiScore(x); };
    table.Add({.name = absl::StrCat("vendi score ", space.manifold),
               .subject = subject->name,
               .value = vendi,
               .interval = PercentileInterval(
                   ResampleFigure(of_first, own, own, kVendiResamples, table.NextStream()), vendi),
               .better = "higher",
               .unit = "images",
               .note = "",
               .sample_count = subject->size()});
  }
}

AlignmentFindings FindAlignment(const FeatureSpace& space, const Kernels& kernels,
                                const FigureSets& sets, const FeaturesByName& features,
                                FigureTable& table) {
  AlignmentFindings found;
  found.distance = space.kernel;
  const std::string source = sets.source().name, made = sets.made().name;
  if (kernels.values.contains(source) && kernels.values.contains(made)) {
    found.source_distance = kernels.values.at(source);
    found.made_distance = kernels.values.at(made);
    found.gain = PercentileInterval(kernels.resamples.at(source) - kernels.resamples.at(made),
                                    *found.source_distance - *found.made_distance);
  }
  if (sets.source().size() >= 2 && sets.has_references()) {
    found.same_p_value = SameDistributionPValue(features.at(source), features.at("references"),
                                                kPermutations, table.NextStream());
  }
  return found;
}

DiversityFindings FindDiversity(const FigureSets& sets, const FeaturesByName& features) {
  DiversityFindings found;
  const std::string source = sets.source().name, made = sets.made().name;
  if (sets.source().size() < 2 || sets.made().size() < 2) return found;
  double yardstick = MeanPairwiseDistance(features.at(source));
  found.of = source;
  if (sets.target.size() >= kLeastTarget) {
    const double own = MeanPairwiseDistance(features.at(sets.target.name));
    if (own < yardstick) {
      yardstick = own;
      found.of = sets.target.name;
    }
  }
  if (yardstick >= kLeastDiversity) {
    found.share = MeanPairwiseDistance(features.at(made)) / yardstick;
  } else {
    found.none = absl::StrFormat(
        "the %s images hardly differ from one another (mean distance %.2g), so "
        "nothing can be measured by them",
        found.of, yardstick);
  }
  return found;
}

}  // namespace

void AddSetFigures(const FeatureSpace& space, const FigureSets& sets,
                   const FeaturesByName& features, FigureTable& table, AlignmentFindings* alignment,
                   DiversityFindings* diversity) {
  const std::string kernel = space.kernel + sets.To(), frechet = space.frechet + sets.To();
  const bool too_few = sets.target.size() < kLeastTarget;
  if (!space.extractor || too_few) {
    const std::string note = space.extractor ? absl::StrCat("not available: needs ", kLeastTarget,
                                                            " images of ", sets.target.name)
                                             : space.missing;
    for (const std::string& name : {kernel, frechet}) {
      table.Add({.name = name,
                 .subject = sets.made().name,
                 .value = {},
                 .interval = {},
                 .better = "lower",
                 .unit = "",
                 .note = note,
                 .sample_count = sets.made().size()});
    }
  }
  if (!space.extractor) return;
  Kernels kernels;
  if (!too_few) {
    kernels = AddKernelDistances(kernel, sets, features, table);
    AddFloor(kernel, Mmd, sets.target, features.at(sets.target.name), table);
    if (alignment) AddGapClosed(kernel, kernels, sets, table);
    AddFrechetDistances(frechet, sets, features, table);
    AddFloor(frechet, FrechetDistance, sets.target, features.at(sets.target.name), table);
    if (!space.manifold.empty()) AddManifold(space, sets, features, table);
  }
  if (!space.diversity.empty()) AddDiversity(space, sets, features, table);
  if (alignment) *alignment = FindAlignment(space, kernels, sets, features, table);
  if (diversity) *diversity = FindDiversity(sets, features);
}

}  // namespace alignflow
