#ifndef ALIGNFLOW_WORKER_SETS_REFERENCE_SET_H_
#define ALIGNFLOW_WORKER_SETS_REFERENCE_SET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "worker/framing/frame.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

// References: the few images that a hospital gives, decoded into memory.
namespace alignflow {

// The references in the input of that name (a manifest), at the preset's size or the one asked for:
// their views, unless `framing` is none. Views are looked for in all of them together. Of more than
// `most`, that many, equally spaced, are taken. Throws TaskError as DecodeDataset does.
ImageSet LoadReferences(TaskContext& context, const TaskSpec& spec, int64_t most = INT64_MAX);
ImageSet LoadReferences(TaskContext& context, const TaskSpec& spec, int64_t most, int64_t size);

// The references that a task learns from: align.references of them, equally spaced; 0: all. Throws
// TaskError with InvalidArgument if more are asked for than given, besides what LoadReferences
// does.
ImageSet LoadLearnedReferences(TaskContext& context, const TaskSpec& spec);
ImageSet LoadLearnedReferences(TaskContext& context, const TaskSpec& spec, int64_t size);

// The frames of all references, by reference, with their longer sides of `longer` pixels
// (worker/framing/frame.h).
struct ReferenceFrames {
  std::vector<std::string> names;
  std::vector<Frame> frames;
};
ReferenceFrames LoadReferenceFrames(TaskContext& context, const TaskSpec& spec, int longer);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_REFERENCE_SET_H_
