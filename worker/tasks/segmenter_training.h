#ifndef ALIGNFLOW_WORKER_TASKS_SEGMENTER_TRAINING_H_
#define ALIGNFLOW_WORKER_TASKS_SEGMENTER_TRAINING_H_

#include <cstdint>
#include <string>

#include "worker/models/segmenters/segmenter.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"
#include "worker/tasks/task_progress.h"
#include "worker/training/random_stream.h"

namespace alignflow {

// What is done to training images besides flips (worker/training/augmentation.h).
enum class Augment {
  kNone,
  kOrdinary,  // colours as a user's augmentation changes them, and crops
  kScaling,   // likewise, and half of the images seen from farther away
  kStrong,    // colours far from the image's own
};

struct SegmenterTraining {
  const ImageSet& real;
  at::Tensor rows = {};  // int64 [M]: the rows of `real` that are trained on; undefined: all
  const ImageSet* synthetic = nullptr;
  double synthetic_share = 0;  // of each batch, rounded to whole images; unless synthetic is null
  int64_t iterations = 0;
  int64_t batch = 0;
  double learning_rate = 0;  // peak
  uint64_t seed = 0;
  RandomUse order;                   // of the items
  RandomUse step;                    // of what is drawn in each step
  Augment augment = Augment::kNone;  // of real and synthetic images alike
};

// MakeSegmenter on the task's device, with its encoder's published weights: unet-lite0's as
// worker/stores/efficientnet_file.h says, the others' in the folder MODELS_DIR/NAME. Throws
// TaskError with FailedPrecondition on a worker that does not have them: the result would be
// another under the same key.
NewSegmenter MakeSegmenterOf(const TaskContext& context, const std::string& name, int64_t classes,
                             int64_t size, uint64_t seed, int64_t dims);

// Trains by cross-entropy and soft Dice on batches that are flipped at random, with the task's
// progress, checkpoints and cancel. Both sides of a comparison, with and without synthetic images,
// take the same steps.
void TrainSegmenter(TaskContext& context, ProgressReporter& progress, Segmenter& model,
                    const SegmenterTraining& training);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_SEGMENTER_TRAINING_H_
