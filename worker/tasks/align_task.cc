#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/alignment/align_step.h"
#include "worker/alignment/reference_split.h"
#include "worker/alignment/rollout.h"
#include "worker/alignment/stage2/align_data.h"
#include "worker/alignment/stage2/align_watch.h"
#include "worker/alignment/stage2/reward_features.h"
#include "worker/alignment/stage2/trajectory.h"
#include "worker/models/unet/backbone.h"
#include "worker/models/unet/memory.h"
#include "worker/sets/image_set.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/reference_set.h"
#include "worker/sets/training_source.h"
#include "worker/stores/model_file.h"
#include "worker/stores/pretrained_model.h"
#include "worker/tasks/device.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/tasks/training_task.h"
#include "worker/training/epoch_order.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

// Source pictures in a step's diffusion loss, which keeps the tie between mask and image. Volumes
// and a pretrained model's images, which cost more, are as many as in the reward.
constexpr int64_t kDiffusionBatch = 8;
// Learning rate of the style head, whose numbers are few and of order one.
constexpr double kStyleRate = 0.02;
// Batches of rollouts whose moments the style head starts from.
constexpr int64_t kMomentBatches = 4;

// Rollouts that the guard looks at; a pretrained model's images cost more.
constexpr int64_t kWatchedImages = 64;
constexpr int64_t kWatchedPretrained = 16;

constexpr int64_t kFeaturesTogether = 64;  // references

// Before anything is aligned: `trained` parameters get gradients, the others none.
void TrainOnly(Backbone& model, const std::vector<at::Tensor>& trained) {
  for (const at::Tensor& parameter : model.fit_parameters()) parameter.requires_grad_(false);
  for (const at::Tensor& parameter : trained) parameter.requires_grad_(true);
}

// A loss of stage 2, by step.
using StepLossFunction = std::function<StepLoss(int64_t step)>;

// The states of `drawn` become the ends of the frozen model's tunable steps from them.
void TakeTunableSteps(Backbone& model, const AlignData& data, RolloutPool& drawn) {
  const at::NoGradGuard no_grad;
  for (int64_t state = 0; state < drawn.states.size(1); ++state) {
    for (int64_t row = 0; row < drawn.size(); row += data.batch) {
      data.unless_cancelled(row);
      const int64_t count = std::min(data.batch, drawn.size() - row);
      at::Tensor states = drawn.states.select(1, state).narrow(0, row, count);
      at::Tensor ends =
          TunableStep(model, states.to(data.device), drawn.from + state,
                      ConditionOf(model, Rows(drawn, at::arange(row, row + count, at::kLong))));
      if (drawn.detail.defined()) ends += drawn.detail.narrow(0, row, count).to(data.device);
      states.copy_(ends);
    }
  }
}

// align.tune=style: the codec's style head alone learns, on the ends of the frozen model's tunable
// steps. The diffusion loss does not depend on it. With a pool the ends are computed once. It
// starts from matched moments: far away from the references FilterBank's bound leaves hardly a
// gradient.
StepLossFunction StyleLoss(UNetBackbone& model, Rollouts& rollouts, AlignData& data) {
  at::Generator random = RandomStream(data.seed, RandomUse::kStyleStart, 0);
  std::vector<at::Tensor> ends;
  for (int64_t i = 0; i < kMomentBatches; ++i) {
    ends.push_back(rollouts.Draw(data, i, random).states.select(1, 0).to(data.device));
  }
  model.codec().MatchMoments(at::cat(ends), data.references, random);
  return [&model, &rollouts, &data](int64_t step) {
    at::Generator random = RandomStream(data.seed, RandomUse::kAlignStep, step);
    const RolloutPool drawn = rollouts.Draw(data, step, random);
    const int64_t state = at::randint(drawn.states.size(1), {1}, random).item<int64_t>();
    const at::Tensor images =
        model.codec().Decode(drawn.states.select(1, state).to(data.device)).clamp(-1, 1);
    const at::Tensor alignment =
        Misalignment(data.reward, data.extractor->Features(images), data.reference_features);
    return StepLoss{alignment, {{"alignment", alignment.item<double>()}}};
  };
}

int64_t DiffusionBatch(const Backbone& model, const AlignData& data) {
  return model.pretrained() || data.source.volumes.defined() ? data.batch : kDiffusionBatch;
}

