#include <string>
#include <vector>

#include "common/data/groups.h"
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

constexpr int64_t kPictures = 16, kVolumes = 4;  // in a batch

// Peak; a pretrained encoder's features are not to be learned anew.
double LearningRateOf(const std::string& segmenter) { return segmenter == "unet" ? 2e-3 : 1e-3; }

// The rows that this judge is trained on: those outside of its fold, or all if it has none, or if
// no structure is left outside.
at::Tensor RowsOutside(const TaskSpec& spec, const ImageSet& source) {
  if (!spec.settings.contains("fold")) return {};
  const std::vector<int> folds =
      FoldsOf(source.groups, static_cast<int>(IntegerSetting(spec, "judge.folds")));
  std::vector<int64_t> rows;
  bool structures = false;
  for (int64_t row = 0; row < source.size(); ++row) {
    if (folds[row] == IntegerSetting(spec, "fold")) continue;
    rows.push_back(row);
    structures = structures || source.classes[row].any().item<bool>();
  }
  return structures ? at::tensor(rows, at::kLong) : at::Tensor();
}

}  // namespace

// The segmenter that judges mask agreement: it must see the source's structures in images of any
// style, so its training images are recoloured at random.
TaskOutputs RunJudge(const TaskSpec& spec, TaskContext& context) {
  const uint64_t seed = IntegerSetting(spec, "seed");
  const int64_t size = ImageSize(spec);
  ProgressReporter progress(context, IntegerSetting(spec, "judge.iterations"), "steps");
  const ImageSet source = LoadPrepared(context, spec, "source");
  CheckUsable(spec, source);
  const std::string name = TextSetting(spec, "judge.segmenter");
  const bool volumes = source.volumes.defined();
  const int64_t dims = volumes ? 3 : 2;
  const NewSegmenter made =
      MakeSegmenterOf(context, name, source.labels.classes(), size, seed, dims);
  progress.set_notes({source.note});
  TrainSegmenter(context, progress, *made.model,
                 {.real = source,
                  .rows = RowsOutside(spec, source),
                  .iterations = IntegerSetting(spec, "judge.iterations"),
                  .batch = volumes ? kVolumes : kPictures,
                  .learning_rate = LearningRateOf(name),
                  .seed = seed,
                  .order = RandomUse::kJudgeOrder,
                  .step = RandomUse::kJudgeStep,
                  .augment = Augment::kStrong});
  return {{"segmenter", StoreSegmenter(context, *made.model,
                                       {name, source.labels, size, made.pretrained, dims})}};
}

}  // namespace alignflow
