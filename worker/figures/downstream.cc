#include "worker/figures/downstream.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

using nlohmann::json;

// Subjects of figures.
constexpr char kRealOnly[] = "real only";
constexpr char kWithPairs[] = "real + pairs";

// Of models trained and tested on whole pictures, or on views.
std::string SubjectOf(const std::string& name, const std::string& pictures) {
  return pictures == "view" ? name + ", views" : name;
}

// The scores of one side: runs by the end of their role, such as "000001".
struct Side {
  std::vector<std::string> runs;
  std::vector<std::string> classes, images, groups;
  std::string encoder;   // what the models began with: "pretrained" or "random"
  at::Tensor dice, iou;  // double [R,I,C], NaN where a class does not count
  int64_t steps = 0;     // of training, the fewest of a run
};

// Rows of numbers or null to [I,C].
at::Tensor Rows(const nlohmann::json& images, const char* field, int64_t classes) {
  at::Tensor rows = at::full({static_cast<int64_t>(images.size()), classes}, NAN, at::kDouble);
  auto numbers = rows.accessor<double, 2>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const nlohmann::json& row = images.at(i).at(field);
    for (int64_t c = 0; c < classes; ++c) {
      if (!row.at(c).is_null()) numbers[i][c] = row.at(c).get<double>();
    }
  }
  return rows;
}

// Scores [R,I,C] as lists of lists, to nine digits; NaN becomes null.
json Rounded(const at::Tensor& scores) {
  json runs = json::array();
  const auto numbers = scores.accessor<double, 3>();
  for (int64_t r = 0; r < scores.size(0); ++r) {
    json& run = runs.emplace_back(json::array());
    for (int64_t i = 0; i < scores.size(1); ++i) {
      json& image = run.emplace_back(json::array());
      for (int64_t c = 0; c < scores.size(2); ++c) {
        image.push_back(std::round(1e9 * numbers[r][i][c]) / 1e9);
      }
    }
  }
  return runs;
}

// Of two workers one had the weights.
[[noreturn]] void ThrowMixedEncoders() {
  throw TaskError(absl::InvalidArgumentError(
      "some segmentation models began with pretrained weights and others with random ones, so they "
      "cannot be compared; give all workers the same models and start the job with another seed"));
}

Side LoadSide(TaskContext& context, const TaskSpec& spec, const std::string& prefix) {
  Side side;
  std::vector<at::Tensor> dice, iou;
  for (const auto& [role, digest] : spec.inputs) {
    if (!role.starts_with(prefix + "/")) continue;
    try {
      const nlohmann::json scores = nlohmann::json::parse(FetchBytes(context, digest));
      std::vector<std::string> images, groups;
      for (const nlohmann::json& image : scores.at("images")) {
        images.push_back(image.at("name"));
        groups.push_back(image.value("group", ""));
      }
      const std::vector<std::string> classes = scores.at("classes");
      const std::string encoder = scores.value("encoder", "");
      if (!side.runs.empty() && (images != side.images || classes != side.classes)) {
        throw TaskError(absl::InvalidArgumentError(
            absl::StrCat(role, ": the runs were tested on different images or classes")));
      }
      if (side.runs.empty()) side.encoder = encoder;
      if (encoder != side.encoder) ThrowMixedEncoders();
      side.images = std::move(images);
      side.groups = std::move(groups);
      side.classes = classes;
      const auto count = static_cast<int64_t>(classes.size());
      dice.push_back(Rows(scores.at("images"), "dice", count));
      iou.push_back(Rows(scores.at("images"), "iou", count));
      const int64_t steps = scores.value("iterations", int64_t{0});
      side.steps = side.runs.empty() ? steps : std::min(side.steps, steps);
      side.runs.push_back(role.substr(prefix.size() + 1));
    } catch (const nlohmann::json::exception& error) {
      throw TaskError(absl::InvalidArgumentError(
          absl::StrCat("the scores ", role, " can't be read: ", error.what())));
    }
  }
  if (!dice.empty()) {
    side.dice = at::stack(dice);
    side.iou = at::stack(iou);
  }
  return side;
}

// Leaves the images that `target` holds.
void KeepImages(const ImageSet& target, Side& side) {
  const std::set<std::string> held(target.names.begin(), target.names.end());
  std::vector<int64_t> rows;
  for (size_t i = 0; i < side.images.size(); ++i) {
    if (!held.contains(side.images[i])) continue;
    side.images[rows.size()] = side.images[i];
    side.groups[rows.size()] = side.groups[i];
    rows.push_back(static_cast<int64_t>(i));
  }
  if (rows.empty()) {
    throw TaskError(absl::InvalidArgumentError(
        "the segmentation models were tested on none of the target's images"));
  }
  side.images.resize(rows.size());
  side.groups.resize(rows.size());
  side.dice = side.dice.index_select(1, at::tensor(rows, at::kLong));
  side.iou = side.iou.index_select(1, at::tensor(rows, at::kLong));
}