// A step of many volumes takes gigabytes: one that can't fit is refused before it begins.
void CheckVolumesFit(const TaskContext& context, Backbone& model, const AlignData& data) {
  const auto* unet = dynamic_cast<UNetBackbone*>(&model);
  if (unet == nullptr || !data.source.volumes.defined()) return;
  const int64_t together = data.batch + DiffusionBatch(model, data);
  ThrowIfError(CheckMemory(EstimateUNetMemory(unet->config(), together),
                           DeviceMemoryFree(context.device()), "align"));
}

// align.tune=control, as in the paper: the control branch learns from L_D + w_align L_A. In models
// that are not pretrained the diffusion loss is taken at the times that are tuned, where it keeps
// the tie between mask and image.
StepLossFunction ControlLoss(Backbone& model, Rollouts& rollouts, AlignData& data,
                             const TrainingSource& training, EpochOrder& order) {
  return [&model, &rollouts, &data, &training, &order](int64_t step) {
    at::Generator random = RandomStream(data.seed, RandomUse::kAlignStep, step);
    const RolloutPool drawn = rollouts.Draw(data, step, random);
    const int64_t state = at::randint(drawn.states.size(1), {1}, random).item<int64_t>();
    const RolloutBatch rolled{
        .states = drawn.states.select(1, state).to(data.device),
        .index = drawn.from + state,
        .condition = ConditionOf(model, drawn),
        .detail = drawn.detail.defined() ? drawn.detail.to(data.device) : at::Tensor()};
    const at::Tensor alignment = AlignmentLoss(model, model.codec(), *data.extractor, rolled,
                                               data.reference_features, data.reward);

    const int64_t count = DiffusionBatch(model, data);
    const auto taken = training.Take(order.Items(step * count, count), random);
    const at::Tensor noise = DrawNoise(model, count, random, data.device);
    const double first = model.pretrained() ? 0.0 : static_cast<double>(drawn.from) / kRolloutSteps;
    const at::Tensor t = (first + (1 - first) * at::rand({count}, random)).to(data.device);
    const at::Tensor diffusion = VelocityLoss(model, taken.latents, noise, t, taken.condition,
                                              /*plain=*/model.pretrained());
    const double weight = RealSetting(data.spec, "align.weight");
    return StepLoss{diffusion + weight * alignment,
                    {{"loss", diffusion.item<double>()}, {"alignment", alignment.item<double>()}}};
  };
}

// Images of rollouts by the model as it is, from their first state, as pairs are made.
at::Tensor ImagesOf(Backbone& model, const AlignData& data, const RolloutPool& pool,
                    bool ends_taken) {
  std::vector<at::Tensor> images;
  for (int64_t row = 0; row < pool.size(); row += data.batch) {
    data.unless_cancelled(row);
    const RolloutPool some =
        Rows(pool, at::arange(row, std::min(row + data.batch, pool.size()), at::kLong));
    at::Tensor latents = some.states.select(1, 0).to(data.device);
    if (!ends_taken) {
      latents = TunableStep(model, latents, some.from, ConditionOf(model, some));
      if (some.detail.defined()) latents = latents + some.detail.to(data.device);
    }
    images.push_back(model.codec().Decode(latents).clamp(-1, 1));
  }
  return at::cat(images);
}

// What align.tune=style trains. Throws TaskError for a model without a style head.
UNetBackbone& Styled(Backbone& model) {
  auto* styled = dynamic_cast<UNetBackbone*>(&model);
  if (styled != nullptr) return *styled;
  throw TaskError(absl::InvalidArgumentError(
      "align.tune=style: this model has no style head between latent and image; give control"));
}

// References that a split names, as float images on the data's device.
at::Tensor Chosen(const ImageSet& references, const std::vector<int64_t>& items,
                  at::Device device) {
  return ImagesFromBytes(references.images.index_select(0, at::tensor(items, at::kLong)), device);
}

// Of images [N,3,S,S] or [N,1,S,S,S] in [-1,1]: [N,d].
at::Tensor FeaturesOf(const FeatureExtractor& extractor, const at::Tensor& images) {
  std::vector<at::Tensor> features;
  for (const at::Tensor& some : images.split(Together(images, kFeaturesTogether))) {
    features.push_back(extractor.Features(some));
  }
  return at::cat(features);
}

