#include <algorithm>

#include "worker/masks/mask_flow.h"
#include "worker/tasks/image_set.h"
#include "worker/tasks/model_file.h"
#include "worker/tasks/pretrained_model.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/tasks/training_task.h"
#include "worker/training/epoch_order.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

constexpr int64_t kWarmUp = 50;
constexpr double kEma = 0.995;
constexpr int kMaskStage = 0;  // neither of the stages of images

std::unique_ptr<UNetBackbone> NewMaskFlow(const TaskSpec& spec, const TaskContext& context,
                                          const ImageSet& source) {
  const int64_t classes = source.labels.classes();
  auto model = std::make_unique<UNetBackbone>(MaskFlowConfig(ImageSize(spec), classes),
                                              IntegerSetting(spec, "seed"), DeviceOf(context));
  const int64_t taken = std::min(source.size(), kStatisticsImages);
  const at::Tensor items = at::arange(taken, at::kLong).mul(source.size()).div(taken, "floor");
  model->codec().blocks().Fit(PlanesOfClasses(source.classes.index_select(0, items), classes));
  model->set_compute_dtype(at::kBFloat16);
  return model;
}

}  // namespace

// The mask model learns the source's masks without any condition. They are not flipped: where
// things lie is part of what it learns.
TaskOutputs RunFitMasks(const TaskSpec& spec, TaskContext& context) {
  if (IsPretrained(spec)) {
    throw TaskError(absl::InvalidArgumentError(
        "setting masks.kind: new masks are made by the U-Net presets only; give real"));
  }
  const at::Device device = DeviceOf(context);
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t batch = IntegerSetting(spec, "masks.batch");
  const TrainingOptions options{.iterations = IntegerSetting(spec, "masks.iterations"),
                                .warm_up = kWarmUp,
                                .learning_rate = RealSetting(spec, "masks.learning_rate"),
                                .ema = kEma};
  ProgressReporter progress(context, options.iterations, "steps");
  const ImageSet source = LoadImageSet(context, Input(spec, "source"), ImageSize(spec));
  progress.set_note(source.note);
  const auto model = NewMaskFlow(spec, context, source);

  EpochOrder order(source.size(), seed, RandomUse::kFitMasksOrder);
  TrainingCurve curve("fit-masks");
  const auto step = [&](int64_t number) {
    at::Generator random = RandomStream(seed, RandomUse::kFitMasksStep, number);
    const at::Tensor classes = source.classes.index_select(0, order.Items(number * batch, batch));
    const at::Tensor latents =
        model->codec().Encode(PlanesOfClasses(classes, source.labels.classes()).to(device));
    const at::Tensor noise = DrawNoise(*model, batch, random, device);
    const at::Tensor t = DrawTimes(batch, random).to(device);
    const at::Tensor loss = VelocityLoss(*model, latents, noise, t, {});
    return StepLoss{loss, {{"loss", loss.item<double>()}}};
  };
  TrainUnder(context, progress, model->fit_parameters(), options, step, &curve);
  return {{"model", StoreModel(context, *model, source.labels, kMaskStage)},
          {"curve.json", ValueOrThrow(context.Store(curve.ToJson()))}};
}

}  // namespace alignflow
