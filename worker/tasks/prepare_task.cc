#include "absl/strings/str_cat.h"
#include "worker/sets/dataset_decode.h"
#include "worker/sets/prepared_set.h"
#include "worker/tasks/task_error.h"
#include "worker/tasks/task_kinds.h"
#include "worker/tasks/task_progress.h"
#include "worker/tasks/task_spec.h"

namespace alignflow {

// The only task that reads all of a dataset's own files: checked, at the size that others work on.
TaskOutputs RunPrepare(const TaskSpec& spec, TaskContext& context) {
  const int64_t size = IntegerSetting(spec, "size");
  if (size < 1) throw TaskError(absl::InvalidArgumentError("size must be at least 1"));
  const std::string& digest = Input(spec, "dataset");
  const DatasetManifest manifest = LoadManifest(context, digest);
  const bool wants_volumes = spec.settings.contains("dims");
  if (manifest.volumes() != wants_volumes) {
    throw TaskError(absl::InvalidArgumentError(
        absl::StrCat("the dataset is of ", wants_volumes ? "pictures" : "volumes",
                     ", but the task works on ", wants_volumes ? "volumes" : "pictures")));
  }
  ProgressReporter progress(context, static_cast<int64_t>(manifest.items.size()), "images");
  const PictureUse use = UseOfPictures(spec);
  progress.set_note(ResizingNote(manifest, size, use));
  const std::filesystem::path file = context.scratch() / "packed.safetensors";
  PackDataset(context, manifest, digest, size, use, file, [&](int64_t done) {
    progress.Report(done);
    progress.ThrowIfCancelled();
  });
  return {{"packed", ValueOrThrow(context.StoreFile(file))}};
}

}  // namespace alignflow