// Trains under the guard; returns the curve.
TrainingCurve AlignUnderGuard(TaskContext& context, ProgressReporter& progress, Backbone& model,
                              Rollouts& rollouts, AlignData& data, const TrainingOptions& options) {
  const bool style = TextSetting(data.spec, "align.tune") == "style";
  const std::vector<at::Tensor> parameters =
      style ? Styled(model).style_parameters() : model.align_parameters();
  TrainOnly(model, parameters);
  if (style) {
    rollouts.FinishWith(
        [&model, &data](RolloutPool& drawn) { TakeTunableSteps(model, data, drawn); });
  }
  const RolloutPool watched =
      rollouts.First(data, model.pretrained() ? kWatchedPretrained : kWatchedImages);
  TrainingCurve curve("align");
  AlignWatch watch(
      data, [&] { return ImagesOf(model, data, watched, style); }, curve);

  const int64_t interval = IntegerSetting(data.spec, "align.check_interval");
  int64_t steps = 0;
  if (style) {
    std::vector<at::Tensor> stage1;
    for (const at::Tensor& parameter : parameters) stage1.push_back(parameter.detach().clone());
    const StepLossFunction loss = StyleLoss(Styled(model), rollouts, data);
    steps = TrainUnder(context, progress, parameters, options, loss, &curve, &watch, interval);
    const at::NoGradGuard no_grad;
    for (size_t i = 0; i < stage1.size() && !watch.found_best(); ++i) {
      parameters[i].copy_(stage1[i]);
    }
  } else {
    CheckVolumesFit(context, model, data);
    EpochOrder order(data.source.size(), data.seed, RandomUse::kAlignOrder);
    const TrainingSource training(model, data.source, RealSetting(data.spec, "fit.mask_dropout"),
                                  context.scratch(), [&] { progress.ThrowIfCancelled(); });
    steps =
        TrainUnder(context, progress, parameters, options,
                   ControlLoss(model, rollouts, data, training, order), &curve, &watch, interval);
  }
  watch.TellEnd(steps);
  return curve;
}

}  // namespace

// Stage 2: the model learns the references' style from whole images, the tunable step's.
TaskOutputs RunAlign(const TaskSpec& spec, TaskContext& context) {
  const bool style = TextSetting(spec, "align.tune") == "style";
  const at::Device device = DeviceOf(context);
  ProgressReporter progress(context, IntegerSetting(spec, "align.iterations"), "steps");

  const ImageSet source = LoadPrepared(context, spec, "source");
  const ImageSet references = LoadLearnedReferences(context, spec);
  const ReferenceSplit split =
      SplitReferences(references.size(), RealSetting(spec, "align.left_out"));
  const auto model = LoadModel(context, spec, Input(spec, "model"), source);
  const TrainingOptions options{
      .iterations = IntegerSetting(spec, "align.iterations"),
      .warm_up = 20,
      .learning_rate = style ? kStyleRate : RealSetting(spec, "align.learning_rate"),
      .ema = model->pretrained() ? 0 : 0.98};
  const bool pooled = TextSetting(spec, "align.rollout") == "pool";
  Rollouts rollouts(pooled
                        ? std::optional(LoadPool(ValueOrThrow(context.Fetch(Input(spec, "pool")))))
                        : std::nullopt,
                    pooled ? nullptr : model->Clone());

  const RewardFeatures reward = MakeRewardFeatures(context, spec, source);
  std::vector<std::string> notes{reward.note, references.note};
  if (split.left_out.empty() && RealSetting(spec, "align.left_out") > 0) {
    notes.push_back(absl::StrCat("fewer than ", kLeastToLeaveOut,
                                 " references: none is left out, and the guard watches those that "
                                 "are learned from"));
  }
  progress.set_notes(std::move(notes));
  AlignData data{.spec = spec,
                 .source = source,
                 .device = device,
                 .seed = static_cast<uint64_t>(IntegerSetting(spec, "seed")),
                 .batch = IntegerSetting(spec, "align.batch"),
                 .reward = RewardNamed(TextSetting(spec, "align.reward")),
                 .extractor = reward.extractor,
                 .references = Chosen(references, split.learned, device),
                 .reference_features = {},
                 .left_out_features = {},
                 .unless_cancelled = [&](int64_t) { progress.ThrowIfCancelled(); }};
  {
    const at::NoGradGuard no_grad;
    data.reference_features = FeaturesOf(*data.extractor, data.references);
    if (!split.left_out.empty()) {
      data.left_out_features =
          FeaturesOf(*data.extractor, Chosen(references, split.left_out, device));
    }
  }
  const TrainingCurve curve = AlignUnderGuard(context, progress, *model, rollouts, data, options);
  return {{"model", StoreModel(context, *model, source.labels, 2)},
          {"curve.json", ValueOrThrow(context.Store(curve.ToJson()))}};
}

}  // namespace alignflow
