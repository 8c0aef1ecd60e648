#include "worker/tasks/image_set.h"
#include "worker/tasks/model_file.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"
#include "worker/tasks/training_task.h"
#include "worker/training/epoch_order.h"
#include "worker/training/velocity_loss.h"

namespace alignflow {
namespace {

constexpr int64_t kWarmUp = 50;

}  // namespace

// Stage 1: U-Net and control branch learn the source images given their masks.
TaskOutputs RunFit(const TaskSpec& spec, TaskContext& context) {
  const at::Device device = DeviceOf(context);
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t batch = IntegerSetting(spec, "fit.batch");
  const std::string preset = TextSetting(spec, "preset");
  const TrainingOptions options{.iterations = IntegerSetting(spec, "fit.iterations"),
                                .warm_up = kWarmUp,
                                .learning_rate = RealSetting(spec, "fit.learning_rate"),
                                .ema = RealSetting(spec, "fit.ema")};
  ProgressReporter progress(context, options.iterations, "steps");

  const ImageSet source =
      LoadImageSet(context, Input(spec, "source"), UNetPreset(preset, 2).image_size);
  progress.set_note(source.note);
  UNetBackbone model(UNetPreset(preset, source.labels.classes()), seed, device);
  model.codec().blocks().Fit(SampleImages(source, kStatisticsImages, device));
  model.set_compute_dtype(at::kBFloat16);

  EpochOrder order(source.size(), seed, RandomUse::kFitOrder);
  TrainUnder(context, progress, model.fit_parameters(), options, [&](int64_t step) {
    at::Generator random = RandomStream(seed, RandomUse::kFitStep, step);
    const ImageBatch images = TakeBatch(source, order.Items(step * batch, batch), device, random);
    const at::Tensor noise = DrawNoise(model, batch, random, device);
    const at::Tensor t = DrawTimes(batch, random).to(device);
    const at::Tensor loss =
        VelocityLoss(model, model.codec().Encode(images.images), noise, t, images.condition);
    return StepLoss{loss, {{"loss", loss.item<double>()}}};
  });
  return {{"model", StoreModel(context, model, source.labels, 1)}};
}

}  // namespace alignflow
