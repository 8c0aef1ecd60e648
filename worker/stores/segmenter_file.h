#ifndef ALIGNFLOW_WORKER_STORES_SEGMENTER_FILE_H_
#define ALIGNFLOW_WORKER_STORES_SEGMENTER_FILE_H_

#include <memory>
#include <string>

#include "common/data/label_table.h"
#include "worker/models/segmenters/segmenter.h"
#include "worker/tasks/task.h"

namespace alignflow {

// What a segmenter is, besides its weights.
struct SegmenterFacts {
  std::string name;  // as MakeSegmenter takes it
  LabelTable labels;
  int64_t size = 0;         // takes images of size x size pixels
  bool pretrained = false;  // its encoder was read from the worker's models
  int64_t dims = 2;         // 3: takes volumes of size x size x size voxels
};

// Stores a trained segmenter as a blob: safetensors, with the facts beside the weights. Returns the
// digest.
std::string StoreSegmenter(TaskContext& context, const Segmenter& model,
                           const SegmenterFacts& facts);

struct StoredSegmenter {
  std::shared_ptr<Segmenter> model;  // in evaluation, on the task's device
  bool pretrained = false;
};

// Reads a blob of StoreSegmenter. Throws TaskError with InvalidArgument if it is another network,
// or was trained on masks with other labels or images of another size or kind (dims); `what` names
// it ("the judge").
StoredSegmenter LoadSegmenter(TaskContext& context, const std::string& digest,
                              const std::string& what, const std::string& name,
                              const LabelTable& labels, int64_t size, int64_t dims = 2);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_STORES_SEGMENTER_FILE_H_
