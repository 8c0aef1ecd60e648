#include "worker/masks/mask_rules_json.h"
#include "worker/sets/prepared_set.h"
#include "worker/sets/usable_set.h"
#include "worker/stores/mask_model.h"
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

constexpr int64_t kMasksWarmUp = 50;
constexpr double kEma = 0.995;  // of models that start from nothing

}  // namespace

// The mask model learns the source's masks without seeing anything but, if it takes one, the
// prompt. They are not flipped: where things lie is part of what it learns.
TaskOutputs RunFitMasks(const TaskSpec& spec, TaskContext& context) {
  const at::Device device = DeviceOf(context);
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t batch = IntegerSetting(spec, "masks.batch");
  const int64_t iterations = IntegerSetting(spec, "masks.iterations");
  ProgressReporter progress(context, iterations, "steps");
  const ImageSet source = LoadPrepared(context, spec, "source");
  CheckUsable(spec, source);
  progress.set_note(source.note);
  const auto model = NewMaskFlow(context, spec, source);
  const TrainingOptions options{.iterations = iterations,
                                .warm_up = kMasksWarmUp,
                                .learning_rate = RealSetting(spec, "masks.learning_rate"),
                                .ema = model->pretrained() ? 0 : kEma};

  EpochOrder order(source.size(), seed, RandomUse::kFitMasksOrder);
  TrainingCurve curve("fit-masks");
  const Coupling coupling = CouplingOf(spec);
  const auto step = [&](int64_t number) {
    at::Generator random = RandomStream(seed, RandomUse::kFitMasksStep, number);
    const at::Tensor latents =
        model->Encode(TakeClasses(source, order.Items(number * batch, batch)));
    const Condition condition = model->TrainingCondition(batch, random);
    at::Tensor noise = DrawNoise(*model, batch, random, device);
    if (coupling != Coupling::kIndependent) {
      noise = Coupled(coupling, latents, noise, EqualRows({condition.context}));
    }
    const at::Tensor t =
        (model->pretrained() ? at::rand({batch}, random) : DrawTimes(batch, random)).to(device);
    const at::Tensor loss = VelocityLoss(*model, latents, noise, t, condition,
                                         /*plain=*/model->pretrained());
    return StepLoss{loss, {{"loss", loss.item<double>()}}};
  };
  TrainUnder(context, progress, model->parameters(), options, step, &curve);
  // Not before: who takes up a training looks at its masks once.
  const MaskRules rules =
      LearnMaskRules(Thinned(source, kStatisticsImages).classes, source.labels.classes());
  return {{"model", StoreMaskFlow(context, *model, source.labels)},
          {"rules", ValueOrThrow(context.Store(MaskRulesToJson(rules)))},
          {"curve.json", ValueOrThrow(context.Store(curve.ToJson()))}};
}

}  // namespace alignflow
