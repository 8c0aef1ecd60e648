#ifndef ALIGNFLOW_WORKER_STORES_SEGMENTER_FILE_H_
#define ALIGNFLOW_WORKER_STORES_SEGMENTER_FILE_H_

#include <memory>
#include <string>

#include "common/data/label_table.h"
#include "worker/models/segmenters/segmenter.h"
#include "worker/tasks/task.h"

namespace alignflow {

// The network that judges pairs.
inline constexpr char kJudgeSegmenter[] = "unet";

// Stores a judge for images of size x size pixels as a blob: safetensors, with its size and classes
// beside the weights. Returns the digest.
std::string StoreJudge(TaskContext& context, const Segmenter& model, const LabelTable& labels,
                       int64_t size);

// Reads a blob of StoreJudge. Throws TaskError with InvalidArgument if it was trained on masks with
// other labels or images of another size.
std::shared_ptr<Segmenter> LoadJudge(TaskContext& context, const std::string& digest,
                                     const LabelTable& labels, int64_t size);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_STORES_SEGMENTER_FILE_H_
