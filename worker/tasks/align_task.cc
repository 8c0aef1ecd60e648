#include "worker/alignment/align_step.h"
#include "worker/alignment/filter_bank.h"
#include "worker/tasks/image_set.h"
#include "worker/tasks/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/tasks/training_task.h"
#include "worker/tasks/trajectory.h"
#include "worker/training/epoch_order.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

// Source images in a step's diffusion loss, which keeps the tie between mask and image.
constexpr int64_t kDiffusionBatch = 16;

// The rollouts that steps draw from: the pool, or new ones for each step.
class Rollouts {
 public:
  // The frozen model is needed without a pool only.
  Rollouts(std::optional<RolloutPool> pool, std::unique_ptr<Backbone> frozen)
      : pool_(std::move(pool)), frozen_(std::move(frozen)) {}

  RolloutPool Draw(const ImageSet& source, const TaskSpec& spec, int64_t step, int64_t size,
                   at::Generator random, const BeforeStep& before_step) {
    if (!pool_) {
      return RollOut(*frozen_, source, spec, step * size, size, before_step);
    }
    const at::Tensor rows = at::randint(pool_->size(), {size}, random, at::kLong);
    return {.states = pool_->states.index_select(0, rows),
            .classes = pool_->classes.index_select(0, rows),
            .from = pool_->from};
  }

 private:
  std::optional<RolloutPool> pool_;
  std::unique_ptr<Backbone> frozen_;
};

void Freeze(Backbone& model) {
  for (const at::Tensor& parameter : model.fit_parameters()) parameter.requires_grad_(false);
  for (const at::Tensor& parameter : model.align_parameters()) parameter.requires_grad_(true);
}

}  // namespace

// Stage 2: the control branch alone learns the references' style from whole images, the tunable
// step's, while the diffusion loss on the source keeps it obeying masks.
TaskOutputs RunAlign(const TaskSpec& spec, TaskContext& context) {
  const at::Device device = DeviceOf(context);
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t batch = IntegerSetting(spec, "align.batch");
  const double weight = RealSetting(spec, "align.weight");
  const int64_t size = UNetPreset(TextSetting(spec, "preset"), 2).image_size;
  const TrainingOptions options{.iterations = IntegerSetting(spec, "align.iterations"),
                                .warm_up = 20,
                                .learning_rate = RealSetting(spec, "align.learning_rate"),
                                .ema = 0.98};
  ProgressReporter progress(context, options.iterations, "steps");

  const ImageSet source = LoadImageSet(context, Input(spec, "source"), size);
  const ImageSet references = LoadImageSet(context, Input(spec, "references"), size);
  progress.set_note(references.note);
  const auto model = LoadModel(context, Input(spec, "model"), source.labels);
  Freeze(*model);
  const bool pooled = TextSetting(spec, "align.rollout") == "pool";
  Rollouts rollouts(pooled
                        ? std::optional(LoadPool(ValueOrThrow(context.Fetch(Input(spec, "pool")))))
                        : std::nullopt,
                    pooled ? nullptr : model->Clone());

  FilterBank filter_bank;
  filter_bank.Fit(SampleImages(source, kStatisticsImages, device));
  const at::Tensor reference_features =
      filter_bank.Features(ImagesFromBytes(references.images, device));
  EpochOrder order(source.size(), seed, RandomUse::kAlignOrder);
  const BeforeStep unless_cancelled = [&](int64_t) { progress.ThrowIfCancelled(); };

  TrainUnder(context, progress, model->align_parameters(), options, [&](int64_t step) {
    at::Generator random = RandomStream(seed, RandomUse::kAlignStep, step);
    const RolloutPool drawn = rollouts.Draw(source, spec, step, batch, random, unless_cancelled);
    const int64_t state = at::randint(drawn.states.size(1), {1}, random).item<int64_t>();
    const RolloutBatch rolled{
        .states = drawn.states.select(1, state).to(device),
        .index = drawn.from + state,
        .condition = MaskCondition(drawn.classes, source.labels.classes(), device)};
    const at::Tensor alignment =
        AlignmentLoss(*model, model->codec(), filter_bank, rolled, reference_features);

    const ImageBatch images =
        TakeBatch(source, order.Items(step * kDiffusionBatch, kDiffusionBatch), device, random);
    const at::Tensor noise = DrawNoise(*model, kDiffusionBatch, random, device);
    const at::Tensor t = DrawTimes(kDiffusionBatch, random).to(device);
    const at::Tensor diffusion =
        VelocityLoss(*model, model->codec().Encode(images.images), noise, t, images.condition);
    return StepLoss{diffusion + weight * alignment,
                    {{"loss", diffusion.item<double>()}, {"alignment", alignment.item<double>()}}};
  });
  return {{"model", StoreModel(context, *model, source.labels, 2)}};
}

}  // namespace alignflow
