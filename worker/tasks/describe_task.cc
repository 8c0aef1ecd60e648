#include "worker/sets/prepared_set.h"
#include "worker/sets/source_statistics.h"
#include "worker/stores/model_file.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"

namespace alignflow {

// What later tasks must know of all source images, so that none of them looks at all again.
TaskOutputs RunDescribe(const TaskSpec& spec, TaskContext& context) {
  const ImageSet source = LoadPrepared(context, spec, "source");
  ProgressReporter progress(context, source.size(), "images");
  progress.set_note(source.note);
  const SourceStatistics statistics = DescribeSource(source, DeviceOf(context), [&](int64_t done) {
    progress.Report(done);
    progress.ThrowIfCancelled();
  });
  const std::filesystem::path file = context.scratch() / "statistics.safetensors";
  SaveStatistics(statistics, file);
  return {{"statistics", ValueOrThrow(context.StoreFile(file))}};
}

}  // namespace alignflow
