#ifndef ALIGNFLOW_WORKER_SETS_REFERENCE_SET_H_
#define ALIGNFLOW_WORKER_SETS_REFERENCE_SET_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "worker/framing/frame.h"
#include "worker/sets/dataset_decode.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

// References: the few images that a hospital gives, decoded into memory.
namespace alignflow {

// The references in the input of that name (a manifest), at the preset's size: their views, unless
// `framing` is none. Views are looked for in all of them together. Of more than `most`, that many,
// equally spaced, are taken. Throws TaskError as DecodeDataset does.
ImageSet LoadReferences(TaskContext& context, const TaskSpec& spec, int64_t most = INT64_MAX);

// The references that a task learns from: align.references of them, equally spaced; 0: all. Throws
// TaskError with InvalidArgument if more are asked for than given, besides what LoadReferences
// does.
ImageSet LoadLearnedReferences(TaskContext& context, const TaskSpec& spec);

// The same references at any size, a chunk at a time, of which none is kept.
void ReadLearnedReferences(TaskContext& context, const TaskSpec& spec, int64_t size,
                           const std::function<void(const DecodedItems&)>& take);
// Their names, in that order.
std::vector<std::string> NamesOfLearnedReferences(TaskContext& context, const TaskSpec& spec);

// The frames of all references, by reference (worker/framing/frame.h), as small as views are looked
// for.
struct ReferenceFrames {
  std::vector<std::string> names;
  std::vector<FramePlan> frames;
};
ReferenceFrames LoadReferenceFrames(TaskContext& context, const TaskSpec& spec);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_SETS_REFERENCE_SET_H_
