#include "worker/alignment/stage2/trajectory.h"
#include "worker/sets/prepared_set.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {
namespace {

constexpr int64_t kRolloutBatch = 32;

}  // namespace

// The pool of trajectories that every later stage 2 on this stage-1 model starts from.
TaskOutputs RunRollout(const TaskSpec& spec, TaskContext& context) {
  const int64_t size = IntegerSetting(spec, "align.pool");
  ProgressReporter progress(context, size, "images");
  const ImageSet source = LoadPrepared(context, spec, "source");
  const auto model = LoadModel(context, spec, Input(spec, "model"), source);
  model->Freeze();
  progress.Report(0);
  std::vector<RolloutPool> parts;
  for (int64_t first = 0; first < size; first += kRolloutBatch) {
    const int64_t count = std::min(kRolloutBatch, size - first);
    parts.push_back(
        RollOut(*model, source, spec, first, count, [&](int64_t) { progress.ThrowIfCancelled(); }));
    progress.Report(first + count);
  }
  const std::filesystem::path file = context.scratch() / "pool.safetensors";
  SavePool(Joined(parts), file);
  return {{"pool", ValueOrThrow(context.StoreFile(file))}};
}

}  // namespace alignflow
