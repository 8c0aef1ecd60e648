#include "worker/alignment/stage2/align_watch.h"

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "worker/metrics/distribution.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

using nlohmann::json;

constexpr char kLeftOut[] = "left_out_alignment";
constexpr char kWatched[] = "watched_alignment";
constexpr char kDiversity[] = "diversity";
// Weight of the left-out references beside the learned ones.
constexpr double kLeftOutShare = 0.5;

double DiversityOf(const at::Tensor& features) {
  return features.size(0) < 2 ? 0 : MeanPairwiseDistance(features);
}

double DistanceOf(Reward reward, const at::Tensor& generated, const at::Tensor& references) {
  return Misalignment(reward, generated.to(at::kDouble), references.to(at::kDouble)).item<double>();
}

}  // namespace

AlignWatch::AlignWatch(const AlignData& data, Images images, TrainingCurve& curve)
    : data_(data),
      images_(std::move(images)),
      curve_(curve),
      stage1_diversity_(DiversityOf(Features())),
      least_diversity_(LeastDiversity(RealSetting(data.spec, "align.diversity_floor"),
                                      stage1_diversity_, DiversityOf(data.reference_features),
                                      data.reference_features.size(0))),
      guard_({.patience = IntegerSetting(data.spec, "align.patience"),
              .least_diversity = least_diversity_}) {}

at::Tensor AlignWatch::Features() const {
  const at::NoGradGuard no_grad;
  const at::Tensor images = images_();
  std::vector<at::Tensor> features;
  for (const at::Tensor& some : images.split(data_.batch)) {
    data_.unless_cancelled(0);
    features.push_back(data_.extractor->Features(some));
  }
  return at::cat(features);
}

TrainingWatch::Advice AlignWatch::Look(int64_t done) {
  const at::Tensor features = Features();
  const double diversity = DiversityOf(features);
  const double learned = DistanceOf(data_.reward, features, data_.reference_features);
  double misalignment = learned;
  values_ = {{kWatched, learned},
             {kDiversity, stage1_diversity_ > 0 ? diversity / stage1_diversity_ : 0}};
  if (data_.left_out_features.defined()) {
    const double left_out = DistanceOf(data_.reward, features, data_.left_out_features);
    values_[kLeftOut] = left_out;
    misalignment = kLeftOutShare * left_out + (1 - kLeftOutShare) * learned;
  }
  curve_.Add(done, values_);
  // Stage 1's rollouts all alike, from which nothing can be learned, are a collapse, too.
  const bool alike = RealSetting(data_.spec, "align.diversity_floor") > 0 && !(diversity > 0);
  switch (guard_.Look(done, misalignment, alike ? std::nan("") : diversity)) {
    case CollapseGuard::Verdict::kBest:
      best_values_ = values_;
      return Advice::kBest;
    case CollapseGuard::Verdict::kWorse:
      return Advice::kGoOn;
    case CollapseGuard::Verdict::kExhausted:
      return Advice::kStop;
    case CollapseGuard::Verdict::kCollapsed:
      collapsed_ = true;
      curve_.AddEvent(done,
                      absl::StrFormat("diversity is %.3g, below the floor of %.3g (stage 1: %.3g)",
                                      diversity, least_diversity_, stage1_diversity_));
      return Advice::kStop;
  }
  throw std::logic_error("a verdict without advice");
}

void AlignWatch::TellEnd(int64_t steps) {
  if (!found_best()) {
    curve_.AddEvent(steps, "no state was diverse enough: the model goes back to stage 1");
    return;
  }
  std::string text = absl::StrCat(collapsed_ ? "the model goes back to step " : "kept is step ",
                                  guard_.best_step(), " of ", steps);
  if (best_values_.contains(kLeftOut)) {
    absl::StrAppendFormat(&text, ": alignment to left-out references %.3g", best_values_[kLeftOut]);
  } else {
    absl::StrAppendFormat(&text, ": alignment to the references %.3g", best_values_[kWatched]);
  }
  curve_.AddEvent(
      steps, absl::StrFormat("%s, diversity %.2f of stage 1's", text, best_values_[kDiversity]));
}

std::string AlignWatch::ToJson() const {
  return json{{"guard", guard_.ToJson()}, {"values", values_}, {"best_values", best_values_}}
      .dump();
}

void AlignWatch::Restore(const std::string& text) {
  try {
    const json source = json::parse(text);
    const auto values = source.at("values").get<std::map<std::string, double>>();
    const auto best_values = source.at("best_values").get<std::map<std::string, double>>();
    guard_.Restore(source.at("guard"));
    values_ = values;
    best_values_ = best_values;
  } catch (const json::exception& error) {
    throw std::runtime_error(std::string("not the state of a watch: ") + error.what());
  }
}

}  // namespace alignflow
