#ifndef ALIGNFLOW_WORKER_STORES_MASK_MODEL_H_
#define ALIGNFLOW_WORKER_STORES_MASK_MODEL_H_

#include <memory>
#include <string>

#include "worker/masks/mask_flow.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"

namespace alignflow {

// The preset's mask model before it has learned the source's masks.
std::unique_ptr<MaskFlow> NewMaskFlow(TaskContext& context, const TaskSpec& spec,
                                      const ImageSet& source);

// Reads the mask model of a blob, for sampling. Throws TaskError with InvalidArgument if it was
// fitted to masks of other classes than the source's, or is none.
std::unique_ptr<MaskFlow> LoadMaskFlow(TaskContext& context, const TaskSpec& spec,
                                       const std::string& digest, const ImageSet& source);

// Stores it as a blob, its classes beside the weights. Returns the digest.
std::string StoreMaskFlow(TaskContext& context, MaskFlow& model, const LabelTable& labels);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_STORES_MASK_MODEL_H_
