#include "common/settings/settings.h"
#include "worker/models/unet/motfm_import.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/training_source.h"
#include "worker/sets/usable_set.h"
#include "worker/stores/model_file.h"
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

// Batches in a step. A setting of pretrained models only.
int64_t Accumulated(const TaskSpec& spec) {
  return spec.settings.contains("fit.accumulate") ? IntegerSetting(spec, "fit.accumulate") : 1;
}

// Weights that were trained elsewhere, as a model for masks of the source's labels.
TaskOutputs ImportWeights(const TaskSpec& spec, TaskContext& context) {
  const LabelTable labels = LoadPrepared(context, spec, "source").labels;
  const std::string preset = TextSetting(spec, "preset");
  MotfmImport import{.preset = preset,
                     .image_size = ImageSize(spec),
                     .spatial_dims = DimsOfPreset(preset),
                     .class_values = {}};
  for (int i = 0; i < labels.classes(); ++i) import.class_values.push_back(labels.ValueOf(i));
  const std::filesystem::path file = ValueOrThrow(context.Fetch(Input(spec, "weights")));
  const auto model = ImportMotfm(file, import);
  return {{"model", StoreModel(context, *model, labels, 1)},
          {"curve.json", ValueOrThrow(context.Store(TrainingCurve("fit").ToJson()))}};
}

}  // namespace

// Stage 1: the control branch, in the small presets with its U-Net, learns the source images given
// their masks.
TaskOutputs RunFit(const TaskSpec& spec, TaskContext& context) {
  if (spec.inputs.contains("weights")) return ImportWeights(spec, context);
  const at::Device device = DeviceOf(context);
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t batch = IntegerSetting(spec, "fit.batch");
  const TrainingOptions options{.iterations = IntegerSetting(spec, "fit.iterations"),
                                .warm_up = kWarmUp,
                                .learning_rate = RealSetting(spec, "fit.learning_rate"),
                                .ema = RealSetting(spec, "fit.ema"),
                                .accumulate = Accumulated(spec)};
  ProgressReporter progress(context, options.iterations, "steps");

  const ImageSet source = LoadPrepared(context, spec, "source");
  CheckUsable(spec, source);
  progress.set_note(source.note);
  const auto model = NewModel(context, spec, source);
  const TrainingSource training(*model, source, RealSetting(spec, "fit.mask_dropout"),
                                context.scratch(), [&] { progress.ThrowIfCancelled(); });

  EpochOrder order(source.size(), seed, RandomUse::kFitOrder);
  TrainingCurve curve("fit");
  const Coupling coupling = CouplingOf(spec);
  const auto step = [&](int64_t number) {
    at::Generator random = RandomStream(seed, RandomUse::kFitStep, number);
    const at::Tensor items = order.Items(number * batch, batch);
    const auto taken = training.Take(items, random);
    at::Tensor noise = DrawNoise(*model, batch, random, device);
    if (coupling != Coupling::kIndependent) {
      noise = Coupled(coupling, taken.latents, noise,
                      training.ConditionNumbers(items, taken.condition));
    }
    const at::Tensor t =
        (model->pretrained() ? at::rand({batch}, random) : DrawTimes(batch, random)).to(device);
    const at::Tensor loss = VelocityLoss(*model, taken.latents, noise, t, taken.condition,
                                         /*plain=*/model->pretrained());
    return StepLoss{loss, {{"loss", loss.item<double>()}}};
  };
  TrainUnder(context, progress, model->fit_parameters(), options, step, &curve);
  return {{"model", StoreModel(context, *model, source.labels, 1)},
          {"curve.json", ValueOrThrow(context.Store(curve.ToJson()))}};
}

}  // namespace alignflow
