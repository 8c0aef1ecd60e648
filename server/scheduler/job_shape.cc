#include "server/scheduler/job_shape.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "common/settings/pair_mix.h"

namespace alignflow {
namespace {

int Shards(int64_t pairs) { return static_cast<int>((pairs + kShardPairs - 1) / kShardPairs); }

// At most `limit` of 0 to count - 1, in order, as far from each other as they can be.
std::vector<int> Spread(int count, int limit) {
  const int taken = std::min(count, limit);
  std::vector<int> spread(taken);
  for (int i = 0; i < taken; ++i) spread[i] = static_cast<int>(int64_t{i} * count / taken);
  return spread;
}

}  // namespace

std::string PicturesOf(const JobShape& shape) { return shape.cuts_views ? "view" : "whole"; }

JobShape ShapeOf(JobKind kind, const SettingMap& settings, const JobInputs& inputs, int64_t pairs) {
  const auto value = [&](const char* name, const char* otherwise) {
    const auto setting = settings.find(name);
    return setting == settings.end() ? std::string(otherwise) : setting->second;
  };
  const auto number = [&](const char* name, int64_t otherwise) {
    int64_t result = 0;
    return absl::SimpleAtoi(value(name, ""), &result) ? result : otherwise;
  };
  JobShape shape;
  const std::string framing = value("framing", "none");
  shape.cuts_views = framing != "none";
  if (kind == JobKind::kFit) {
    shape.fits_alone = true;
    return shape;
  }
  shape.from_model = kind == JobKind::kGenerate;
  shape.has_references = inputs.references;
  shape.masks_apart = inputs.masks;
  const std::string method = value("method", "alignflow");
  shape.transfers = TransfersImages(method);
  shape.aligns = method == "alignflow";
  shape.rolls_out = shape.aligns && !shape.from_model && value("align.rollout", "pool") != "fresh";
  shape.makes_masks = !shape.transfers && value("masks.kind", "real") != "real";
  shape.has_gates = !shape.transfers && value("gates.enabled", "off") == "on";
  if (shape.has_gates) shape.judges = static_cast<int>(number("judge.folds", 1));
  const absl::StatusOr<PairMix> mix = PairMix::Of(settings);
  shape.recolours =
      shape.aligns && shape.has_references && mix.ok() && mix->Makes(PairKind::kRecoloured);
  shape.compares = shape.aligns && (!mix.ok() || mix->Makes(PairKind::kGenerated) ||
                                    mix->Makes(PairKind::kRestyled));
  shape.frames_as_references = framing == "references";
  if (inputs.target && value("evaluate.segmenter", "none") != "none") {
    shape.evaluation_runs = static_cast<int>(number("evaluate.seeds", 1));
    const std::string pictures = shape.cuts_views ? value("evaluate.pictures", "both") : "whole";
    if (pictures != "view") shape.evaluated.emplace_back("whole");
    if (pictures != "whole") shape.evaluated.emplace_back("view");
  }
  shape.shards = Shards(pairs);
  shape.compared_pairs = static_cast<int>(std::min(number("figures.samples", pairs), pairs));
  shape.compared_shards = Shards(shape.compared_pairs);
  if (shape.evaluation_runs > 0) {
    shape.evaluated_shards = Spread(shape.shards, kMostEvaluatedShards);
  }
  return shape;
}

}  // namespace alignflow
