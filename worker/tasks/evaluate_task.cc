#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/settings/least_numbers.h"
#include "worker/gates/mask_agreement.h"
#include "worker/pairs/pair_list.h"
#include "worker/sets/image_set.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/usable_set.h"
#include "worker/stores/model_file.h"
#include "worker/stores/segmenter_file.h"
#include "worker/tasks/segmenter_training.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

using nlohmann::json;

constexpr int64_t kTested = 16;  // images at a time, as Segment takes them

void CheckTarget(const ImageSet& source, const ImageSet& target) {
  if (!target.classes.defined()) {
    throw TaskError(absl::InvalidArgumentError(
        "the target has no masks; push it as a dataset with masks, or leave the target out"));
  }
  ThrowIfError(CheckSameClasses(source.labels, "the source", target.labels, "the target"));
}

// NaN, of a class that is in neither mask, becomes null.
json Row(const at::Tensor& values) {
  json row = json::array();
  for (int64_t i = 0; i < values.size(0); ++i) row.push_back(values[i].item<double>());
  return row;
}

// The mean over images, then classes.
double MeanOf(const at::Tensor& values) { return values.nanmean(0).nanmean().item<double>(); }

// A few images at a time: neither the target nor what is seen in it is ever in memory as a whole.
void AddScores(Segmenter& model, const ImageSet& target, at::Device device,
               const ProgressReporter& progress, json& scores) {
  std::vector<at::Tensor> dice, iou;
  scores["images"] = json::array();
  for (int64_t first = 0; first < target.size(); first += kTested) {
    progress.ThrowIfCancelled();
    const int64_t count = std::min(kTested, target.size() - first);
    const ClassOverlap overlap =
        OverlapOf(Segment(model, target.images.narrow(0, first, count), device),
                  target.classes.narrow(0, first, count), target.labels.classes());
    for (int64_t i = 0; i < count; ++i) {
      scores["images"].push_back({{"name", target.names[first + i]},
                                  {"group", target.groups[first + i]},
                                  {"dice", Row(overlap.dice[i])},
                                  {"iou", Row(overlap.iou[i])}});
    }
    dice.push_back(overlap.dice);
    iou.push_back(overlap.iou);
  }
  scores["mean_dice"] = MeanOf(at::cat(dice));
  scores["mean_iou"] = MeanOf(at::cat(iou));
}

bool HasPairs(const TaskSpec& spec) {
  return std::ranges::any_of(spec.inputs,
                             [](const auto& input) { return input.first.starts_with("pairs/"); });
}

Augment AugmentOf(const TaskSpec& spec) {
  const std::string augment = TextSetting(spec, "evaluate.augment");
  if (augment == "scaling") return Augment::kScaling;
  return augment == "ordinary" ? Augment::kOrdinary : Augment::kNone;
}

struct TrainedSegmenter {
  std::shared_ptr<Segmenter> model;
  std::string name;
  bool pretrained = false;  // the encoder
  int64_t pairs = 0;        // that it was trained on, besides the source
};

int64_t DimsOf(const ImageSet& source) { return source.volumes.defined() ? 3 : 2; }

// Trained on the source and the task's pairs, if it has any. Both sides of a run have the same
// initial weights and take the same steps.
TrainedSegmenter Trained(const TaskSpec& spec, TaskContext& context, ProgressReporter& progress,
                         const ImageSet& source) {
  const int64_t size = ImageSize(spec);
  const uint64_t seed =
      static_cast<uint64_t>(IntegerSetting(spec, "seed")) * 1000003u + IntegerSetting(spec, "run");
  TrainedSegmenter trained;
  trained.name = TextSetting(spec, "evaluate.segmenter");
  std::optional<ImageSet> pairs;
  if (HasPairs(spec)) {
    pairs = LoadPairs(context, spec, "pairs", source.labels, UseOfPictures(spec), INT64_MAX).set;
    trained.pairs = pairs->size();
  }
  const NewSegmenter made =
      MakeSegmenterOf(context, trained.name, source.labels.classes(), size, seed, DimsOf(source));
  progress.set_notes({source.note});
  TrainSegmenter(context, progress, *made.model,
                 {.real = source,
                  .synthetic = pairs ? &*pairs : nullptr,
                  .synthetic_share = pairs ? RealSetting(spec, "evaluate.synthetic_share") : 0,
                  .iterations = IntegerSetting(spec, "evaluate.iterations"),
                  .batch = IntegerSetting(spec, "evaluate.batch"),
                  .learning_rate = RealSetting(spec, "evaluate.learning_rate"),
                  .seed = seed,
                  .order = RandomUse::kEvaluateOrder,
                  .step = RandomUse::kEvaluateStep,
                  .augment = AugmentOf(spec)});
  trained.model = made.model;
  trained.pretrained = made.pretrained;
  return trained;
}

}  // namespace

// A segmentation model trained on the source alone: the side without pairs. It knows nothing of a
// target, so that jobs with different targets share it.
TaskOutputs RunBaseline(const TaskSpec& spec, TaskContext& context) {
  ProgressReporter progress(context, IntegerSetting(spec, "evaluate.iterations"), "steps");
  const ImageSet source = LoadPrepared(context, spec, "source");
  CheckUsable(spec, source);
  const TrainedSegmenter trained = Trained(spec, context, progress, source);
  return {{"segmenter", StoreSegmenter(context, *trained.model,
                                       {trained.name, source.labels, ImageSize(spec),
                                        trained.pretrained, DimsOf(source)})}};
}

// A segmentation model, a baseline's or one trained here with pairs, tested on the target.
TaskOutputs RunEvaluate(const TaskSpec& spec, TaskContext& context) {
  const int64_t iterations = IntegerSetting(spec, "evaluate.iterations");
  ProgressReporter progress(context, iterations, "steps");
  const ImageSet source = LoadPrepared(context, spec, "source");
  const ImageSet target = LoadPrepared(context, spec, "target");
  CheckTarget(source, target);
  ThrowIfError(
      CheckLeastNumbers(spec.kind, {{Quantity::kSourceStructures, source.facts.with_structures},
                                    {Quantity::kTargetStructures, target.facts.with_structures}}));
  TrainedSegmenter trained;
  if (spec.inputs.contains("segmenter")) {
    trained.name = TextSetting(spec, "evaluate.segmenter");
    const StoredSegmenter stored =
        LoadSegmenter(context, Input(spec, "segmenter"), "the baseline", trained.name,
                      source.labels, ImageSize(spec), DimsOf(source));
    trained.model = stored.model;
    trained.pretrained = stored.pretrained;
  } else {
    trained = Trained(spec, context, progress, source);
  }
  json scores{{"segmenter", trained.name},
              {"encoder", trained.pretrained ? "pretrained" : "random"},
              {"run", IntegerSetting(spec, "run")},
              {"pairs", trained.pairs},
              {"iterations", iterations},
              {"classes", source.labels.Names()}};
  AddScores(*trained.model, target, DeviceOf(context), progress, scores);
  return {{"scores", ValueOrThrow(context.Store(scores.dump()))}};
}

}  // namespace alignflow