// How many images with a structure, and of how many groups these are.
void CountEvidence(const Side& side, const ImageSet& target, Quantities& known) {
  std::set<std::string> shown;
  for (int64_t i = 0; target.classes.defined() && i < target.size(); ++i) {
    if (target.classes[i].any().item<bool>()) shown.insert(target.names[i]);
  }
  std::vector<std::string> groups;
  for (size_t i = 0; i < side.images.size(); ++i) {
    if (shown.contains(side.images[i])) groups.push_back(side.groups[i]);
  }
  known[Quantity::kRuns] = static_cast<int64_t>(side.runs.size());
  known[Quantity::kRunSteps] = side.steps;
  known[Quantity::kTargetStructures] = static_cast<int64_t>(groups.size());
  known[Quantity::kTargetGroups] =
      groups.empty() ? 0 : GroupNumbers(groups).max().item<int64_t>() + 1;
}

class DownstreamPart {
 public:
  DownstreamPart(const Side& side, const std::string& subject, FigureTable& table)
      : side_(side), subject_(subject), table_(table), groups_(GroupNumbers(side.groups)) {}

  void AddScores() {
    AddScore("mdice on target (percent)", side_.dice);
    AddScore("miou on target (percent)", side_.iou);
    if (side_.classes.size() < 2) return;
    for (size_t i = 0; i < side_.classes.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      AddScore(absl::StrCat("dice of ", side_.classes[i], " on target (percent)"),
               side_.dice.slice(2, at, at + 1));
      AddScore(absl::StrCat("iou of ", side_.classes[i], " on target (percent)"),
               side_.iou.slice(2, at, at + 1));
    }
  }

  PairedGain AddGain(const Side& before) {
    const PairedGain gain = CompareRuns(before.dice, side_.dice, groups_);
    table_.Add({.name = "mdice gain (points)",
                .subject = subject_,
                .value = 100 * gain.value,
                .interval = Interval{100 * gain.interval.low, 100 * gain.interval.high},
                .better = "higher",
                .unit = "points",
                .note = absl::StrFormat("p = %.3g; %d runs, %d images in %d groups", gain.p_value,
                                        side_.dice.size(0), side_.dice.size(1), gain.groups),
                .sample_count = side_.dice.size(1),
                .whole_volumes = true});
    return gain;
  }

 private:
  void AddScore(const std::string& name, const at::Tensor& scores) {
    const MeanScore score = ScoreOfRuns(scores, groups_);
    table_.Add({.name = name,
                .subject = subject_,
                .value = 100 * score.value,
                // Few runs that differ make a t interval wider than what can be.
                .interval = Interval{std::max(0.0, 100 * score.interval.low),
                                     std::min(100.0, 100 * score.interval.high)},
                .better = "higher",
                .unit = "percent",
                .note = scores.size(0) > 1 ? "" : "of 1 run: the interval does not know others",
                .sample_count = scores.size(1),
                .whole_volumes = true});
  }

  const Side& side_;
  std::string subject_;
  FigureTable& table_;
  at::Tensor groups_;
};

}  // namespace

std::string ScoresJson(TaskContext& context, const TaskSpec& spec, const FigureSubject& target) {
  json document{{"classes", json::array()},
                {"images", json::array()},
                {"groups", json::array()},
                {"dice", json::object()}};
  for (const std::string pictures : {"whole", "view"}) {
    for (const auto& [trained, name] : {std::pair("real", kRealOnly), {"both", kWithPairs}}) {
      Side side = LoadSide(context, spec, pictures + "/" + trained);
      if (side.runs.empty()) continue;
      KeepImages(target.set, side);
      document["classes"] = side.classes;
      document["images"] = side.images;
      document["groups"] = side.groups;
      document["encoder"] = side.encoder;
      document["dice"][SubjectOf(name, pictures)] = Rounded(side.dice);
    }
  }
  return document.dump();
}

std::optional<DownstreamGain> AddDownstream(TaskContext& context, const TaskSpec& spec,
                                            const std::string& pictures,
                                            const FigureSubject& target, FigureTable& table,
                                            Quantities& known) {
  Side real = LoadSide(context, spec, pictures + "/real");
  Side both = LoadSide(context, spec, pictures + "/both");
  for (Side* side : {&real, &both}) {
    if (!side->runs.empty()) KeepImages(target.set, *side);
  }
  if (!real.runs.empty()) DownstreamPart(real, SubjectOf(kRealOnly, pictures), table).AddScores();
  if (both.runs.empty()) return std::nullopt;
  DownstreamPart with_pairs(both, SubjectOf(kWithPairs, pictures), table);
  with_pairs.AddScores();
  if (real.runs.empty()) return std::nullopt;
  if (real.runs != both.runs || real.images != both.images || real.classes != both.classes) {
    throw TaskError(absl::InvalidArgumentError(
        "the models with and without pairs differ in runs, images or classes"));
  }
  if (real.encoder != both.encoder) ThrowMixedEncoders();
  both.steps = std::min(both.steps, real.steps);
  CountEvidence(both, target.set, known);
  const auto score = [](const Side& side) {
    return ScoreOfRuns(side.dice, GroupNumbers(side.groups)).value;
  };
  return DownstreamGain{.gain = with_pairs.AddGain(real), .real = score(real), .both = score(both)};
}

}  // namespace alignflow
