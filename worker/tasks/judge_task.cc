#include "worker/sets/prepared_set.h"
#include "worker/sets/usable_set.h"
#include "worker/stores/model_file.h"
#include "worker/stores/segmenter_file.h"
#include "worker/tasks/segmenter_training.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kBatch = 16;
constexpr double kLearningRate = 2e-3;

}  // namespace

// The segmenter that judges mask agreement: it must see the source's structures in images of any
// style, so its training images are recoloured at random.
TaskOutputs RunJudge(const TaskSpec& spec, TaskContext& context) {
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t size = ImageSize(spec);
  ProgressReporter progress(context, IntegerSetting(spec, "judge.iterations"), "steps");
  const ImageSet source = LoadPrepared(context, spec, "source");
  CheckUsable(spec, source);
  progress.set_note(source.note);
  const auto model =
      MakeSegmenter(kJudgeSegmenter, source.labels.classes(), size, seed, DeviceOf(context)).model;
  TrainSegmenter(context, progress, *model,
                 {.real = source,
                  .iterations = IntegerSetting(spec, "judge.iterations"),
                  .batch = kBatch,
                  .learning_rate = kLearningRate,
                  .seed = seed,
                  .order = RandomUse::kJudgeOrder,
                  .step = RandomUse::kJudgeStep,
                  .augment = Augment::kStrong});
  return {{"segmenter", StoreSegmenter(context, *model, {kJudgeSegmenter, source.labels, size})}};
}

}  // namespace alignflow
