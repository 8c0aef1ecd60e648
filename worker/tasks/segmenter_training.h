#ifndef ALIGNFLOW_WORKER_TASKS_SEGMENTER_TRAINING_H_
#define ALIGNFLOW_WORKER_TASKS_SEGMENTER_TRAINING_H_

#include <cstdint>

#include "worker/models/segmenters/segmenter.h"
#include "worker/sets/image_set.h"
#include "worker/tasks/task.h"
#include "worker/tasks/task_progress.h"
#include "worker/training/random_stream.h"

namespace alignflow {

struct SegmenterTraining {
  const ImageSet& real;
  const ImageSet* synthetic = nullptr;
  double synthetic_share = 0;  // of each batch, rounded to whole images; unless synthetic is null
  int64_t iterations = 0;
  int64_t batch = 0;
  double learning_rate = 0;  // peak
  uint64_t seed = 0;
  RandomUse order;  // of the items
  RandomUse step;   // of what is drawn in each step
  // Colours, contrast and brightness of each image are changed strongly at random, so that the
  // segmenter learns to see shapes in images of any style.
  bool recolour = false;
};

// Trains by cross-entropy and soft Dice on batches that are flipped at random, with the task's
// progress, checkpoints and cancel. Both sides of a comparison, with and without synthetic images,
// take the same steps.
void TrainSegmenter(TaskContext& context, ProgressReporter& progress, Segmenter& model,
                    const SegmenterTraining& training);

// Images [B,3,H,W] in [-1,1] in other colours, each in its own, in [-1,1].
at::Tensor Recoloured(const at::Tensor& images, at::Generator random);

}  // namespace alignflow

#endif  // ALIGNFLOW_WORKER_TASKS_SEGMENTER_TRAINING_H_
