#include <algorithm>
#include <functional>

#include "worker/alignment/align_step.h"
#include "worker/alignment/mmd.h"
#include "worker/alignment/rollout.h"
#include "worker/models/unet_backbone.h"
#include "worker/tasks/image_set.h"
#include "worker/tasks/model_file.h"
#include "worker/tasks/reward_features.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/tasks/training_source.h"
#include "worker/tasks/training_task.h"
#include "worker/tasks/trajectory.h"
#include "worker/training/epoch_order.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

// Source images in a step's diffusion loss, which keeps the tie between mask and image.
constexpr int64_t kDiffusionBatch = 8;
// Learning rate of the style head, whose numbers are few and of order one.
constexpr double kStyleRate = 0.02;
// Batches of rollouts whose moments the style head starts from.
constexpr int64_t kMomentBatches = 4;

struct AlignData;

// The rollouts that steps draw from: the pool, or new ones for each step.
class Rollouts {
 public:
  // The frozen model is needed without a pool only.
  Rollouts(std::optional<RolloutPool> pool, std::unique_ptr<Backbone> frozen)
      : pool_(std::move(pool)), frozen_(std::move(frozen)) {}

  // From now on `finish` is applied to everything drawn; to a pool at once.
  void FinishWith(std::function<void(RolloutPool&)> finish) {
    if (pool_) {
      finish(*pool_);
    } else {
      finish_ = std::move(finish);
    }
  }

  // data.batch rollouts for a step.
  RolloutPool Draw(const AlignData& data, int64_t step, at::Generator random);

 private:
  std::optional<RolloutPool> pool_;
  std::unique_ptr<Backbone> frozen_;
  std::function<void(RolloutPool&)> finish_;
};

// What every step of stage 2 works on.
struct AlignData {
  const TaskSpec& spec;
  const ImageSet& source;
  at::Device device;
  uint64_t seed;
  int64_t batch;
  at::Tensor references;  // [N,3,S,S] in [-1,1]
  std::shared_ptr<const FeatureExtractor> extractor;
  at::Tensor reference_features;  // [N,d]
  BeforeStep unless_cancelled;
};

RolloutPool Rollouts::Draw(const AlignData& data, int64_t step, at::Generator random) {
  if (!pool_) {
    RolloutPool drawn = RollOut(*frozen_, data.source, data.spec, step * data.batch, data.batch,
                                data.unless_cancelled);
    if (finish_) finish_(drawn);
    return drawn;
  }
  return Rows(*pool_, at::randint(pool_->size(), {data.batch}, random, at::kLong));
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
                      model.ConditionOn(model.EncodeMasks(drawn.classes.narrow(0, row, count))));
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
  for (const at::Tensor& parameter : model.fit_parameters()) parameter.requires_grad_(false);
  rollouts.FinishWith(
      [&model, &data](RolloutPool& drawn) { TakeTunableSteps(model, data, drawn); });
  at::Generator random = RandomStream(data.seed, RandomUse::kStyleStart, 0);
  std::vector<at::Tensor> ends;
  for (int64_t i = 0; i < kMomentBatches; ++i) {
    ends.push_back(rollouts.Draw(data, i, random).states.select(1, 0).to(data.device));
  }
  model.codec().MatchMoments(at::cat(ends), data.references, random);
  for (const at::Tensor& parameter : model.style_parameters()) parameter.requires_grad_(true);
  return [&model, &rollouts, &data](int64_t step) {
    at::Generator random = RandomStream(data.seed, RandomUse::kAlignStep, step);
    const RolloutPool drawn = rollouts.Draw(data, step, random);
    const int64_t state = at::randint(drawn.states.size(1), {1}, random).item<int64_t>();
    const at::Tensor images =
        model.codec().Decode(drawn.states.select(1, state).to(data.device)).clamp(-1, 1);
    const at::Tensor alignment =
        UnbiasedMmd(data.extractor->Features(images), data.reference_features);
    return StepLoss{alignment, {{"alignment", alignment.item<double>()}}};
  };
}

// align.tune=control, as in the paper: the control branch learns from L_D + w_align L_A. In models
// that are not pretrained the diffusion loss is taken at the times that are tuned, where it keeps
// the tie between mask and image.
StepLossFunction ControlLoss(Backbone& model, Rollouts& rollouts, AlignData& data,
                             const TrainingSource& training, EpochOrder& order) {
  for (const at::Tensor& parameter : model.fit_parameters()) parameter.requires_grad_(false);
  for (const at::Tensor& parameter : model.align_parameters()) parameter.requires_grad_(true);
  return [&model, &rollouts, &data, &training, &order](int64_t step) {
    at::Generator random = RandomStream(data.seed, RandomUse::kAlignStep, step);
    const RolloutPool drawn = rollouts.Draw(data, step, random);
    const int64_t state = at::randint(drawn.states.size(1), {1}, random).item<int64_t>();
    const RolloutBatch rolled{
        .states = drawn.states.select(1, state).to(data.device),
        .index = drawn.from + state,
        .condition = ConditionOf(model, drawn),
        .detail = drawn.detail.defined() ? drawn.detail.to(data.device) : at::Tensor()};
    const at::Tensor alignment =
        AlignmentLoss(model, model.codec(), *data.extractor, rolled, data.reference_features);

    const int64_t count = model.pretrained() ? data.batch : kDiffusionBatch;
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

// What align.tune=style trains. Throws TaskError for a model without a style head.
UNetBackbone& Styled(Backbone& model) {
  auto* styled = dynamic_cast<UNetBackbone*>(&model);
  if (styled != nullptr) return *styled;
  throw TaskError(absl::InvalidArgumentError(
      "align.tune=style: this model has no style head between latent and image; give control"));
}

}  // namespace

// Stage 2: the model learns the references' style from whole images, the tunable step's.
TaskOutputs RunAlign(const TaskSpec& spec, TaskContext& context) {
  const bool style = TextSetting(spec, "align.tune") == "style";
  const int64_t size = ImageSize(spec);
  ProgressReporter progress(context, IntegerSetting(spec, "align.iterations"), "steps");

  const ImageSet source = LoadImageSet(context, Input(spec, "source"), size);
  const ImageSet references = LoadImageSet(context, Input(spec, "references"), size);
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
  progress.set_note(reward.note.empty() || references.note.empty()
                        ? reward.note + references.note
                        : reward.note + "; " + references.note);
  AlignData data{.spec = spec,
                 .source = source,
                 .device = DeviceOf(context),
                 .seed = static_cast<uint64_t>(IntegerSetting(spec, "seed")),
                 .batch = IntegerSetting(spec, "align.batch"),
                 .references = ImagesFromBytes(references.images, DeviceOf(context)),
                 .extractor = reward.extractor,
                 .reference_features = {},
                 .unless_cancelled = [&](int64_t) { progress.ThrowIfCancelled(); }};
  {
    const at::NoGradGuard no_grad;
    data.reference_features = data.extractor->Features(data.references);
  }
  EpochOrder order(source.size(), data.seed, RandomUse::kAlignOrder);
  if (style) {
    UNetBackbone& styled = Styled(*model);
    const StepLossFunction loss = StyleLoss(styled, rollouts, data);
    TrainUnder(context, progress, styled.style_parameters(), options, loss);
  } else {
    const TrainingSource training(*model, source, [&] { progress.ThrowIfCancelled(); });
    TrainUnder(context, progress, model->align_parameters(), options,
               ControlLoss(*model, rollouts, data, training, order));
  }
  return {{"model", StoreModel(context, *model, source.labels, 2)}};
}

}  // namespace alignflow
